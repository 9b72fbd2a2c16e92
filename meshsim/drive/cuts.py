"""Messages that wait because their way is cut, or because nobody is to acknowledge them.

They are in the channel of their hop, whose oldest message decides when all come back (`meshsim.drive.channels`); here
it is known which of them can go on when the way is free again. Where only the way back is cut, messages arrive and
their acknowledgements do not, so the channel keeps them, too.

What is on its way when a cut begins arrives. A connection outlives a cut: nobody tells its ends that anything is
wrong. One that there was not is dialled with the usual pauses, in vain until both directions are free. When the process
at the other end of a cut dies, its connections break at once all the same: chosen here, since the difference is one
word in an error.

Source: mesh_model.md 3.2, 3.3. That says how channels lose their connections, and nothing of networks that swallow
packets: what a cut is follows from TCP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from meshsim.drive.agenda import Agenda
from meshsim.drive.channels import Channels, Deliveries, Underway
from meshsim.drive.network import Network, Stop
from meshsim.drive.processes import Processes
from meshsim.faults.links import Hop
from meshsim.model.messages import Envelope
from meshsim.model.messaging.channel import Link, first_attempt
from meshsim.model.tags import tag_of


class Returning(msgspec.Struct):
    """A message on its way back from a process that could not pass it on."""

    message: Underway
    error: str
    is_over: bool = False


class Cuts:
    """What waits in the channels of one run because of rules."""

    def __init__(
        self,
        *,
        network: Network,
        channels: Channels,
        deliveries: Deliveries,
        processes: Processes,
        agenda: Agenda,
        timeout_ns: int,
        delivered: Callable[[Hop, int], Underway],
        hand_over: Callable[[Hop, Underway, bool], None],
        go_on: Callable[[Hop, Underway], None],
        give_back: Callable[[Underway, str, bool], None],
    ) -> None:
        self._network = network
        self._channels = channels
        self._deliveries = deliveries
        self._processes = processes
        self._agenda = agenda
        self._timeout_ns = timeout_ns
        #: A message as it is in a channel that has carried it.
        self._delivered = delivered
        #: Give a message to the channel of a hop; whether it is written.
        self._hand_over = hand_over
        #: Put a message on the wire of a hop after all.
        self._go_on = go_on
        #: Let a message come back after all, or lose it.
        self._give_back = give_back
        #: By hop: messages that wait for a way, or were withheld; and those whose acknowledgement waits for one.
        self._waiting: dict[Hop, list[Underway]] = {}
        self._unacknowledged: dict[Hop, list[Underway]] = {}
        self._returning: dict[Hop, list[Returning]] = {}

    # --- what a rule stops -----------------------------------------------------------------------------------

    def keeps(self, hop: Hop, message: Underway) -> bool:
        """Whether a message that is put on the wire now is stopped: the channel has it then."""
        stop = self._stop(hop, message.envelope)
        if stop is None:
            return False
        is_written = self._is_connected(hop) or not (self._network.is_cut(hop) or self._network.is_cut(hop[::-1]))
        if stop is Stop.UNTIL_HEALED:
            self._waiting.setdefault(hop, []).append(message)
        self._hand_over(hop, message, is_written)
        return True

    def _stop(self, hop: Hop, envelope: Envelope) -> Stop | None:
        network = self._network
        if network.is_cut(hop) or (not self._is_connected(hop) and network.is_cut((hop[1], hop[0]))):
            return Stop.UNTIL_HEALED
        return network.stop(hop, tag_of(envelope.message), self._agenda.instant)

    def keep_unacknowledged(self, hop: Hop) -> None:
        """What was delivered at this hop and not acknowledged stays in its channel while the way back is cut."""
        if not self._network.is_cut((hop[1], hop[0])) or self._processes.is_gone(hop[0]):
            return
        for delivery in self._deliveries.unacknowledged_in(hop, self._agenda.instant):
            message = self._delivered(hop, delivery)
            self._unacknowledged.setdefault(hop, []).append(message)
            self._hand_over(hop, message, True)

    def keep_return(self, hop: Hop, message: Underway, error: str) -> bool:
        """Whether a message that comes back has to wait for its way, too."""
        if not self._network.is_cut(hop):
            return False
        back = Returning(message, error)
        self._returning.setdefault(hop, []).append(back)
        self._agenda.post(self._agenda.instant + self._timeout_ns, self.give_up_return, hop, back)
        return True

    def give_up_return(self, hop: Hop, back: Returning) -> None:
        """What cannot be returned either is dropped: nothing loops (mesh_model.md 3.5)."""
        if not back.is_over:
            back.is_over = True
            self._returning[hop].remove(back)
            self._give_back(back.message, back.error, True)

    # --- rules that come and go ------------------------------------------------------------------------------

    def on_cut(self) -> None:
        """A rule was added: acknowledgements that are due may have no way any more."""
        for hop in self._deliveries.hops():
            self.keep_unacknowledged(hop)

    def on_healed(self) -> None:
        """A rule was taken away: what has a way goes on."""
        for hop in list(self._unacknowledged):
            if not self._network.is_cut((hop[1], hop[0])):
                self._acknowledge(hop)
        for hop in list(self._returning):
            if not self._network.is_cut(hop):
                for back in self._returning.pop(hop):
                    back.is_over = True
                    self._give_back(back.message, back.error, False)
        for hop in list(self._waiting):
            if self._network.is_cut(hop):
                continue
            if self._channels.link(hop) is not Link.DIALLING:
                self._release(hop)
            elif not self._network.is_cut((hop[1], hop[0])):
                since_ns = self._channels.dialling_ns(hop)
                self._agenda.post(first_attempt(since_ns, self._agenda.instant), self._redial, hop)

    def _acknowledge(self, hop: Hop) -> None:
        """Acknowledgements arrive; those of a process that is stopped or gone never were sent."""
        messages = self._unacknowledged.pop(hop)
        if not self._processes.running[hop[1]]:
            return
        now_ns = self._agenda.instant
        for message in messages:
            if self._channels.withdraw(hop, message, now_ns):
                self._deliveries.take_again(hop, message.delivery, now_ns)

    def _redial(self, hop: Hop) -> None:
        """An attempt to connect; one that fails leads to another when the way is free."""
        if self._network.is_cut(hop) or self._network.is_cut((hop[1], hop[0])):
            return
        if self._processes.is_stopped(hop[0]):
            self._processes.hold(hop[0], self._redial, hop)
        elif not self._processes.is_gone(hop[0]):
            if not self._processes.is_gone(hop[1]):
                self._channels.connect(hop, self._agenda.now_ns)
            self._release(hop)

    def _release(self, hop: Hop) -> None:
        """In sending order, each once; what the channel has given up came back."""
        now_ns = self._agenda.instant
        for message in self._waiting.pop(hop, ()):
            if self._processes.is_gone(hop[0]) or not self._channels.withdraw(hop, message, now_ns):
                continue
            self._go_on(hop, message)

    def _is_connected(self, hop: Hop) -> bool:
        """Whether there is a connection: something has passed, and nothing has closed it since."""
        link = self._channels.link(hop)
        if link in (None, Link.IDLE):
            return self._deliveries.has_passed(hop)
        return link is Link.CONNECTED

    def returning(self) -> Iterator[Underway]:
        """Messages that wait on their way back."""
        for waiting in self._returning.values():
            for back in waiting:
                yield back.message
