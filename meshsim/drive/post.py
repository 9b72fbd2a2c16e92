"""Messages on their way: sent, judged by the network, and delivered. What cannot be is the business of `Undelivered`.

A message to a proc passes the front end of its host.

Source: mesh_model.md 3.2, 3.3, 3.5; supervision.md 4.6, 9.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from meshsim.drive.agenda import Agenda, Entry
from meshsim.drive.backend import Backend
from meshsim.drive.channels import Underway
from meshsim.drive.network import Network
from meshsim.drive.processes import Processes
from meshsim.drive.returning import Returns
from meshsim.drive.undelivered import Undelivered
from meshsim.faults.kinds import DeliveryTimeout, Partition
from meshsim.faults.links import Hop, Parcel, Rule
from meshsim.model.commands import NodeCommand
from meshsim.model.config import Config
from meshsim.model.ids import ActorId, Node, address_of, node_of_address, proc_of
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.messaging.channel import closed_error
from meshsim.model.messaging.hops import TTL_EXPIRED, processes_reached
from meshsim.model.tags import tag_of
from meshsim.scenario.plan import Plan
from meshsim.trace.records import Body, Record

#: A frame of this length is never seen: lengths are measured only against a smaller limit.
_LENGTH_UNSEEN = 1 << 30

#: Arguments of a delivery: from, to, what, cause, and when it was sent.
Delivery = tuple[Node, Node, Envelope, int, int]


class Post(Undelivered):
    """Carries the messages of one run."""

    def __init__(
        self,
        *,
        plan: Plan,
        network: Network,
        backend: Backend,
        agenda: Agenda,
        processes: Processes,
        records: list[Record],
        watchers: list[Callable[[Record], None]],
        record: Callable[[str, int, Body], int],
        carry_out: Callable[[Node, list[NodeCommand], int], None],
    ) -> None:
        super().__init__(
            plan=plan,
            network=network,
            backend=backend,
            agenda=agenda,
            processes=processes,
            records=records,
            record=record,
            carry_out=carry_out,
        )
        self._watchers = watchers
        self._returns = Returns(
            network=network,
            channels=self._channels,
            deliveries=self._deliveries,
            processes=processes,
            agenda=agenda,
            send=self.send,
            obey=self._obey,
            give_back=self._give_back,
        )
        # One bound method, made once: agenda entries are told apart by it.
        self.deliver = self._deliver_in_a_row if backend.steps_through else self._deliver
        if network.may_withhold or any(isinstance(fault, Partition | DeliveryTimeout) for fault in plan.faults):
            self.expect_cuts()
        limit = Config.of(plan.config, plan.quirks_off).codec_max_frame_length
        #: Length of the longest message; none unless it was made shorter than what nobody reaches.
        self._length_max = limit if limit < _LENGTH_UNSEEN else None
        #: Whether each message has to be looked at before it is sent.
        self.is_strict = self._is_short_lived or self._length_max is not None

    def expect_cuts(self) -> None:
        """What is sent from now on may be stopped at any hop of its way."""
        self.deliver = self._deliver_past_cuts

    @property
    def expects_cuts(self) -> bool:
        """Whether what is on its way may still be stopped."""
        return self.deliver == self._deliver_past_cuts

    # --- sending -------------------------------------------------------------------------------------------

    def send(self, src: Node, envelope: Envelope, cause: int) -> None:
        """A process sends a message to an actor of another process."""
        dst = self.route(envelope.dest)
        if dst is None:
            self._dial_nobody(src, envelope, cause)
            return
        now_ns = self._agenda.instant
        message = Underway(src, dst, envelope, cause, now_ns)
        if dst == src and proc_of(envelope.dest) in self.network.places:
            # Between two places of one process: nothing of a channel is on the way.
            procs = proc_of(envelope.sender), proc_of(envelope.dest)
            self._travel(message, self.network.arrivals_within(*procs, tag_of(envelope.message), now_ns))
            return
        first = self._first_stop(src, dst)
        if (src, first) in self.closed:
            self._give_back(src, envelope, cause, (closed_error(None),))
            return
        if self._returns.is_unknown((src, first)) and self._reachable[first]:
            self._returns.write_in_vain((src, first), message)
            return
        if self._length_max is not None and _length(envelope) > self._length_max:
            self._send_oversize((src, first), message)
            return
        reached = processes_reached(self._ttl, 1 if first == dst else 2) if self._is_short_lived else None
        if reached == 0:
            self._give_back(src, envelope, cause, (TTL_EXPIRED,))
            return
        if self.network.may_stop and self._cuts.keeps((src, first), message):
            return
        arrivals = self._arrivals(src, dst, tag_of(envelope.message))
        if reached is None or not arrivals:
            self._travel(message, arrivals)
            return
        for at_ns in arrivals:
            self._agenda.post(at_ns, self._expire, src, first if reached == 1 else dst, envelope, cause, now_ns)

    def _send_oversize(self, hop: Hop, message: Underway) -> None:
        """The channel closes with everything that is not acknowledged; what is on the wire arrives all the same."""
        now_ns = self._agenda.instant
        for delivery in self._deliveries.unacknowledged_in(hop, now_ns):
            self._hand_to_channel(hop, self._delivered(hop, delivery))
        length = _length(message.envelope)
        self._obey(hop, self._channels.post(hop, message, now_ns, is_written=True, length=length))

    def come_back(self, former: Node, node: Node) -> None:
        """A host is about to come back as another process."""
        self.is_strict = True
        self._returns.come_back(former, node)
        for actor in [actor for actor, at in self.routes.items() if former in (at, self._processes.front[at])]:
            del self.routes[actor]

    def _dial_nobody(self, src: Node, envelope: Envelope, cause: int) -> None:
        """No process ever served the address: it is dialled all the same, in vain (mesh_model.md 3.2)."""
        nobody = node_of_address(address_of(proc_of(envelope.dest)))
        self._not_reached((src, nobody), Underway(src, nobody, envelope, cause, self._agenda.instant), stopped=False)

    def tell(self, actor: ActorId, envelope: Envelope, cause: int) -> bool:
        """Hand a message of the scenario itself to an actor, now; False when its process is gone."""
        node = self.route(actor)
        if node is None or self._processes.is_gone(node):
            return False
        self._agenda.post(self._agenda.instant, self._hand_over, node, envelope, cause)
        return True

    # --- delivering ------------------------------------------------------------------------------------------

    def _deliver(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        if not self._reachable[dst] or dst in self._cut_off:
            self._not_taken(src, dst, envelope, cause, sent_ns)
            return
        records = self._records
        seq = len(records)
        now_ns = self._agenda.now_ns
        record = Record(seq, now_ns, dst, cause, envelope)
        records.append(record)
        if self._watchers:
            for watcher in self._watchers:
                watcher(record)
        commands = self._backend.step(dst, envelope, now_ns)
        if commands:
            self._carry_out(dst, commands, seq)

    def is_taken(self, entry: Entry) -> bool:
        """Whether something that is due is a message which its process is going to take as it comes."""
        function, arguments = entry
        if function != self._deliver and (function != self._deliver_past_cuts or self.network.may_stop):
            return False
        return self._reachable[arguments[1]] and arguments[1] not in self._cut_off

    @property
    def returns_at_once(self) -> bool:
        """Whether what is sent may come back at the very same instant."""
        return bool(self.closed) or self.is_strict

    def _deliver_in_a_row(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """As `_deliver`, with everything that the same process receives next at this instant: one round trip.

        The records are the same: no command of one step changes what the next step of that process is fed, except
        its exit, after which it takes nothing.
        """
        row: list[Delivery] = [(src, dst, envelope, cause, sent_ns)]
        while (following := self._agenda.take_next(self.deliver, dst)) is not None:
            row.append(following)
        taken = 0
        if len(row) > 1 and self._reachable[dst] and dst not in self._cut_off:
            messages = [delivery[2] for delivery in row]
            for commands in self._backend.step_through(dst, messages, self._agenda.now_ns):
                seq = self._record(dst, row[taken][3], messages[taken])
                taken += 1
                self._carry_out(dst, commands, seq)
        for delivery in row[taken:]:
            self._deliver(*delivery)

    # --- rules of the network --------------------------------------------------------------------------------

    def add_rule(self, rule: Rule) -> None:
        """From now on messages are judged by this rule, too."""
        self.network.add_rule(rule)
        self._cuts.on_cut()

    def remove_rule(self, key: int) -> bool:
        """The oldest rule of this key is over; False when there is none."""
        is_there = self.network.remove_rule(key)
        self._cuts.on_healed()
        return is_there

    def _deliver_past_cuts(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """As `_deliver`; the way from the host to its proc may be cut, and the way back of acknowledgements."""
        if not self.network.may_stop or src == dst:
            self._deliver(src, dst, envelope, cause, sent_ns)
            return
        first = self._first_stop(src, dst)
        can_pass_on = first != dst and self._processes.running[first] and first not in self._ended_ns
        if can_pass_on and self._cuts.keeps((first, dst), Underway(src, dst, envelope, cause, self._agenda.now_ns)):
            return
        self._deliver(src, dst, envelope, cause, sent_ns)
        for hop in Parcel(src, dst, first, "").hops:
            self._cuts.keep_unacknowledged(hop)

    # --- order and end ---------------------------------------------------------------------------------------

    def lane(self, entry: Entry) -> Hop | None:
        """Messages from one process to another keep their order, whatever the tie order; so do those that come back."""
        function, arguments = entry
        if function is self.deliver or function in (self._deliver_late, self._expire):
            return arguments[0], arguments[1]
        if function == self._give_back or (
            function == self._hand_over and isinstance(arguments[1].message, Undeliverable)
        ):
            return arguments[0], arguments[0]
        return None

    def under_way(self) -> Iterator[tuple[Node, int, Envelope]]:
        """Messages that are neither delivered nor lost: where they go, what caused them, and what they are."""
        for function, arguments in [*self._processes.held(), *self._agenda.remaining()]:
            if function is self.deliver or function == self._expire:
                _, dst, envelope, cause, _ = arguments
                yield dst, cause, envelope
            elif function in (self._hand_over, self._give_back):
                node, envelope, cause = arguments[:3]
                yield node, cause, envelope
            elif function == self._deliver_late and arguments[3].is_at_receiver:
                yield arguments[1], arguments[3].cause, arguments[3].envelope
        for message in self._returns.written():
            yield message.dst, message.cause, message.envelope
        for message in self._channels.open_messages():
            if not message.is_at_receiver:
                yield message.dst, message.cause, message.envelope
        for message in self._cuts.returning():
            yield message.src, message.cause, message.envelope


def _length(envelope: Envelope) -> int:
    """Bytes of a frame: here those of the message as traces have it. The reference's encoding is another one."""
    return len(msgspec.json.encode(envelope))
