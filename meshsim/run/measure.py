"""What one run comes to in numbers: what sweeps and comparisons are about, computed from its trace alone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.config import Config
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope
from meshsim.model.notes import Heard, Heartbeat, OrphanStopped, PollStarted
from meshsim.model.quirks import REVISION_OF
from meshsim.oracle.invariants.hearing import Accuracy
from meshsim.oracle.invariants.watching import Failure, Watched, Watching
from meshsim.oracle.verdict import Verdict
from meshsim.oracle.world import World
from meshsim.scenario.plan import Plan
from meshsim.trace.directory import Directory
from meshsim.trace.records import InFlight, MessageLost, MessageReturned, Record


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """One run in numbers. Times are nanoseconds on the clock of the run: virtual in `sim` and `lockstep`."""

    #: How long the run was.
    span_ns: int
    #: Failures of watched ranks (`meshsim.oracle.invariants.completeness` says what is one).
    failures: int
    #: Of each failure, in order of time, that its controller found out: how long that took, to the end of the first
    #: poll that began after it, or to what a stream told, or to the first notice.
    detect_ns: tuple[int, ...]
    #: Of each failure that anybody was told of: how long the first notice took.
    report_ns: tuple[int, ...]
    #: Of each controller that ended: how long it took until a watchdog said so.
    watchdog_ns: tuple[int, ...]
    #: Failures of ranks that nobody was told of.
    unheard: int
    #: How often anybody was told of a failure.
    notices: int
    #: Notices about what was well: what the invariant `accuracy` finds, be it relaxed or known; false watchdogs too.
    false_alarms: int
    #: Actors that their agents stopped as orphans.
    orphans: int
    #: Those whose controller and owner lived, and that had nothing wrong themselves.
    healthy_orphans: int
    #: Messages between processes, each once: delivered, lost, returned or on their way at the end.
    messages: int
    #: Heartbeats that listeners took.
    heartbeats: int
    polls: int
    #: Share of its derived bound that the closest of each kind used; over 1 is a violation.
    margins: dict[str, float]


def measure(plan: Plan, records: Sequence[Record], verdict: Verdict) -> Numbers:
    """The numbers of a run that was judged."""
    config = Config.of(plan.config, plan.quirks_off, REVISION_OF[plan.profile])
    world = World(config, Directory.of(records), records, plan.faults)
    watching, tally, accuracy = Watching(world), _Tally(world), Accuracy(world)
    for record in records:
        kind = type(record.what)
        if (learn := world.handlers.get(kind)) is not None:
            learn(record)
        watching.take(record)
        tally.take(record)
        if kind in accuracy.sees:
            tally.false_alarms += len(list(accuracy.observe(record)))
    found = [(watched, failure) for watched in watching.watched.values() for failure in watched.failures.values()]
    found.sort(key=lambda pair: pair[1].seq)
    of_ranks = [(watched, failure) for watched, failure in found if failure.rank is not None]
    reports = [tally.told_after(watched, failure) for watched, failure in of_ranks]
    detections = [_detected(world, *pair, told) for pair, told in zip(of_ranks, reports, strict=True)]
    return Numbers(
        span_ns=records[-1].at if records else 0,
        failures=len(of_ranks),
        detect_ns=_took(of_ranks, detections),
        report_ns=_took(of_ranks, reports),
        watchdog_ns=_took(found, [tally.told_after(*pair) if pair[1].rank is None else None for pair in found]),
        unheard=reports.count(None),
        notices=tally.notices,
        false_alarms=tally.false_alarms,
        orphans=tally.orphans,
        healthy_orphans=tally.healthy_orphans,
        messages=tally.messages,
        heartbeats=tally.heartbeats,
        polls=tally.polls,
        margins={margin.kind: round(margin.share, 6) for margin in verdict.margins},
    )


def _took(found: Sequence[tuple[Watched, Failure]], ends: Sequence[int | None]) -> tuple[int, ...]:
    """How long after its failure each end came, for those that came."""
    return tuple(end - failure.at for (_, failure), end in zip(found, ends, strict=True) if end is not None)


def _detected(world: World, watched: Watched, failure: Failure, told: int | None) -> int | None:
    """When a controller knew or could have known of the failure of a rank."""
    assert failure.rank is not None
    poll = watched.first_poll_after(failure.at)
    pushed_at = world.pushed.get((watched.controller, failure.rank), (-1, -1))[0]
    ends = (None if poll is None else poll[1], pushed_at if pushed_at >= failure.at else None, told)
    return min((end for end in ends if end is not None), default=None)


class _Tally:
    """What is counted record by record, after the world has seen it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._heard: dict[tuple[str, int | None], list[int]] = {}
        self.notices = self.false_alarms = self.orphans = self.healthy_orphans = 0
        self.messages = self.heartbeats = self.polls = 0

    def take(self, record: Record) -> None:
        match record.what:
            case Envelope() | MessageLost() | MessageReturned() | InFlight():
                self.messages += 1
            case Heartbeat():
                self.heartbeats += 1
            case PollStarted():
                self.polls += 1
            case OrphanStopped(actor=actor):
                self.orphans += 1
                self.healthy_orphans += self._is_cared_for(actor)
            case Heard(mesh=mesh, rank=rank, role=role):
                self.notices += 1
                if rank is not None or role == "watchdog":
                    self._heard.setdefault((mesh, None if role == "watchdog" else rank), []).append(record.at)
            case _:
                pass

    def told_after(self, watched: Watched, failure: Failure) -> int | None:
        """When anybody was first told of a failure: of a rank in any role, of a controller by a watchdog."""
        times = self._heard.get((watched.spawned.mesh.label, failure.rank), ())
        return next((at for at in times if at >= failure.at), None)

    def _is_cared_for(self, actor: ActorId) -> bool:
        """Whether an actor of a mesh has nothing wrong, and its controller and its owner live."""
        world = self._world
        if actor not in world.ranks or world.is_ending(actor) or actor in world.hung:
            return False
        mesh = world.meshes[world.ranks[actor][0]].mesh
        keepers = (mesh.controller, mesh.by)
        if mesh.label in world.stop_asked:
            return False
        return all(keeper is not None and not self._is_over(keeper) for keeper in keepers)

    def _is_over(self, actor: ActorId) -> bool:
        return self._world.is_ending(actor) or self._world.ended_at(actor) is not None
