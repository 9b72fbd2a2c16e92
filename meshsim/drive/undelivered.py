"""Messages that did not get there: held for the stopped, kept by channels, given back for the dead.

Whoever has a message last and cannot pass it on gives it back: the sender's own process when it cannot reach the host,
the host when it cannot reach its proc. What was delivered comes back as well when its receiver ends before it has
acknowledged it.

Source: mesh_model.md 3.2, 3.3, 3.5; supervision.md 4.6, 9.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshsim.drive.agenda import Agenda
from meshsim.drive.backend import Backend
from meshsim.drive.channels import Channels, Deliveries, Underway
from meshsim.drive.cuts import Cuts
from meshsim.drive.kernel import ProcessState
from meshsim.drive.network import Network
from meshsim.drive.processes import Processes
from meshsim.faults.links import Hop, Parcel
from meshsim.model.commands import NodeCommand
from meshsim.model.config import Config
from meshsim.model.ids import ActorId, Node, address_of, proc_of
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.messaging.channel import SERVER_CLOSED, Bounce, SenderCommand, WakeAt, closed_error
from meshsim.model.messaging.hops import HOPS_MAX, TTL_EXPIRED, processes_reached
from meshsim.model.messaging.undeliverable import RETURNED
from meshsim.model.notes import Bounced
from meshsim.model.tags import tag_of
from meshsim.scenario.plan import Plan
from meshsim.trace.records import Body, MessageLost, MessageReturned, Record

#: Why a message that nobody wants back is lost.
LOST = "the network lost it"
RECEIVER_GONE = "the receiver is gone"
CARRIER_GONE = "the process that had it is gone"

#: Tag of what brings a message back.
_RETURN = tag_of(Undeliverable)


class Undelivered:
    """What the post of one run does with messages that it cannot deliver, or not now."""

    #: Have a message arrive: what is in an agenda entry of a delivery.
    deliver: Callable[[Node, Node, Envelope, int, int], None]

    def __init__(
        self,
        *,
        plan: Plan,
        network: Network,
        backend: Backend,
        agenda: Agenda,
        processes: Processes,
        records: list[Record],
        record: Callable[[str, int, Body], int],
        carry_out: Callable[[Node, list[NodeCommand], int], None],
    ) -> None:
        self.network = network
        #: Where an actor lives; filled as actors are written to.
        self.routes: dict[ActorId, Node] = {}
        self._backend = backend
        self._agenda = agenda
        self._processes = processes
        self._reachable = processes.reachable
        self._records = records
        self._record = record
        self._carry_out = carry_out
        config = Config.of(plan.config, plan.quirks_off)
        self._channels = Channels(plan)
        #: Channels that are closed for good.
        self.closed = self._channels.closed
        #: Processes that may run and still take no messages: their host gave up on them, or they closed their server.
        self._cut_off: set[Node] = set()
        self._deliveries = Deliveries(plan, records, self.route, self._first_stop)
        self._cuts = Cuts(
            network=network,
            channels=self._channels,
            deliveries=self._deliveries,
            processes=processes,
            agenda=agenda,
            timeout_ns=config.message_delivery_timeout,
            delivered=self._delivered,
            hand_over=self._hand_to_cut_channel,
            go_on=self._go_on,
            give_back=self._give_back_late,
        )
        #: Since when nobody serves the address of a process: it has ended, or closed its server.
        self._ended_ns: dict[Node, int] = {}
        #: When the sender of a channel was told that its receiver closed its server.
        self._told_ns: dict[Hop, int] = {}
        self._ttl = config.message_ttl_default
        #: Whether a TTL can expire at all.
        self._is_short_lived = self._ttl < HOPS_MAX
        processes.on_change = self._on_process_changed

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

    def _first_stop(self, src: Node, dst: Node) -> Node:
        """The first process that a message reaches: the host in front of a proc, unless it is the host's own."""
        front = self._processes.front[dst]
        return dst if front is None or front == src else front

    def _arrivals(self, src: Node, dst: Node, kind: str) -> tuple[int, ...]:
        """When a message that is put on the wire now arrives: once, more often, or never."""
        now_ns = self._agenda.instant
        if self.network.is_judged:
            return self.network.arrivals(Parcel(src, dst, self._first_stop(src, dst), kind), now_ns)
        at_ns = self.network.arrival(src, dst, now_ns)
        return () if at_ns is None else (at_ns,)

    def _hand_over(self, node: Node, envelope: Envelope, cause: int) -> None:
        """Without the network: what the scenario says to an actor, and what comes back to one in its own process."""
        if self._processes.running[node]:
            seq = self._record(node, cause, envelope)
            self._carry_out(node, self._backend.step(node, envelope, self._agenda.now_ns), seq)
        elif self._processes.is_stopped(node):
            self._processes.hold(node, self._hand_over, node, envelope, cause)
        else:
            self._record(node, cause, MessageLost(envelope, RECEIVER_GONE))

    def remembered(self) -> list[object]:
        """What decides about messages to come, other than what is due: two runs in which it is equal go on alike.

        When a process ended matters to what was sent before.
        """
        due = self._agenda.due()
        sent = [argument for _, (_, arguments) in due for argument in arguments[-1:] if isinstance(argument, int)]
        sent += [message.since_ns for message in self._channels.open_messages()]
        oldest_ns = min(sent, default=self._agenda.instant)
        return [
            sorted((node, at_ns if oldest_ns < at_ns else -1) for node, at_ns in self._ended_ns.items()),
            sorted(self._told_ns.items()),
            sorted(self._cut_off),
            self._channels.remembered(),
        ]

    # --- not delivered ---------------------------------------------------------------------------------------

    def _expire(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """A message reaches the process in which its TTL is used up."""
        if self._processes.is_stopped(dst):
            self._processes.hold(dst, self._expire, src, dst, envelope, cause, sent_ns)
        elif not self._reachable[dst]:
            self._not_taken(src, dst, envelope, cause, sent_ns)
        else:
            seq = self._record(dst, cause, Bounced(envelope, TTL_EXPIRED))
            self._return_from(dst, Underway(src, dst, envelope, seq, sent_ns), TTL_EXPIRED)

    def _not_taken(self, src: Node, dst: Node, envelope: Envelope, cause: int, sent_ns: int) -> None:
        """The next process on the way is stopped or gone, or out of reach: the channel to it has the message now."""
        first = self._first_stop(src, dst)
        hop, since_ns = (src, first), sent_ns
        if first != dst and self._processes.running[first] and first not in self._ended_ns:
            hop, since_ns = (first, dst), self._agenda.now_ns
        message = Underway(src, dst, envelope, cause, since_ns)
        if since_ns < self._told_ns.get(hop, since_ns):
            self._refuse(hop, message, closed_error(SERVER_CLOSED))
        else:
            stopped = self._processes.is_stopped(hop[1]) and hop[1] not in self._ended_ns
            self._not_reached(hop, message, stopped=stopped)

    def _not_reached(self, hop: Hop, message: Underway, *, stopped: bool) -> None:
        """The end of a channel is stopped, or there is none."""
        if hop in self.closed:
            self._refuse(hop, message, closed_error(None))
            return
        if not stopped and not message.envelope.returnable:
            self._record(message.dst, message.cause, MessageLost(message.envelope, RECEIVER_GONE))
            message.is_lost = True
        self._hand_to_channel(hop, message)
        if stopped:
            # Written to a socket that nobody reads: it is taken when the process continues, given up or not.
            message.is_at_receiver = not message.envelope.returnable
            self._processes.hold(hop[1], self._deliver_late, message.src, message.dst, hop, message)

    def _deliver_late(self, src: Node, dst: Node, hop: Hop, message: Underway) -> None:
        """What a stopped process did not take, now that it continues or is dead."""
        if self._processes.running[hop[1]]:
            self._channels.withdraw(hop, message, self._agenda.now_ns)
            if hop[1] == dst:
                self._hand_over(dst, message.envelope, message.cause)
            else:
                self.deliver(src, dst, message.envelope, message.cause, self._agenda.now_ns)
        elif self._processes.is_stopped(hop[1]):
            self._processes.hold(hop[1], self._deliver_late, src, dst, hop, message)
        elif message.is_at_receiver and not message.is_lost:
            self._record(dst, message.cause, MessageLost(message.envelope, RECEIVER_GONE))
            message.is_lost = True

    # --- channels to processes that are stopped or gone --------------------------------------------------------

    def _on_process_changed(self, node: Node, state: ProcessState) -> None:
        """What a process had not acknowledged matters when it is stopped or ends, and no more when it goes on."""
        if state is ProcessState.RUNNING:
            self._acknowledge(node)
            return
        now_ns = self._agenda.instant
        for hop, deliveries in self._deliveries.unacknowledged(node, now_ns):
            if not self._processes.is_gone(hop[0]):
                for delivery in deliveries:
                    self._hand_to_channel(hop, self._delivered(hop, delivery))
        if state is ProcessState.DEAD:
            self._ended_ns.setdefault(node, now_ns)
            self._recall(node)
            for hop, commands in self._channels.disconnect(node, now_ns):
                self._obey(hop, commands)

    def close_server(self, node: Node) -> None:
        """A process closes its server in an orderly way, and may live on."""
        now_ns = self._agenda.instant
        self._ended_ns[node] = now_ns
        self._cut_off.update((node, *(each for each, front in self._processes.front.items() if front == node)))
        for hop, _ in self._deliveries.unacknowledged(node, now_ns):
            if not self._processes.is_gone(hop[0]) and not self.network.is_cut((node, hop[0])):
                self._told_ns[hop] = now_ns
                self._channels.close_server(hop, now_ns)

    def _delivered(self, hop: Hop, delivery: int) -> Underway:
        """A message as it is in a channel that has carried it already."""
        record = self._records[delivery]
        assert isinstance(record.what, Envelope)
        dst = Node(record.node)
        src = self.route(record.what.sender)
        assert src is not None, "it was delivered"
        # What is sent is sent at once by the step that is recorded as its cause; a host passes on at once.
        since_ns = self._records[record.cause].at if hop[0] == src and record.cause >= 0 else record.at
        return Underway(src, dst, record.what, delivery, since_ns, delivery)

    def _acknowledge(self, node: Node) -> None:
        """A process goes on: its overdue acknowledgements are sent, the others come in their time."""
        now_ns = self._agenda.instant
        for hop, messages in self._channels.held_for(node):
            for message in messages:
                if message.delivery >= 0:
                    self._channels.withdraw(hop, message, now_ns)
                    self._deliveries.take_again(hop, message.delivery, now_ns)

    def _recall(self, host: Node) -> None:
        """A host has ended with messages that it could not pass on: those it had not acknowledged come back."""
        now_ns = self._agenda.instant
        for hop, messages in self._channels.held_by(host):
            for message in messages:
                if message.is_open and hop[0] != message.src and self._deliveries.is_fresh(message.since_ns, now_ns):
                    self._channels.withdraw(hop, message, now_ns)
                    back = Underway(message.src, message.dst, message.envelope, message.cause, message.since_ns)
                    self._hand_to_channel((message.src, host), back)

    def _hand_to_channel(self, hop: Hop, message: Underway) -> None:
        now_ns = self._agenda.instant
        ended_ns = self._ended_ns.get(hop[1]) if hop[1] in self._processes.running else 0
        is_written = ended_ns is None or message.since_ns < ended_ns
        commands = self._channels.post(hop, message, now_ns, is_written=is_written)
        if ended_ns is not None and is_written:
            commands += self._channels.break_off(hop, ended_ns)
        self._obey(hop, commands)

    def _obey(self, hop: Hop, commands: list[SenderCommand[Underway]]) -> None:
        """Carry out what a channel asks for. What it writes is delivered, or held for a stopped process, elsewhere."""
        for command in commands:
            match command:
                case WakeAt(at_ns=at_ns):
                    self._agenda.post(max(at_ns, self._agenda.instant), self._wake, hop)
                case Bounce(items=messages, error=error):
                    if hop in self.closed and self._processes.front.get(hop[1]) == hop[0]:
                        self._cut_off.add(hop[1])
                    for message in messages:
                        self._refuse(hop, message, error)

    def _wake(self, hop: Hop) -> None:
        """A channel may have waited too long; it lives in the process of its sender."""
        owner = hop[0]
        if self._processes.is_stopped(owner):
            self._processes.hold(owner, self._wake, hop)
        elif self._processes.is_gone(owner):
            is_stopped = self._processes.is_stopped(hop[1]) and hop[1] not in self._ended_ns
            for message in self._channels.abandon(hop):
                if is_stopped:
                    message.is_at_receiver = True
                elif message.is_open and not message.is_at_receiver:
                    self._record(message.dst, message.cause, MessageLost(message.envelope, CARRIER_GONE))
        else:
            self._obey(hop, self._channels.wake(hop, self._agenda.now_ns))

    # --- cuts ------------------------------------------------------------------------------------------------

    def _hand_to_cut_channel(self, hop: Hop, message: Underway, is_written: bool) -> None:
        self._obey(hop, self._channels.post(hop, message, self._agenda.instant, is_written=is_written))

    def _go_on(self, hop: Hop, message: Underway) -> None:
        """A message that waited in the channel of a hop is put on the wire; only now a sender finds out who is gone."""
        if hop[1] in self._ended_ns:
            self._channels.break_off(hop, self._agenda.instant)
        src, dst, envelope = message.src, message.dst, message.envelope
        is_at_front = hop[0] != src
        arrivals = (self._agenda.instant,) if is_at_front else self._arrivals(src, dst, tag_of(envelope.message))
        self._travel(message, arrivals)

    def _travel(self, message: Underway, arrivals: Sequence[int]) -> None:
        """A message is on the wire, and arrives then; it is lost if it never does."""
        src, dst, envelope, cause = message.src, message.dst, message.envelope, message.cause
        if not arrivals:
            self._record(dst, cause, MessageLost(envelope, LOST))
        for at_ns in arrivals:
            self._agenda.post(at_ns, self.deliver, src, dst, envelope, cause, message.since_ns)

    def _give_back_late(self, message: Underway, error: str, is_lost: bool) -> None:
        """What comes back has waited for its way, and has it now, or for too long."""
        if is_lost:
            self._record(message.dst, message.cause, MessageLost(message.envelope, error))
        else:
            back = (message.src, message.envelope, message.cause, (error, RETURNED))
            self._agenda.post(self._agenda.instant, self._give_back, *back)

    # --- giving back -----------------------------------------------------------------------------------------

    def _refuse(self, hop: Hop, message: Underway, error: str) -> None:
        """Give a message back from the process that has it: the sender's own, or the host on the way."""
        if not message.envelope.returnable and (message.is_at_receiver or not message.is_open):
            return  # It is going to be delivered or lost, or was already.
        if hop[0] == message.src:
            self._give_back(message.src, message.envelope, message.cause, (error,))
        else:
            self._return_from(hop[0], message, error)

    def _return_from(self, node: Node, message: Underway, error: str) -> None:
        """A process on the way, or at its end, gives a message back over the network."""
        src, envelope, cause = message.src, message.envelope, message.cause
        if envelope.returnable and self._cuts.keep_return((node, self._first_stop(node, src)), message, error):
            return
        arrivals = self._arrivals(node, src, _RETURN)
        processes = 1 if self._first_stop(node, src) == src else 2
        expires = self._is_short_lived and processes_reached(self._ttl, processes) is not None
        if not arrivals or expires or not envelope.returnable:
            self._record(message.dst, cause, MessageLost(envelope, error))
        else:
            self._agenda.post(arrivals[0], self._give_back, src, envelope, cause, (error, RETURNED))

    def _give_back(self, src: Node, envelope: Envelope, cause: int, errors: tuple[str, ...]) -> None:
        """To the actor that sent it, in its own process."""
        if self._processes.is_stopped(src):
            self._processes.hold(src, self._give_back, src, envelope, cause, errors)
        elif not envelope.returnable or not self._processes.running[src]:
            self._record(src, cause, MessageLost(envelope, errors[0]))
        else:
            seq = self._record(src, cause, MessageReturned(envelope, errors))
            returned = Envelope(envelope.dest, envelope.sender, Undeliverable(envelope, errors), returnable=False)
            self._agenda.post(self._agenda.instant, self._hand_over, src, returned, seq)
