"""Which transitions of the model runs reach: a simulation whose machines are watched.

A *pair* is (machine, state, event): a machine of a class took an event while it was in a state. Machines that have a
`phase` are in the state of that name. The status of a process has no machine of its own: its events are the marks that
its host's process manager asks for, those that are refused included (supervision.md 3.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from meshsim.drive.conductor import Conductor
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.hosts.host_agent import HostAgent
from meshsim.model.hosts.process_manager import ProcessManager
from meshsim.model.messages import Envelope
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.tags import tag_of
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend

if TYPE_CHECKING:
    from meshsim.model.boot import NodeBoot, Program
    from meshsim.model.commands import Command
    from meshsim.model.events import Event
    from meshsim.model.hosts.process import ProcStatus
    from meshsim.model.ids import ActorId, Name, Node
    from meshsim.model.machine import Machine
    from meshsim.model.runtime.actor import ActorCell

PROCESS = "Process"
#: Machines whose state is not told apart have this one.
ANY_STATE = "any"
#: What the agent of a proc waits for in the handlers of the allocated path, which leave its phase alone.
GSPAWNING, STOPPING_ONE = "gspawning", "stopping_one"


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
    backend = WatchingBackend(program_of(plan))
    Conductor(plan, backend).run()
    return backend.pairs


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
    if isinstance(machine, ProcAgent) and machine.v0.busy:
        return GSPAWNING if machine.v0.gspawn is not None else STOPPING_ONE
    phase = getattr(machine, "phase", None)
    return ANY_STATE if phase is None else str(phase.value)


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


class _WatchedManager(ProcessManager):
    """A process manager that notes which marks it asks for: one that is refused in silence leaves no other trace."""

    pairs: set[Pair] = msgspec.field(default_factory=set)

    def _mark(self, name: Name, asked: ProcStatus) -> list[Command]:
        self.pairs.add(Pair(PROCESS, self.children[name].status.phase.value, asked.phase.value.lower()))
        return super()._mark(name, asked)


def _watch_marks(agent: HostAgent, pairs: set[Pair]) -> None:
    if type(agent.manager) is ProcessManager:
        agent.manager = _WatchedManager(**msgspec.structs.asdict(agent.manager), pairs=pairs)


class _WatchedNode(NodeMachine):
    def __init__(self, boot: NodeBoot, program: Program, pairs: set[Pair]) -> None:
        self._pairs = pairs
        super().__init__(boot, program)

    def _cell(
        self, actor: ActorId, machine: Machine, *, parent: ActorId | None = None, display_name: str | None = None
    ) -> ActorCell:
        if isinstance(machine, HostAgent):
            _watch_marks(machine, self._pairs)
        return super()._cell(actor, _Watched(machine, self._pairs), parent=parent, display_name=display_name)


class WatchingBackend(SimBackend):
    """Simulates as any, and keeps the pairs that its machines reach."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._watching = program
        self.pairs: set[Pair] = set()

    def start(self, boot: NodeBoot) -> None:
        self.nodes[boot.node] = _WatchedNode(boot, self._watching, self.pairs)

    def spawn(self, parent: Node, boot: NodeBoot, *, pdeathsig: bool) -> None:
        self.start(boot)
