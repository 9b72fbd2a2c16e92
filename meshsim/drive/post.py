"""Messages on their way: sent, delivered, held for the stopped, given back for the dead.

A message to a proc passes the front end of its host. Whoever has it last and cannot pass it on gives it back: the
sender's own process when it cannot reach the host, the host when it cannot reach its proc.

Source: mesh_model.md 3.2, 3.3, 3.5; supervision.md 4.6, 9.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from meshsim.drive.agenda import Agenda, Entry
from meshsim.drive.backend import Backend
from meshsim.drive.network import CLOSED, UNROUTABLE, Hop, Network, Unacknowledged
from meshsim.drive.processes import Processes
from meshsim.model.commands import NodeCommand
from meshsim.model.ids import ActorId, Node, address_of, proc_of
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.undeliverable import RETURNED
from meshsim.trace.records import Body, MessageLost, MessageReturned, Record

#: Why a message that nobody wants back is lost.
RECEIVER_GONE = "the receiver is gone"
CARRIER_GONE = "the process that had it is gone"

#: Arguments of a delivery: from, to, what, cause, and when it was sent.
Delivery = tuple[Node, Node, Envelope, int, int]


class Post:
    """Carries the messages of one run."""

    def __init__(
        self,
        *,
        network: Network,
        backend: Backend,
        agenda: Agenda,
        processes: Processes,
        records: list[Record],
        watchers: list[Callable[[Record], None]],
        record: Callable[[str, int, Body], int],
        carry_out: Callable[[Node, list[NodeCommand], int], None],
    ) -> None:
        self.network = network
        #: Where an actor lives; filled as actors are written to.
        self.routes: dict[ActorId, Node] = {}
        #: What is in an agenda entry of a delivery: one bound method, made once.
        self.deliver = self._deliver_in_a_row if backend.steps_through else self._deliver
        self._backend = backend
        self._agenda = agenda
        self._processes = processes
        self._reachable = processes.reachable
        self._records = records
        self._watchers = watchers
        self._record = record
        self._carry_out = carry_out

    def route(self, actor: ActorId) -> Node | None:
        """The process that takes messages for an actor; none if nothing ever served its address.

        A proc that has no process of its own is, or was, in the process that serves its address, or it is unknown:
        that process knows.
        """
        proc = proc_of(actor)
        node = self.routes.get(actor) or self._processes.of_proc.get(proc)
        if node is None:
            return self._processes.of_address.get(address_of(proc))  # Not kept: its process may still be started.
        self.routes[actor] = node
        return node

    # --- sending -------------------------------------------------------------------------------------------

    def send(self, src: Node, envelope: Envelope, cause: int) -> None:
        """A process sends a message to an actor of another process."""
        dst = self.route(envelope.dest)
        if dst is None:
            self._give_back(src, envelope, cause, (UNROUTABLE,))
            return
        if (src, self._first_stop(src, dst)) in self.network.closed:
            self._give_back(src, envelope, cause, (CLOSED,))
            return
        now_ns = self._agenda.instant
        at_ns = self.network.arrival(src, dst, now_ns)
        if at_ns is None:
            self._record(dst, cause, MessageLost(envelope, "the network lost it"))
        else:
            self._agenda.post(at_ns, self.deliver, src, dst, envelope, cause, now_ns)

    def tell(self, actor: ActorId, envelope: Envelope, cause: int) -> bool:
        """Hand a message of the scenario itself to an actor, now; False when its process is gone."""
        node = self.route(actor)
        if node is None or self._processes.is_gone(node):
            return False
        self._agenda.post(self._agenda.instant, self._hand_over, node, envelope, cause)
        return True

    def _first_stop(self, src: Node, dst: Node) -> Node:
        """The first process that a message reaches: the host in front of a proc, unless it is the host's own."""
        front = self._processes.front[dst]
        return dst if front is None or front == src else front

    # --- delivering ------------------------------------------------------------------------------------------

    def _deliver(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        if not self._reachable[dst]:
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

    def _deliver_in_a_row(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """As `_deliver`, with everything that the same process receives next at this instant: one round trip.

        The records are the same: no command of one step changes what the next step of that process is fed, except
        its exit, after which it takes nothing.
        """
        row: list[Delivery] = [(src, dst, envelope, cause, sent_ns)]
        while (following := self._agenda.take_next(self.deliver, dst)) is not None:
            row.append(following)
        taken = 0
        if len(row) > 1 and self._reachable[dst]:
            messages = [delivery[2] for delivery in row]
            for commands in self._backend.step_through(dst, messages, self._agenda.now_ns):
                seq = self._record(dst, row[taken][3], messages[taken])
                taken += 1
                self._carry_out(dst, commands, seq)
        for delivery in row[taken:]:
            self._deliver(*delivery)

    def _hand_over(self, node: Node, envelope: Envelope, cause: int) -> None:
        """What the scenario says to an actor: no network, but a stopped process takes it when it continues."""
        if self._processes.running[node]:
            seq = self._record(node, cause, envelope)
            self._carry_out(node, self._backend.step(node, envelope, self._agenda.now_ns), seq)
        elif self._processes.is_stopped(node):
            self._processes.hold(node, self._hand_over, node, envelope, cause)
        else:
            self._record(node, cause, MessageLost(envelope, RECEIVER_GONE))

    # --- not delivered ---------------------------------------------------------------------------------------

    def _not_taken(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """The next process on the way is stopped or gone: the channel to it has the message now."""
        hop, since_ns = (src, self._first_stop(src, dst)), sent_ns
        if self._processes.running[hop[1]]:
            hop, since_ns = (hop[1], dst), self._agenda.now_ns
        message = Unacknowledged(src, dst, envelope, cause, since_ns)
        if hop in self.network.closed:
            self._refuse(hop, message, CLOSED)
            return
        stopped = self._processes.is_stopped(hop[1])
        if not stopped and not envelope.returnable:
            self._record(dst, cause, MessageLost(envelope, RECEIVER_GONE))
            return
        look_ns = self.network.keep(hop, message)
        if look_ns is not None:
            self._agenda.post(max(look_ns, self._agenda.now_ns), self._give_up, hop)
        if stopped:
            # Written to a socket that nobody reads: it is taken when the process continues, given up or not.
            self._processes.hold(hop[1], self._deliver_late, src, dst, hop, message)

    def _deliver_late(self, src: Node, dst: Node, hop: Hop, message: Unacknowledged) -> None:
        """What a stopped process did not take, now that it continues or is dead."""
        if self._processes.running[hop[1]]:
            self.network.acknowledge(hop, message)
            self._deliver(src, dst, message.envelope, message.cause, self._agenda.now_ns)
        elif self._processes.is_stopped(hop[1]):
            self._processes.hold(hop[1], self._deliver_late, src, dst, hop, message)
        elif not message.envelope.returnable and self.network.acknowledge(hop, message):
            self._record(dst, message.cause, MessageLost(message.envelope, RECEIVER_GONE))

    def _give_up(self, hop: Hop) -> None:
        """The delivery timeout of a channel: it closes, and everything unacknowledged comes back."""
        owner = hop[0]
        if self._processes.is_stopped(owner):
            self._processes.hold(owner, self._give_up, hop)
            return
        if self._processes.is_gone(owner):
            for message in self.network.abandon(hop):
                self._record(message.dst, message.cause, MessageLost(message.envelope, CARRIER_GONE))
            return
        result = self.network.give_up(hop, self._agenda.now_ns)
        if isinstance(result, int):
            self._agenda.post(result, self._give_up, hop)
            return
        error = self.network.timeout_error(hop, connected=self._processes.is_stopped(hop[1])) if result else ""
        for message in result:
            self._refuse(hop, message, error)

    def _refuse(self, hop: Hop, message: Unacknowledged, error: str) -> None:
        """Give a message back from the process that has it: the sender's own, or the host on the way."""
        if hop[0] == message.src:
            self._give_back(message.src, message.envelope, message.cause, (error,))
            return
        at_ns = self.network.arrival(hop[0], message.src, self._agenda.now_ns)
        if at_ns is None or not message.envelope.returnable:
            self._record(message.dst, message.cause, MessageLost(message.envelope, error))
        else:
            errors = (error, RETURNED)
            self._agenda.post(at_ns, self._give_back, message.src, message.envelope, message.cause, errors)

    def _give_back(self, src: Node, envelope: Envelope, cause: int, errors: tuple[str, ...]) -> None:
        """To the actor that sent it, in its own process."""
        if self._processes.is_stopped(src):
            self._processes.hold(src, self._give_back, src, envelope, cause, errors)
        elif not envelope.returnable or not self._processes.running[src]:
            self._record(src, cause, MessageLost(envelope, errors[0]))
        else:
            seq = self._record(src, cause, MessageReturned(envelope, errors))
            returned = Envelope(envelope.dest, envelope.sender, Undeliverable(envelope, errors), returnable=False)
            now_ns = self._agenda.instant
            self._agenda.post(now_ns, self.deliver, src, src, returned, seq, now_ns)

    # --- order and end ---------------------------------------------------------------------------------------

    def lane(self, entry: Entry) -> Hop | None:
        """Messages from one process to another keep their order, whatever the tie order."""
        function, arguments = entry
        if function is self.deliver or function == self._deliver_late:
            return arguments[0], arguments[1]
        return None

    def under_way(self) -> Iterator[tuple[Node, int, Envelope]]:
        """Messages that are neither delivered nor lost: where they go, what caused them, and what they are."""
        for function, arguments in [*self._processes.held(), *self._agenda.remaining()]:
            if function is self.deliver:
                _, dst, envelope, cause, _ = arguments
                yield dst, cause, envelope
            elif function in (self._hand_over, self._give_back):
                node, envelope, cause = arguments[:3]
                yield node, cause, envelope
        for message in self.network.unacknowledged():
            yield message.dst, message.cause, message.envelope
