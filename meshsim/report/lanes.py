"""What a timeline shows, as data: one lane for each process and actor, with bars, marks and fault lines.

Drawn from the trace alone. A lane's bars follow the kernel's view of its process (alive, stopped, gone) and, while
that lives, the model's view of the actor or proc. Agents have no lane: what they do shows in the lanes of those
they look after.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from meshsim.model.ids import HOST_AGENT, PROC_AGENT, ActorId, actor_name_of
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
from meshsim.model.process import ExitStatus
from meshsim.model.supervision import ActorPhase
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultMissed,
    FaultStruck,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessStarted,
    ProcessStopped,
    Record,
)

#: Lanes that one figure shows; above it, those where nothing happens are folded away. Source: chosen here.
LANES_MAX = 40

#: Looks of a bar. The last three are ends: drawn thin.
STARTING, RUNNING, STALLED, STOPPING = "starting", "running", "stalled", "stopping"
STOPPED, FAILED, GONE = "stopped", "failed", "gone"
ENDS = frozenset({STOPPED, FAILED, GONE})
_QUIET = frozenset({STARTING, RUNNING})

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
    """Something at an instant: `heard`, `watchdog`, `heartbeat`, `poll`, `operation` or `orphan`."""

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

    @property
    def is_eventful(self) -> bool:
        """Whether something else happens than starting and running to the end."""
        return any(bar.look not in _QUIET for bar in self.bars) or any(mark.text for mark in self.marks)


class Chart(msgspec.Struct, frozen=True):
    lanes: tuple[Lane, ...]
    faults: tuple[FaultLine, ...]
    ended_ns: int
    #: Lanes that are not shown because there are too many.
    folded: int


def chart_of(records: Sequence[Record], lanes_max: int = LANES_MAX) -> Chart:
    """The timeline of a run, or of the part of it that was recorded."""
    drawing = _Drawing(Directory.of(records))
    for record in records:
        drawing.take(record)
    ended_ns = records[-1].at if records else 0
    lanes = drawing.finish(ended_ns)
    shown = _folded(lanes, lanes_max)
    return Chart(tuple(shown), tuple(drawing.faults), ended_ns, len(lanes) - len(shown))


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

    def turn(self, at_ns: int, look: str) -> None:
        if self.look not in (look, GONE):
            self._cut(at_ns)
            self.look = look

    def stall(self, at_ns: int, stalled: bool) -> None:
        if self.stalled != stalled:
            self._cut(at_ns)
            self.stalled = stalled

    def lane(self, depth: int, ended_ns: int) -> Lane:
        self._cut(ended_ns)
        return Lane(self.name, self.kind, depth, tuple(self.bars), tuple(self.marks), self.ending)

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
            case MeshSpawned(controller=controller):
                if controller is not None:
                    self._controllers.add(controller)
            case FaultStruck(index=index, kind=kind, target=target):
                self.faults.append(FaultLine(at, index, f"{kind} {self._place(target)}", struck=True))
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
            case OrphanStopped(actor=actor):
                self._mark(record, actor, Mark(at, "orphan", "stopped as an orphan"))
            case _:
                pass

    def finish(self, ended_ns: int) -> list[Lane]:
        """Clients with their controllers, then hosts with their procs with their actors."""
        lanes: list[Lane] = []
        roots = [node for node, parent in self._parents.items() if not parent]
        for node in sorted(roots, key=lambda node: self._processes[node].kind != "client"):
            self._add_lanes(node, 0, ended_ns, lanes)
        return lanes

    def _add_lanes(self, node: str, depth: int, ended_ns: int, lanes: list[Lane]) -> None:
        lanes.append(self._processes[node].lane(depth, ended_ns))
        for actor in self._actors_on.get(node, []):
            track = self._actors[actor]
            track.kind = "controller" if actor in self._controllers else "actor"
            lanes.append(track.lane(depth + 1, ended_ns))
        for child, parent in self._parents.items():
            if parent == node:
                self._add_lanes(child, depth + 1, ended_ns, lanes)

    def _on_process_started(self, node: str, started: ProcessStarted, at: int) -> None:
        track = _Track(self._directory.name_of_node(node), started.kind, at)
        self._processes[node] = track
        self._parents[node] = started.parent
        if started.kind == "proc":
            self._nodes_by_proc[started.name] = node
        else:
            track.look = RUNNING

    def _on_process_died(self, node: str, why: str, at: int) -> None:
        self._processes[node].ending = why.replace("_", " ")
        for track in self._tracks_on(node):
            track.turn(at, GONE)

    def _on_actor_status(self, node: str, changed: ActorStatusChanged, at: int) -> None:
        if actor_name_of(changed.actor) in (HOST_AGENT, PROC_AGENT) or self._is_root_client(node, changed.actor):
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
        """A fault's target in short words; targets are nodes or actor ids."""
        return self._directory.name_of_actor(ActorId(target)) if "," in target else self._directory.name_of_node(target)


def _ending(status: ExitStatus) -> str:
    if status.signal is not None:
        return f"signal {status.signal}"
    return f"exit {status.code}"
