"""Nobody says the same thing over and over, and what is meant to repeat keeps its period."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from meshsim.model.alloc.messages import AllocHeartbeat, RemoteHeartbeat
from meshsim.model.controllers.keeper import keepalive_period_ns
from meshsim.model.events import TimerFired
from meshsim.model.ids import ActorId
from meshsim.model.messages import (
    Envelope,
    GetState,
    KeepAlive,
    KeepaliveGetState,
    MeshFailed,
    Subscribe,
    Undeliverable,
)
from meshsim.model.messaging.delayed import SELF_CHECK_TIMER
from meshsim.model.notes import Bounced, EventRecorded, OrphanStopped, PollEnded, PollStarted
from meshsim.model.supervision import MeshFailure, status_text
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import InFlight, MessageLost, MessageReturned, Record
from meshsim.trace.wording import message_words
from meshsim.units import format_duration

#: How often the same thing may be said. Source: chosen here; once, and two more times for whoever tries again.
TIMES_MAX = 3

#: The network's own doing: a rule or a fault says so, and whoever repeats himself then is right.
_LOST_ON_THE_WAY = "the network lost it"

#: What is sent with every period, to the same receiver.
_PERIODIC = (GetState, KeepaliveGetState, KeepAlive, MeshFailed, AllocHeartbeat, RemoteHeartbeat, Subscribe)


class _Saying(NamedTuple):
    """What may not be said too often: who says it, and in which words."""

    subject: ActorId
    words: str
    times_max: int


class NoEndlessRepetition(Invariant):
    """The same thing is said at most three times, and what repeats by design has its period and an end.

    *The same thing* is: one controller telling one port the same failure (rank and text); one actor subscribing one
    port with one controller; one agent recording the same event of the same actor, or stopping it as an orphan. One
    finding for each, with every record that says it. Q18: a dead proc is told of with every poll; Q24: so is a query
    that fails.

    *By design* repeat: polls with what they ask, what is answered and what comes back of it; keepalives, heartbeats and
    checks; what a scenario's operations and actors send. A poll begins P after the end of the one before, a check for
    orphans O after the one before, at the earliest. A heartbeat to a port that nobody serves any more comes back or is
    lost once for every period until the channel gives up, and not for ever: D / P times and three more. Nor do more
    messages of one kind than that wait for one receiver when a run ends. Keepalives beside polls (Q56 off) have their
    own period there, and are not counted for a process that is stopped or whose host is; queries count for each whom
    they are about, and failures that wait with those that arrived, each as what it says. What the network itself loses
    or copies by a rule or a fault is not counted, nor what waits where a fault delays or copies messages: a channel
    gives up what is not acknowledged, and not what is late.

    What comes back undeliverable does not come back again. Log lines follow what they are about and are not counted;
    what owners pass on (`PassedOn`) is: several may own one mesh, so not here.

    Source: supervision.md 5.10 to 5.12, 8.8, 14.1; mesh_model.md 3.3, 3.5.
    """

    id = "no-endless-repetition"
    sentence = "Nobody says the same thing again and again without an end."
    needs = "Messages, delivered, lost and returned; recorded events; polls and checks."
    quirks = ("Q18", "Q24", "port_equality_flag", "Q20", "Q21")
    sees = (
        MessageLost,
        MessageReturned,
        Bounced,
        InFlight,
        EventRecorded,
        OrphanStopped,
        PollStarted,
        PollEnded,
        TimerFired,
    )
    takes = (MeshFailed, Subscribe, Undeliverable)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        config = world.config
        self._period_ns = config.supervision_poll_frequency
        #: How many heartbeats a channel can hold before it gives up.
        self._held_max = TIMES_MAX + -(-config.message_delivery_timeout // self._period_ns)
        self._kept_alive_max = TIMES_MAX + -(-config.message_delivery_timeout // keepalive_period_ns(config))
        self._records: dict[type, Callable[[Record], Iterable[Violation]]] = {
            MessageLost: self._on_not_taken,
            MessageReturned: self._on_not_taken,
            Bounced: self._on_not_taken,
            InFlight: self._on_in_flight,
            EventRecorded: self._on_event,
            OrphanStopped: self._on_orphan,
            PollStarted: self._on_poll_started,
            PollEnded: self._on_poll_ended,
            TimerFired: self._on_timer,
        }
        self._said: dict[Hashable, tuple[_Saying, list[Record]]] = {}
        #: When the last poll of a controller ended, and the last check of an agent began.
        self._polled_at: dict[ActorId, tuple[int, int]] = {}
        self._checked_at: dict[ActorId, tuple[int, int]] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        return self._records[type(record.what)](record)

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for saying, records in self._said.values():
            if len(records) > saying.times_max:
                subject = self.world.name(saying.subject)
                message = f"{subject} {self.world.directory.shortened(saying.words)}, {len(records)} times"
                seqs = tuple(record.seq for record in records)
                yield self.violation(subject, message, at=records[saying.times_max].at, records=seqs)

    # --- the same thing ----------------------------------------------------------------------------------

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        if type(message) is MeshFailed:
            if message.failure is not None:
                self._on_notice(record, envelope, message.failure)
        elif type(message) is Subscribe:
            words = f"subscribed with {envelope.dest} through the same port"
            self._count(("subscribe", envelope.dest, message.port), envelope.sender, words, record)
        elif type(message) is Undeliverable and type(message.envelope.message) is Undeliverable:
            name = self.world.name(message.envelope.sender)
            again = self.world.directory.shortened(message_words(message.envelope.message))
            text = f"what came back undeliverable came back again: {again}"
            return [self.violation(name, text, at=record.at, records=(record.seq,))]
        return ()

    def _on_notice(self, record: Record, envelope: Envelope, failure: MeshFailure) -> None:
        if self._is_copied(envelope):
            return
        # Without its time, which differs with every poll.
        text = status_text(failure.event.actor_status, 0)
        rank = "" if failure.rank is None else f"rank {failure.rank} "
        words = f"told {envelope.dest} the same: {rank}{text}"
        key = ("notice", envelope.sender, envelope.dest, envelope.port, failure.rank, failure.event.actor_id, text)
        self._count(key, envelope.sender, words, record)

    def _on_not_taken(self, record: Record) -> Iterable[Violation]:
        what = record.what
        assert isinstance(what, MessageLost | MessageReturned | Bounced)
        envelope, message = what.envelope, what.envelope.message
        if type(message) is not MeshFailed or (type(what) is MessageLost and what.why == _LOST_ON_THE_WAY):
            return ()
        if message.failure is not None:
            self._on_notice(record, envelope, message.failure)
            return ()
        words = f"sent heartbeats to {envelope.dest} that nobody took"
        key = ("heartbeat", envelope.sender, envelope.dest, envelope.port)
        self._count(key, envelope.sender, words, record, self._held_max)
        return ()

    def _on_in_flight(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, InFlight)
        envelope = record.what.envelope
        kind = type(envelope.message)
        if self._is_held_back(envelope) or (kind is KeepAlive and self._is_stopped(envelope.dest)):
            return ()
        if isinstance(envelope.message, MeshFailed) and envelope.message.failure is not None:
            self._on_notice(record, envelope, envelope.message.failure)
        elif kind in _PERIODIC:
            words = f"left {kind.__name__} to {envelope.dest} under way"
            about = envelope.message.name if isinstance(envelope.message, GetState) else ""
            key = ("in flight", envelope.sender, envelope.dest, envelope.port, kind, about)
            held_max = self._kept_alive_max if kind is KeepAlive else self._held_max
            self._count(key, envelope.sender, words, record, held_max)
        return ()

    def _is_stopped(self, actor: ActorId) -> bool:
        """Whether the process of an actor is stopped, or its host, past which everything has to go."""
        places = map(self.world.nodes.get, self.world.place_of(actor))
        return any(place is not None and place.is_stalled for place in places)

    def _is_held_back(self, envelope: Envelope) -> bool:
        """Whether the network is made to keep or copy what passes there: it does not give that up, however long."""
        sender = self.world.directory.node_of_actor(envelope.sender)
        return sender is not None and self.world.sent_late(sender, envelope.dest)

    def _is_copied(self, envelope: Envelope) -> bool:
        sender = self.world.directory.node_of_actor(envelope.sender)
        return sender is not None and self.world.sent_copies(sender, envelope.dest)

    def _on_event(self, record: Record) -> Iterable[Violation]:
        note = record.what
        assert isinstance(note, EventRecorded)
        words = f"recorded the same of {note.actor}: {note.text}"
        self._count(("event", note.agent, note.actor, note.text), note.agent, words, record)
        return ()

    def _on_orphan(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, OrphanStopped)
        actor = record.what.actor
        self._count(("orphan", actor), actor, "was stopped as an orphan", record)
        return ()

    def _count(self, key: Hashable, subject: ActorId, words: str, record: Record, times_max: int = TIMES_MAX) -> None:
        said = self._said.get(key)
        if said is None:
            self._said[key] = (_Saying(subject, words, times_max), [record])
        else:
            said[1].append(record)

    # --- what has a period -------------------------------------------------------------------------------

    def _on_poll_started(self, record: Record) -> Iterable[Violation]:
        poll = record.what
        assert isinstance(poll, PollStarted)
        return self._too_soon(self._polled_at.get(poll.controller), poll.controller, "polled", self._period_ns, record)

    def _on_poll_ended(self, record: Record) -> Iterable[Violation]:
        assert isinstance(record.what, PollEnded)
        self._polled_at[record.what.controller] = (record.at, record.seq)
        return ()

    def _on_timer(self, record: Record) -> Iterable[Violation]:
        timer = record.what
        assert isinstance(timer, TimerFired)
        if timer.key != SELF_CHECK_TIMER:
            return ()
        before = self._checked_at.get(timer.actor)
        self._checked_at[timer.actor] = (record.at, record.seq)
        period_ns = self.world.config.mesh_orphan_timeout
        return self._too_soon(before, timer.actor, "looked for orphans", period_ns, record)

    def _too_soon(
        self, before: tuple[int, int] | None, actor: ActorId, what: str, period_ns: int, record: Record
    ) -> Iterable[Violation]:
        if before is None or record.at - before[0] >= period_ns:
            return []
        name = self.world.name(actor)
        after, period = format_duration(record.at - before[0]), format_duration(period_ns)
        message = f"{name} {what} again after {after}, and the period is {period}"
        return [self.violation(name, message, at=record.at, records=(before[1], record.seq))]
