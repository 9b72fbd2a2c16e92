"""Every failure of a watched rank reaches those who watch it, and so does the end of the watching."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from meshsim.model.ids import ActorId, Node, proc_agent_id, proc_of
from meshsim.model.messages import Envelope, MeshFailed
from meshsim.model.notes import (
    ActorStatusChanged,
    Heard,
    MeshSpawned,
    MonitoringEnded,
    OperationEnded,
    OperationStarted,
    PollEnded,
    PollStarted,
    ReferenceMade,
    SubscriberRemoved,
)
from meshsim.oracle.bounds import SLACK_NS
from meshsim.oracle.derivation import Bound
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.invariants.watching import Ear, Failure, Watched, Watching
from meshsim.oracle.verdict import MarginKind, Violation
from meshsim.oracle.world import World
from meshsim.trace.records import ProcessDied, ProcessReaped, Record
from meshsim.units import format_duration


class Completeness(Invariant):
    """Every failure of a rank of a monitored mesh reaches its owner and its subscribers in time.

    A failure of a rank is the first of: its actor fails; its process ends with a non-zero code or by a signal, unasked
    for. An exit with code 0 is none (Q58 makes that a rule). Ranks that failed before their mesh was spawned count
    from the spawn.

    It has reached a listener that was told anything of this rank, before or after. Due is the end of the first poll
    that began after the failure; while a process of the mesh is stopped, or no such poll ends, it is `Bounds.report`
    after the failure. A streaming controller owes it at once when the stream told it so; what the stream did not bring
    is due as from any other. Time in which the controller's, the listener's or the rank's processes are stopped does
    not count. Nothing is due of a rank whose agent a fault makes answer wrongly, nor to a listener that has ended by
    then, has given its reference up, or was kept from the controller since by a fault of the network, nor when the mesh
    was asked to stop, or its controller ended, before such a poll was over. A controller that ends after it has had its
    chance, and its child failure heard by the owner, excuse nothing: they do not name the rank.

    The poll itself is due within `Bounds.detect` of the failure, and the first that a listener hears of it afterwards
    within `Bounds.report`; unless a fault makes polls late: then the second counts from the poll. It may be later where
    a fault of the network strikes between the controller and the rank meanwhile. Where both polls, the one that ran and
    the one that began after the failure, took less than d together, and nothing held messages back, the bounds are the
    prompt ones: P and d, whatever the idle limits are.

    The end of a controller (it fails, or its process dies) is a failure that each subscriber hears as its watchdog,
    within W, unless the mesh was stopped before. W begins anew with a message of the controller that was under way when
    it ended, and arrives (12.3).

    In a revision whose controllers do not monitor nothing is due to anybody.

    Known holes: Q10 (event under a child's id), Q18 and Q19 (only the lowest dead proc is reported, and nothing else
    is looked at), Q28 (a crashed host looks like a clean stop), Q49 (a slow waiter misses what is overwritten), Q17 (a
    mesh on a slice of procs).

    Who subscribes through a slice or a copy has to hear of the ranks of that reference, through it.
    """

    id = "completeness"
    quirks = ("Q28", "Q19", "Q18", "Q10", "Q17")
    sentence = "Every failure reaches owner and subscribers in time."
    needs = "A monitored mesh with an owner or subscribers, and a rank or a controller of it that fails."
    sees = (
        ActorStatusChanged,
        ProcessDied,
        ProcessReaped,
        MeshSpawned,
        Heard,
        PollStarted,
        PollEnded,
        MonitoringEnded,
        OperationStarted,
        OperationEnded,
        SubscriberRemoved,
        ReferenceMade,
    )
    takes = (MeshFailed,)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._watching = Watching(world)
        #: When listeners were reached by what a controller had sent before it ended; by controller and listener.
        self._last_words: dict[tuple[ActorId, ActorId], list[int]] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        self._watching.take(record)
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        if self.world.ended_at(envelope.sender) is not None:
            self._last_words.setdefault((envelope.sender, envelope.dest), []).append(record.at)
        return ()

    def finish(self, ended_ns: int) -> Iterable[Violation]:
        for watched in self._watching.watched.values():
            watched.stalls = list(self._watching.stalls_of(watched))
            for failure in watched.failures.values():
                if failure.rank is not None:
                    yield from self._judge_detection(watched, failure, failure.rank, ended_ns)
                for ear, role in self._listeners(watched, failure):
                    yield from self._judge_hearing(watched, failure, ear, role, ended_ns)

    # --- the controller has looked -----------------------------------------------------------------------

    def _judge_detection(self, watched: Watched, failure: Failure, rank: int, ended_ns: int) -> Iterator[Violation]:
        world, subject = self.world, self._subject(watched, failure)
        places = [*world.place_of(watched.controller), *world.place_of(self._member(watched, rank))]
        found = self._found(watched, failure, rank)
        if found is not None:
            if watched.stopped is not None and watched.stopped.seq < found[1]:
                return
            bound = world.bounds.prompt_detect() if self._is_prompt(watched, failure) else self._detect(watched)
            took_ns = world.took_ns(failure.at, found[0], places)
            self.margin("detect", subject, took_ns=took_ns, bound_ns=bound.total_ns, record=found[1])
            if took_ns > bound.total_ns and not world.is_kept_from_polling(watched.controller):
                how = f"its controller had looked only {format_duration(took_ns)} later"
                yield self._late(watched, failure, how, bound, found)
            return
        bound = self._detect(watched)
        due = world.extended(failure.at + bound.total_ns, failure.at, places)
        ended = (watched.unwatched_at, None if watched.stopped is None else watched.stopped.at)
        if due <= ended_ns and all(at is None or at > due for at in ended) and self._had_to_look(watched, due):
            self.overdue("detect", subject, bound_ns=bound.total_ns, record=failure.seq)
            yield self._late(watched, failure, "its controller never looked", bound, (due, failure.seq))

    def _found(self, watched: Watched, failure: Failure, rank: int) -> tuple[int, int] | None:
        """When, and by which record, a controller knew or could have known: from its stream, or from a poll."""
        pushed = self.world.pushed.get((watched.controller, rank), (-1, -1))
        poll = watched.first_poll_after(failure.at)
        ends = [pushed] if pushed[0] >= failure.at else []
        return min([*ends, *([] if poll is None else [poll[1:]])], default=None)

    def _is_prompt(self, watched: Watched, failure: Failure) -> bool:
        """Whether everybody whom the polls around a failure asked answered at once."""
        poll = watched.first_poll_after(failure.at)
        if poll is None or self.world.links_disturbed or watched.is_stalled_in(failure.at, poll[1]):
            return False
        return watched.polling_ns(failure.at) + poll[1] - poll[0] < SLACK_NS

    def _detect(self, watched: Watched) -> Bound:
        return self.world.bounds.detect(len(watched.spawned.mesh.members))

    def _report(self, watched: Watched) -> Bound:
        return self.world.bounds.report(len(watched.spawned.mesh.members))

    def _late(self, watched: Watched, failure: Failure, how: str, bound: Bound, by: tuple[int, int]) -> Violation:
        subject = self._subject(watched, failure)
        what = self.world.directory.shortened(failure.what)
        message = f"{subject} {what}, and {how}: {format_duration(bound.total_ns)} is the most ({bound.formula})"
        records = tuple(dict.fromkeys((failure.seq, by[1])))
        return self.violation(subject, message, at=by[0], records=records, kind="liveness")

    # --- who had to hear ---------------------------------------------------------------------------------

    def _listeners(self, watched: Watched, failure: Failure) -> Iterator[tuple[Ear, Literal["owner", "subscriber"]]]:
        mesh = watched.spawned.mesh
        if failure.rank is not None:
            yield (mesh.by, mesh.label), "owner"
        for subscriber in failure.subscribers:
            yield subscriber, "subscriber"

    def _judge_hearing(
        self, watched: Watched, failure: Failure, ear: Ear, role: str, ended_ns: int
    ) -> Iterator[Violation]:
        told = self._watching.told.get(ear, {})
        heard = min((by for by in told.get(failure.rank, ()) if by[0] >= failure.at), default=None)
        if heard is not None:
            yield from self._judge_delay(watched, failure, ear[0], heard)
        elif failure.rank not in told and not (None in told and role == "subscriber"):
            deadline = self._deadline(watched, failure, ear[0], ended_ns)
            has_left = any(failure.at <= at <= (deadline or 0) for at in self._watching.left.get(ear, ()))
            if deadline is not None and deadline <= ended_ns and not has_left:
                bound = self.world.bounds.watchdog() if failure.rank is None else self._report(watched)
                kind: MarginKind = "watchdog" if failure.rank is None else "report"
                self.overdue(kind, self._subject(watched, failure), bound_ns=bound.total_ns, record=failure.seq)
                yield self._unheard(watched, failure, ear[0], role, deadline)

    def _judge_delay(
        self, watched: Watched, failure: Failure, listener: ActorId, heard: tuple[int, int]
    ) -> Iterator[Violation]:
        """Whether it was heard in time. News of what has been stopped meanwhile is nobody's business."""
        world = self.world
        if watched.stopped is not None and watched.stopped.at <= heard[0] and failure.rank is not None:
            return
        if failure.rank is not None and self._is_misreported(watched, failure.rank):
            return
        places = self._places_of(watched, failure, listener)
        if failure.rank is None:
            bound = world.bounds.watchdog()
        elif self._is_prompt(watched, failure):
            bound = world.bounds.prompt_report()
        else:
            bound = self._report(watched)
        kind: MarginKind = "watchdog" if failure.rank is None else "report"
        since = self._silent_since(watched, failure, listener, heard[0])
        if failure.rank is not None and watched.controller in world.late:
            # It looks when a fault lets it, and what it has found it tells as ever.
            found = self._found(watched, failure, failure.rank)
            since = heard[0] if found is None else min(found[0], heard[0])
        took_ns = world.took_ns(since, heard[0], places)
        if took_ns > bound.total_ns and self._was_kept_apart(watched, failure, heard[0]):
            return
        self.margin(kind, self._subject(watched, failure), took_ns=took_ns, bound_ns=bound.total_ns, record=heard[1])
        if took_ns > bound.total_ns and not {listener, watched.controller} & world.hung:
            how = f"{world.name(listener)} heard of it only {format_duration(took_ns)} later"
            yield self._late(watched, failure, how, bound, heard)

    def _deadline(self, watched: Watched, failure: Failure, listener: ActorId, ended_ns: int) -> int | None:
        """When this listener had to know; None when nothing was due to it."""
        world = self.world
        places = self._places_of(watched, failure, listener)
        if failure.rank is None:
            since = self._silent_since(watched, failure, listener, ended_ns)
            due = world.extended(since + world.bounds.watchdog_ns, since, places)
            return due if self._is_due(listener, due) else None
        watcher, own = (world.directory.node_of_actor(actor) for actor in (watched.controller, listener))
        if watcher is not None and own is not None and world.lost_between(watcher, own, failure.at):
            return None
        if self._is_misreported(watched, failure.rank):
            return None
        pushed_at, pushed_in = world.pushed.get((watched.controller, failure.rank), (-1, -1))
        places_of_both = self._places_of(watched, failure, listener, rank=False)
        if pushed_at >= failure.at:
            due = world.extended(pushed_at + world.bounds.push().total_ns, failure.at, places_of_both)
            stopped_before = watched.stopped is not None and watched.stopped.seq < pushed_in
            return due if not stopped_before and self._is_due(listener, due) else None
        poll = watched.first_poll_after(failure.at)
        if poll is not None and not watched.is_stalled_in(failure.at, poll[1]):
            due = world.extended(poll[1] + SLACK_NS, failure.at, places_of_both)
            stopped_before = watched.stopped is not None and watched.stopped.seq < poll[2]
            return due if not stopped_before and self._is_due(listener, due) else None
        due = world.extended(failure.at + self._report(watched).total_ns, failure.at, places)
        if watched.stopped is not None and watched.stopped.at <= due:
            return None
        return due if self._is_due(listener, due) and self._had_to_look(watched, due) else None

    def _was_kept_apart(self, watched: Watched, failure: Failure, until: int) -> bool:
        """Whether a fault of the network was between the controller and a rank, from its failure to the news of it."""
        watcher = self.world.directory.node_of_actor(watched.controller)
        if watcher is None or failure.rank is None:
            return False
        return self.world.kept_apart(watcher, self._member(watched, failure.rank), failure.at, until)

    def _is_misreported(self, watched: Watched, rank: int) -> bool:
        """Whether a fault made the agent of a rank answer wrongly."""
        return proc_agent_id(proc_of(self._member(watched, rank))) in self.world.misreporting

    def _silent_since(self, watched: Watched, failure: Failure, listener: ActorId, until: int) -> int:
        """When a failure began to be one for a listener: the watchdog counts from the last message that arrived."""
        last_words = self._last_words.get((watched.controller, listener), ()) if failure.rank is None else ()
        return max([failure.at, *(at for at in last_words if at <= until)])

    def _places_of(self, watched: Watched, failure: Failure, listener: ActorId, *, rank: bool = True) -> list[Node]:
        """Processes whose stalls excuse a delay: the listener's; for a rank its own and the controller's, too."""
        world = self.world
        node = world.directory.node_of_actor(listener)
        own = [] if node is None else [node]
        if failure.rank is None:
            return own
        both = [*own, *world.place_of(watched.controller)]
        return [*both, *world.place_of(self._member(watched, failure.rank))] if rank else both

    def _had_to_look(self, watched: Watched, deadline: int) -> bool:
        """Whether a controller still lived at the deadline, and could look."""
        return self._is_due(watched.controller, deadline) and watched.controller not in self.world.late

    def _is_due(self, actor: ActorId, deadline: int) -> bool:
        """Whether an actor still lived at the deadline, and could do its part."""
        ended_at = self.world.ended_at(actor)
        return actor not in self.world.hung and (ended_at is None or ended_at > deadline)

    def _unheard(self, watched: Watched, failure: Failure, listener: ActorId, role: str, deadline: int) -> Violation:
        name, subject = self.world.name(listener), self._subject(watched, failure)
        what = self.world.directory.shortened(failure.what)
        message = f"{subject} {what}, and {name} ({role}) never heard of it"
        return self.violation(subject, message, at=deadline, records=(failure.seq,), kind="liveness")

    @staticmethod
    def _member(watched: Watched, rank: int) -> ActorId:
        return ActorId(watched.spawned.mesh.members[rank])

    @staticmethod
    def _subject(watched: Watched, failure: Failure) -> str:
        label = watched.spawned.mesh.label
        return f"{label}.controller" if failure.rank is None else f"{label}[{failure.rank}]"
