"""Which transitions of the model runs reach: a simulation whose machines are watched.

A *pair* is (machine, state, event): a machine of a class took an event while it was in a state. Machines that keep a
`phase` are in the state of that name; a host's agent has none, so its state is put together from what it is doing.
Process statuses have no machine of their own: their marks are read from the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from meshsim.drive.conductor import Conductor
from meshsim.model.hosts.host_agent import HostAgent
from meshsim.model.messages import Envelope
from meshsim.model.notes import MarkRejected, ProcStatusChanged
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.tags import tag_of
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend

if TYPE_CHECKING:
    from meshsim.model.boot import NodeBoot, Program
    from meshsim.model.commands import Command
    from meshsim.model.events import Event
    from meshsim.model.ids import ActorId, Node
    from meshsim.model.machine import Machine
    from meshsim.model.runtime.actor import ActorCell
    from meshsim.trace.records import Record

PROCESS = "Process"
#: Machines whose state is not told apart have this one.
ANY_STATE = "any"


class Pair(NamedTuple):
    machine: str
    state: str
    event: str


class Reached(msgspec.Struct):
    """Pairs that runs reached, each with the first scenario that did."""

    first: dict[Pair, str] = {}
    runs: int = 0

    def add(self, pairs: Iterable[Pair], scenario: str) -> None:
        self.runs += 1
        for pair in sorted(pairs):
            self.first.setdefault(pair, scenario)


def reached_by(plans: Iterable[Plan]) -> Reached:
    """Simulate plans and say what they reached."""
    reached = Reached()
    for plan in plans:
        reached.add(pairs_of(plan), plan.scenario)
    return reached


def pairs_of(plan: Plan) -> set[Pair]:
    """The pairs of one simulated run."""
    backend = _WatchingBackend(program_of(plan))
    conductor = Conductor(plan, backend)
    conductor.run()
    return backend.pairs | set(_marks(conductor.records))


def event_name(event: Event) -> str:
    """How a pair names an event: a message by its tag, behind `reply:` when it comes to a port that was opened for it;
    a timer by the first word of its key.
    """
    if isinstance(event, Envelope):
        return f"{'reply:' if event.port else ''}{tag_of(event.message)}"
    key = getattr(event, "key", None)
    return tag_of(event) if key is None else f"timer:{str(key).partition(':')[0]}"


def state_of(machine: Machine) -> str:
    """The state that a machine is in."""
    if isinstance(machine, HostAgent):
        return _host_state(machine)
    phase = getattr(machine, "phase", None)
    return ANY_STATE if phase is None else str(phase.value)


def _host_state(agent: HostAgent) -> str:
    if agent.deaf:
        return "deaf"
    if agent.shutdown is not None:
        return "shutting_down"
    if not agent.host_present:
        return "gone"
    return "creating" if agent.creating else "idle"


def _marks(records: Iterable[Record]) -> Iterator[Pair]:
    """Each mark of a process's status that was asked for (supervision.md 3.2)."""
    for record in records:
        match record.what:
            case ProcStatusChanged(before=before, phase=phase):
                yield Pair(PROCESS, before, phase.lower())
            case MarkRejected(phase=phase, mark=mark):
                yield Pair(PROCESS, phase, mark.lower())


class _Watched:
    """A machine that notes what it is told. Stands in for it in its cell: whatever else is asked of it, it answers."""

    def __init__(self, machine: Machine, pairs: set[Pair]) -> None:
        self._machine = machine
        self._pairs = pairs
        self.accepts = machine.accepts
        self.takes = machine.takes
        self.binds = machine.binds

    @property
    def me(self) -> ActorId:
        return self._machine.me

    @me.setter
    def me(self, actor: ActorId) -> None:
        self._machine.me = actor

    @property
    def busy(self) -> bool:
        return self._machine.busy

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        machine = self._machine
        self._pairs.add(Pair(type(machine).__name__, state_of(machine), event_name(event)))
        return list(machine.handle(event, now_ns))

    def __getattr__(self, name: str) -> object:
        return getattr(self._machine, name)


class _WatchedNode(NodeMachine):
    def __init__(self, boot: NodeBoot, program: Program, pairs: set[Pair]) -> None:
        self._pairs = pairs
        super().__init__(boot, program)

    def _cell(
        self, actor: ActorId, machine: Machine, *, parent: ActorId | None = None, display_name: str | None = None
    ) -> ActorCell:
        return super()._cell(actor, _Watched(machine, self._pairs), parent=parent, display_name=display_name)


class _WatchingBackend(SimBackend):
    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._watching = program
        self.pairs: set[Pair] = set()

    def start(self, boot: NodeBoot) -> None:
        self.nodes[boot.node] = _WatchedNode(boot, self._watching, self.pairs)

    def spawn(self, parent: Node, boot: NodeBoot, *, pdeathsig: bool) -> None:
        self.start(boot)
