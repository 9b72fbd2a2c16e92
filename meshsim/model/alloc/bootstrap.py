"""An allocated process before and beside its proc: it says hello, boots what it is told to, and lives by its heartbeat.

    GREETING ──StartProc──▶ SERVING ──StopAndExit──▶ STOPPING ──▶ exit
    any ──a message to the allocator came back──▶ exit 1

Source: mesh_model.md 5.3; supervision.md 13 (V0 heartbeat).
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.agents.agent_v0 import AgentV0
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.alloc.messages import AllocHeartbeat, AllocHello, StartedProc, StartProc, StopAndExit
from meshsim.model.commands import BootProc, Command, DestroyProc, ExitProcess, SetTimer
from meshsim.model.config import V0_HEARTBEAT_NS, Config
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Event, ProcDestroyed, Started, TimerFired
from meshsim.model.ids import ActorId, ProcId, mesh_agent_id
from meshsim.model.messages import Envelope, Message, Undeliverable
from meshsim.units import MS

#: Patience with the actors of the proc when the process is told to end.
DESTROY_TIMEOUT_NS = 10 * MS
STOP_REASON = "process told to exit"
HEARTBEAT_TIMER = "heartbeat"


class ProcessPhase(Enum):
    GREETING = "greeting"
    SERVING = "serving"
    STOPPING = "stopping"


TRANSITIONS: dict[ProcessPhase, frozenset[ProcessPhase]] = {
    ProcessPhase.GREETING: frozenset({ProcessPhase.SERVING}),
    ProcessPhase.SERVING: frozenset({ProcessPhase.STOPPING}),
    ProcessPhase.STOPPING: frozenset(),
}


class AllocatedProcess(msgspec.Struct):
    """The main loop of an allocated process, as a root actor of a proc of its own."""

    me: ActorId
    alloc: ActorId
    index: int
    #: The address this process serves.
    addr: str
    config: Config
    phase: ProcessPhase = ProcessPhase.GREETING
    proc: ProcId | None = None
    exit_code: int = 0

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return False

    def takes(self, port: int, message: Message) -> bool:
        return False

    def binds(self, message: Message) -> bool:
        return type(message) in (StartProc, StopAndExit, Undeliverable)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Started():
                return [self._say(AllocHello(self.index, self.addr)), self._next_heartbeat()]
            case TimerFired():
                return [self._say(AllocHeartbeat(self.index)), self._next_heartbeat()]
            case Envelope(message=StartProc(proc_id=proc)):
                return self._start(proc)
            case Envelope(message=StopAndExit(code=code)):
                return self._stop(code)
            case Envelope(message=Undeliverable()):
                return [ExitProcess(1)]  # The allocator is not to be reached: nobody needs this process.
            case ProcDestroyed():
                return [ExitProcess(self.exit_code)]
            case CleanupStarted() | ClockSet() | ChildFailed():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _start(self, proc: ProcId) -> list[Command]:
        self._move_to(ProcessPhase.SERVING)
        self.proc = proc
        agent = mesh_agent_id(proc)
        machine = ProcAgent(me=agent, proc=proc, config=self.config, address=self.addr, v0=AgentV0(agent))
        return [BootProc(machine), self._say(StartedProc(self.index, proc, agent, self.addr))]

    def _stop(self, code: int) -> list[Command]:
        if self.proc is None:
            return [ExitProcess(code)]
        self._move_to(ProcessPhase.STOPPING)
        self.exit_code = code
        return [DestroyProc(self.proc, DESTROY_TIMEOUT_NS, STOP_REASON)]

    def _say(self, message: AllocHello | StartedProc | AllocHeartbeat) -> Envelope:
        return Envelope(self.me, self.alloc, message)

    def _next_heartbeat(self) -> Command:
        return SetTimer(self.me, HEARTBEAT_TIMER, V0_HEARTBEAT_NS)

    def _move_to(self, phase: ProcessPhase) -> None:
        assert phase in TRANSITIONS[self.phase], f"{self.me}: {self.phase.value} -> {phase.value}"
        self.phase = phase
