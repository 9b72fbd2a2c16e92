"""What a timeline shows, as data: one lane for each process and actor, with bars, marks and fault lines.

Drawn from the trace alone. A lane's bars follow the kernel's view of its process (alive, stopped, gone) and, while
that lives, the model's view of the actor or proc. Agents have no lane: what they do shows in the lanes of those
they look after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import BOOTSTRAP, HOST_AGENT, MESH_AGENT, PROC_AGENT, ActorId, actor_name_of
from meshsim.model.messages import Envelope
from meshsim.model.notes import (
    ActorStatusChanged,
    Heard,
    Heartbeat,
    MeshSpawned,
    OperationStarted,
    OrphanStopped,
    PollStarted,
    ProcStatusChanged,
)
from meshsim.model.supervision import ActorPhase
from meshsim.report.arrows import Arrow, arrows_of
from meshsim.report.load import Load, load_of, polls_in_flight
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultEnded,
    FaultMissed,
    FaultStruck,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessStarted,
    ProcessStopped,
    Record,
)

#: Lanes that one figure shows. Source: chosen here.
LANES_MAX = 40

#: Longest list of ranks in the name of a lane that stands for several. Source: chosen here.
_RANKS_CHARS = 16

#: Looks of a bar. The last three are ends: drawn thin.
STARTING, RUNNING, STALLED, STOPPING = "starting", "running", "stalled", "stopping"
STOPPED, FAILED, GONE = "stopped", "failed", "gone"
ENDS = frozenset({STOPPED, FAILED, GONE})
_QUIET = frozenset({STARTING, RUNNING})

#: Actors that are not worth a lane.
_PLUMBING = frozenset({HOST_AGENT, PROC_AGENT, MESH_AGENT, BOOTSTRAP})

_ACTOR_LOOKS = {
    ActorPhase.INITIALIZING: STARTING,
    ActorPhase.IDLE: RUNNING,
    ActorPhase.STOPPING: STOPPING,
    ActorPhase.STOPPED: STOPPED,
    ActorPhase.FAILED: FAILED,
}
_PROC_LOOKS = {"Starting": STARTING, "Running": STARTING, "Ready": RUNNING, "Stopping": STOPPING}


class Bar(msgspec.Struct, frozen=True):
    start_ns: int
    end_ns: int
    look: str


class Mark(msgspec.Struct, frozen=True):
    """Something at an instant: `heard`, `watchdog`, `heartbeat`, `poll`, `operation`, `orphan` or `message`."""

    at_ns: int
    look: str
    text: str = ""


class FaultLine(msgspec.Struct, frozen=True):
    at_ns: int
    index: int
    text: str
    struck: bool


class Lane(msgspec.Struct, frozen=True):
    name: str
    #: `client`, `controller`, `host`, `proc` or `actor`.
    kind: str
    #: How far the name is indented: a host's procs below it, their actors below them.
    depth: int
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    #: How it ended, in a few words; empty when it lives at the end.
    ending: str
    #: Of a controller: its polls in flight, each from beginning to end.
    polls: tuple[tuple[int, int], ...] = ()
    #: The node, or the actor, whose lane it is; several that share one.
    of: tuple[str, ...] = ()

    @property
    def is_eventful(self) -> bool:
        """Whether something else happens than starting and running to the end."""
        return any(bar.look not in _QUIET for bar in self.bars) or any(mark.text for mark in self.marks)


class Chart(msgspec.Struct, frozen=True):
    lanes: tuple[Lane, ...]
    faults: tuple[FaultLine, ...]
    ended_ns: int
    #: Lanes that are left out because there are too many.
    folded: int
    load: Load = Load()
    #: What the times of the figure are: those of a simulated run are virtual.
    clock: str = "virtual time"
    #: Messages from lane to lane; None when they are too many, and marks say where they arrive.
    arrows: tuple[Arrow, ...] | None = ()


def chart_of(records: Sequence[Record], lanes_max: int = LANES_MAX, clock: str = "virtual time") -> Chart:
    """The timeline of a run, or of the part of it that was recorded.

    Above `lanes_max` lanes, procs of a host that fared alike share a lane; if that is not enough, quiet lanes go.
    """
    drawing = _Drawing(Directory.of(records))
    for record in records:
        drawing.take(record)
    ended_ns = records[-1].at if records else 0
    for controller, start_ns, end_ns in polls_in_flight(records) if records else ():
        drawing.poll(ActorId(controller), start_ns, end_ns)
    branches = drawing.finish(ended_ns)
    if sum(len(branch.lanes) for branch in branches) > lanes_max:
        branches = _merged(branches, ended_ns)
    lanes = [lane for branch in branches for lane in branch.lanes]
    shown = _folded(lanes, lanes_max)
    return Chart(
        lanes=tuple(shown),
        faults=tuple(drawing.faults),
        ended_ns=ended_ns,
        folded=len(lanes) - len(shown),
        load=load_of(records),
        clock=clock,
        arrows=arrows_of(records, {each: row for row, lane in enumerate(shown) for each in lane.of}, ended_ns),
    )


class _Branch(msgspec.Struct, frozen=True):
    """The lanes of one process: its own, then those of its actors. Procs name their host as `parent`."""

    parent: str
    lanes: tuple[Lane, ...]


def _merged(branches: list[_Branch], ended_ns: int) -> list[_Branch]:
    """Branches of one parent that look alike as one, in the place of the first."""
    alike: dict[object, list[_Branch]] = {}
    for branch in branches:
        key = (branch.parent, tuple(_looks(lane, ended_ns) for lane in branch.lanes)) if branch.parent else id(branch)
        alike.setdefault(key, []).append(branch)
    return [_together(group) for group in alike.values()]


def _looks(lane: Lane, ended_ns: int) -> object:
    """What of a lane an eye can tell apart: instants closer than a 300th of the width are the same."""
    grain = max(ended_ns // 300, 1)
    bars = tuple((bar.start_ns // grain, bar.look) for bar in lane.bars if bar.end_ns - bar.start_ns > grain)
    marks = tuple((mark.at_ns // grain, mark.look) for mark in lane.marks if mark.look != "message")
    return (lane.kind, _base(lane.name), bars, marks, lane.ending)


def _together(group: list[_Branch]) -> _Branch:
    first = group[0]
    if len(group) == 1:
        return first
    return _Branch(
        first.parent,
        tuple(
            msgspec.structs.replace(
                lanes[0],
                name=_joint_name([lane.name for lane in lanes]),
                of=tuple(each for lane in lanes for each in lane.of),
            )
            for lanes in zip(*(branch.lanes for branch in group), strict=True)
        ),
    )


def _base(name: str) -> str:
    return name.partition("[")[0]


def _joint_name(names: list[str]) -> str:
    """`workers[0-2,5]`: the ranks of names that differ in nothing else."""
    ranks = sorted(int(name.partition("[")[2][:-1]) for name in names if name.endswith("]"))
    if len(ranks) < len(names):
        return f"{names[0]} and {len(names) - 1} more"
    runs: list[list[int]] = []
    for rank in ranks:
        if runs and runs[-1][1] == rank - 1:
            runs[-1][1] = rank
        else:
            runs.append([rank, rank])
    text = ",".join(str(start) if start == end else f"{start}-{end}" for start, end in runs)
    if len(text) > _RANKS_CHARS:
        text = f"{ranks[0]}..{ranks[-1]}: {len(ranks)} of them"
    return f"{_base(names[0])}[{text}]"


def _folded(lanes: list[Lane], lanes_max: int) -> list[Lane]:
    """At most `lanes_max` lanes, in order: quiet actors go first, then quiet procs, hosts, and last the rest."""
    if len(lanes) <= lanes_max:
        return lanes
    weight = {"client": 0, "controller": 0, "host": 1, "proc": 2, "actor": 3}
    by_worth = sorted(range(len(lanes)), key=lambda i: (not lanes[i].is_eventful, weight[lanes[i].kind], i))
    kept = set(by_worth[:lanes_max])
    return [lane for i, lane in enumerate(lanes) if i in kept]


class _Track:
    """One lane while it is being drawn: what it looks like now, and since when."""

    def __init__(self, name: str, kind: str, at_ns: int) -> None:
        self.name = name
        self.kind = kind
        self.look = STARTING
        self.stalled = False
        self.since_ns = at_ns
        self.bars: list[Bar] = []
        self.marks: list[Mark] = []
        self.ending = ""
        self.polls: list[tuple[int, int]] = []

    def turn(self, at_ns: int, look: str) -> None:
        if self.look not in (look, GONE):
            self._cut(at_ns)
            self.look = look

    def stall(self, at_ns: int, stalled: bool) -> None:
        if self.stalled != stalled:
            self._cut(at_ns)
            self.stalled = stalled

    def lane(self, of: str, depth: int, ended_ns: int) -> Lane:
        self._cut(ended_ns)
        bars, marks, polls = tuple(self.bars), tuple(self.marks), tuple(self.polls)
        return Lane(self.name, self.kind, depth, bars, marks, self.ending, polls, (of,))

    def _cut(self, at_ns: int) -> None:
        if at_ns > self.since_ns:
            look = STALLED if self.stalled and self.look not in ENDS else self.look
            self.bars.append(Bar(self.since_ns, at_ns, look))
        self.since_ns = at_ns


class _Drawing:
    """Takes records in order. Tracks are kept by node and by actor; an actor's track lives on its node."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.faults: list[FaultLine] = []
        self._processes: dict[str, _Track] = {}
        self._parents: dict[str, str] = {}
        self._nodes_by_proc: dict[str, str] = {}
        self._actors: dict[ActorId, _Track] = {}
        self._actors_on: dict[str, list[ActorId]] = {}
        #: Actors of meshes and their controllers; others get a lane only when they fail.
        self._mesh_actors: set[ActorId] = set()
        self._controllers: set[ActorId] = set()

    def take(self, record: Record) -> None:
        what, at = record.what, record.at
        match what:
            case ProcessStarted():
                self._on_process_started(record.node, what, at)
            case ProcessStopped() | ProcessContinued():
                for track in self._tracks_on(record.node):
                    track.stall(at, isinstance(what, ProcessStopped))
            case ProcessDied():
                self._on_process_died(record.node, what.why, at)
            case ProcessReaped(status=status):
                self._processes[record.node].ending = _ending(status)
            case ProcStatusChanged(name=name, phase=phase):
                node = self._nodes_by_proc.get(name)
                if node is not None and phase in _PROC_LOOKS:
                    self._processes[node].turn(at, _PROC_LOOKS[phase])
            case ActorStatusChanged():
                self._on_actor_status(record.node, what, at)
            case MeshSpawned(kind="actors", members=members, controller=controller):
                self._mesh_actors.update(ActorId(member) for member in members)
                if controller is not None:
                    self._mesh_actors.add(controller)
                    self._controllers.add(controller)
            case FaultStruck(index=index, kind=kind, target=target):
                self.faults.append(FaultLine(at, index, f"{kind} {self._place(target)}", struck=True))
            case FaultEnded(index=index, kind=kind, target=target):
                self.faults.append(FaultLine(at, index, f"{kind} {self._place(target)} is over", struck=False))
            case FaultMissed(index=index, kind=kind, target=target):
                self.faults.append(FaultLine(at, index, f"{kind} {self._place(target)} missed", struck=False))
            case _:
                self._on_mark(record)

    def _on_mark(self, record: Record) -> None:
        what, at = record.what, record.at
        match what:
            case Heard():
                about = what.mesh if what.rank is None else f"{what.mesh}[{what.rank}]"
                look = "watchdog" if what.role == "watchdog" else "heard"
                self._mark(record, what.listener, Mark(at, look, f"{what.role} hears {about} {what.status}"))
            case Heartbeat(listener=listener):
                self._mark(record, listener, Mark(at, "heartbeat"))
            case PollStarted(controller=controller):
                self._mark(record, controller, Mark(at, "poll"))
            case OperationStarted(by=by):
                self._mark(record, by, Mark(at, "operation"))
            case Envelope(dest=dest):
                # What agents and comm actors take shows on the lane of their process.
                taker = dest if dest in self._mesh_actors else ActorId("")
                self._mark(record, taker, Mark(at, "message"))
            case OrphanStopped(actor=actor):
                self._mark(record, actor, Mark(at, "orphan", "stopped as an orphan"))
            case _:
                pass

    def poll(self, controller: ActorId, start_ns: int, end_ns: int) -> None:
        track = self._actors.get(controller)
        if track is not None:
            track.polls.append((start_ns, end_ns))

    def finish(self, ended_ns: int) -> list[_Branch]:
        """Clients with their controllers, then hosts with their procs with their actors."""
        roots = [node for node, parent in self._parents.items() if not parent]
        branches = []
        for root in sorted(roots, key=lambda node: self._processes[node].kind != "client"):
            branches += self._branches(root, 0, ended_ns)
        return branches

    def _branches(self, node: str, depth: int, ended_ns: int) -> list[_Branch]:
        """A process, and those that it started: a host in an allocated process has procs of its own."""
        branches = [self._branch(node, depth, ended_ns)]
        for child, parent in self._parents.items():
            if parent == node:
                branches += self._branches(child, depth + 1, ended_ns)
        return branches

    def _branch(self, node: str, depth: int, ended_ns: int) -> _Branch:
        lanes = [self._processes[node].lane(node, depth, ended_ns)]
        for actor in self._actors_on.get(node, []):
            track = self._actors[actor]
            if actor in self._mesh_actors or track.look == FAILED:
                track.kind = "controller" if actor in self._controllers else "actor"
                lanes.append(track.lane(actor, depth + 1, ended_ns))
        return _Branch(self._parents[node], tuple(lanes))

    def _on_process_started(self, node: str, started: ProcessStarted, at: int) -> None:
        track = _Track(self._directory.name_of_node(node), started.kind, at)
        self._processes[node] = track
        # A host is nobody's branch; what was allocated is its client's.
        self._parents[node] = started.parent if started.kind in ("proc", "allocated") else ""
        if started.kind == "proc":
            self._nodes_by_proc[started.name] = node
        else:
            track.look = RUNNING

    def _on_process_died(self, node: str, why: str, at: int) -> None:
        self._processes[node].ending = why.replace("_", " ")
        for track in self._tracks_on(node):
            track.turn(at, GONE)

    def _on_actor_status(self, node: str, changed: ActorStatusChanged, at: int) -> None:
        if actor_name_of(changed.actor) in _PLUMBING or self._is_root_client(node, changed.actor):
            return
        track = self._actors.get(changed.actor)
        if track is None:
            track = _Track(self._directory.name_of_actor(changed.actor), "actor", at)
            self._actors[changed.actor] = track
            self._actors_on.setdefault(node, []).append(changed.actor)
        look = _ACTOR_LOOKS.get(changed.phase)
        if look is not None:
            track.turn(at, look)
        if look in ENDS:
            track.ending = changed.text

    def _mark(self, record: Record, actor: ActorId, mark: Mark) -> None:
        track = self._actors.get(actor) or self._processes.get(record.node)
        if track is not None:
            track.marks.append(mark)

    def _tracks_on(self, node: str) -> Iterable[_Track]:
        yield self._processes[node]
        for actor in self._actors_on.get(node, []):
            yield self._actors[actor]

    def _is_root_client(self, node: str, actor: ActorId) -> bool:
        return self._directory.actor(node) == actor

    def _place(self, target: str) -> str:
        """A fault's target in short words; targets are nodes, actor ids, or the two sides of a link."""
        if " " in target:
            return target
        return self._directory.name_of_actor(ActorId(target)) if "," in target else self._directory.name_of_node(target)


def _ending(status: ExitStatus) -> str:
    if status.signal is not None:
        return f"signal {status.signal}"
    return f"exit {status.code}"
