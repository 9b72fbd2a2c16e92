"""The process manager of a host: one child process for each proc, its status, and how it is ended.

It is no actor. Exits, callbacks and the timers of stop ladders reach it at once, whatever the HostAgent it belongs to
is doing. A child is never forgotten (Q39): it has its status (`meshsim.model.hosts.process`) and at most one ladder
of each kind (`meshsim.model.hosts.ladder`). The table of pids that the launcher keeps is the part of it that has not
ended.

How processes really start and end is the conductor's business: `SpawnProcess` and `SignalProcess` go out,
`ProcReady` and `ChildExited` come back.

Source: supervision.md 3. Quirks: Q1 to Q6, Q58, Q63.
"""

from __future__ import annotations

import msgspec

from meshsim.model.commands import CancelTimer, Command, SetTimer, SignalProcess, SpawnProcess
from meshsim.model.config import Config, clamped_concurrency
from meshsim.model.events import ChildExited
from meshsim.model.hosts import process
from meshsim.model.hosts.ladder import SIGKILL, SIGTERM, Act, Ladder, LadderKind, Moment
from meshsim.model.hosts.process import ProcPhase, ProcStatus
from meshsim.model.hosts.stderr_tail import lines_kept, tail_of
from meshsim.model.ids import (
    FIRST_EPHEMERAL_PORT,
    ActorId,
    Name,
    Node,
    PortRef,
    ProcId,
    address_of_node,
    proc_agent_id,
    proc_id,
)
from meshsim.model.mapping import to_resource_status
from meshsim.model.messages import Envelope, ProcReady, ProcSpec, StopAll
from meshsim.model.notes import MarkRejected, ProcStatusChanged
from meshsim.model.status import Status
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock

#: Stands for the command line that starts a child.
BOOTSTRAP_COMMAND = "bootstrap"


class Child(msgspec.Struct):
    """One process, as the process manager keeps it."""

    status: ProcStatus = process.STARTING
    #: How many lines of its stderr are kept; none unless it is piped.
    tail_lines: int = 0
    #: Ladders by kind; A and B can climb side by side.
    ladders: dict[LadderKind, Ladder] = {}


class ProcessManager(msgspec.Struct):
    """The children of one host. `me` is the HostAgent in whose name it speaks."""

    me: ActorId
    host: Node
    config: Config
    children: dict[Name, Child] = {}
    #: Callback ports on which nobody has called yet. They outlive the wait for Ready.
    callbacks: dict[int, Name] = {}
    next_port: int = FIRST_EPHEMERAL_PORT
    clock: WallClock = TRUE_CLOCK

    #: What a proc's state says of how it was started.
    bootstrap_command: str | None = BOOTSTRAP_COMMAND

    # --- starting (3.3, 3.7) ---------------------------------------------------------------------------------

    def start(self, name: Name, spec: ProcSpec, now_ns: int, rank: int = 0) -> list[Command]:
        """Start a child; it is Running at once and Ready when it calls back."""
        self.children[name] = Child(tail_lines=self._tail_lines(spec))
        port, self.next_port = self.next_port, self.next_port + 1
        self.callbacks[port] = name
        pdeathsig = Config.of(spec.config).mesh_bootstrap_enable_pdeathsig
        return [
            SpawnProcess(name, PortRef(self.me, port), spec.config, pdeathsig, rank),
            *self._mark(name, process.running(self._wall(now_ns))),
        ]

    def on_ready(self, port: int, ready: ProcReady, now_ns: int) -> tuple[Name, list[Command]]:
        """A child calls back. It counts whenever it comes; a child that is stopping or gone does not get Ready."""
        name = self.callbacks.pop(port)
        return name, self._mark(name, process.ready(self._wall(now_ns), ready.addr, ready.agent))

    def forget(self, name: Name) -> None:
        """A child that could not be started: it has no handle."""
        del self.children[name]
        self.callbacks = {port: child for port, child in self.callbacks.items() if child != name}

    def _tail_lines(self, spec: ProcSpec) -> int:
        """The proc's own configuration beats that of the host (3.5)."""
        return lines_kept(int(spec.config.get("MESH_TAIL_LOG_LINES", self.config.mesh_tail_log_lines)), self.config)

    # --- questions -------------------------------------------------------------------------------------------

    def names(self) -> list[Name]:
        """Every child there ever was: what a shutdown goes through."""
        return list(self.children)

    def is_ready(self, name: Name) -> bool:
        return self.children[name].status.phase is ProcPhase.READY

    def is_stopping(self, name: Name) -> bool:
        child = self.children.get(name)
        return child is not None and child.status.phase is ProcPhase.STOPPING

    def has_ended(self, name: Name) -> bool:
        return self.children[name].status.is_exit

    def status(self, name: Name) -> Status:
        return to_resource_status(self.children[name].status)

    def proc_status(self, name: Name) -> ProcStatus | None:
        return self.children[name].status

    @staticmethod
    def in_flight_limit(asked: int) -> int:
        """How many children are terminated at a time."""
        return clamped_concurrency(asked)

    # --- ending (3.8) ----------------------------------------------------------------------------------------

    def stop(self, name: Name, reason: str, now_ns: int) -> list[Command]:
        """Ladder A, `request_stop`: begun and not waited for."""
        return self._begin(name, LadderKind.REQUEST_STOP, reason, self.config.process_exit_timeout, now_ns)

    def terminate(self, name: Name, reason: str, grace_ns: int, now_ns: int) -> list[Command]:
        """Ladder B, for a host that shuts down."""
        return self._begin(name, LadderKind.TERMINATE, reason, grace_ns, now_ns)

    def kill(self, name: Name, reason: str, now_ns: int) -> list[Command]:
        """Ladder C: SIGKILL at once."""
        return self._begin(name, LadderKind.KILL, reason, 0, now_ns)

    def drop(self) -> list[Command]:
        """The launcher goes: SIGKILL to every process group that is still in its table (3.6)."""
        return [SignalProcess(name, SIGKILL) for name, child in self.children.items() if not child.status.is_exit]

    def on_exited(self, exited: ChildExited, now_ns: int) -> list[Command]:
        """What waiting for a child returned: its status, and the end of its ladders."""
        name = exited.name
        status = self._classified(name, exited.status)
        if status.phase is ProcPhase.STOPPED:
            status = msgspec.structs.replace(
                status, stderr_tail=tail_of(exited, self.children[exited.name].tail_lines, self.config)
            )
        commands = self._mark(name, status)
        for ladder in self.children[name].ladders.values():
            commands += self._carry_out(name, ladder, ladder.climb(Moment.EXITED), now_ns)
        return commands

    def on_timer(self, kind: str, name: Name, now_ns: int) -> list[Command]:
        """A grace period is over."""
        ladder = self.children[name].ladders[LadderKind(kind)]
        return self._carry_out(name, ladder, ladder.climb(Moment.TIMEOUT), now_ns)

    def _classified(self, name: Name, status: process.ExitStatus) -> ProcStatus:
        """Q6: a proc that a ladder had to kill failed. Off: it ended as it was asked to.

        Q58: code 0 is a clean end. Off: only when somebody asked for it.
        """
        ladders = self.children[name].ladders
        if status.code == 0 and not ladders and not self.config.has("Q58"):
            return process.failed("exited with code 0 without being asked to")
        stopped = any(kind is not LadderKind.KILL for kind in ladders)
        signalled = any(ladder.has_signalled for ladder in ladders.values())
        sent = stopped and signalled and status.signal in (SIGTERM, SIGKILL)
        return process.classify(status, asked_to=sent and not self.config.has("Q6"))

    def _begin(self, name: Name, kind: LadderKind, reason: str, grace_ns: int, now_ns: int) -> list[Command]:
        child = self.children[name]
        ladder = Ladder(kind, reason, grace_ns, quirks_off=self.config.quirks_off)
        acts = ladder.begin(child.status)
        if not ladder.done:
            child.ladders[kind] = ladder
        return self._carry_out(name, ladder, acts, now_ns)

    def _carry_out(self, name: Name, ladder: Ladder, acts: tuple[Act, ...], now_ns: int) -> list[Command]:
        commands: list[Command] = []
        timer = timer_key(ladder.kind.value, name)
        for act in acts:
            match act:
                case Act.STOP_ALL:
                    agent = proc_agent_id(self.proc_id(name))
                    commands.append(Envelope(self.me, agent, StopAll(ladder.reason), returnable=False))
                case Act.MARK_STOPPING:
                    commands += self._mark(name, process.stopping(self._wall(now_ns)))
                case Act.SIGTERM:
                    commands.append(SignalProcess(name, SIGTERM))
                case Act.SIGKILL:
                    commands.append(SignalProcess(name, SIGKILL))
                case Act.ARM:
                    commands.append(SetTimer(self.me, timer, ladder.wait_ns))
                case Act.DISARM:
                    commands.append(CancelTimer(self.me, timer))
        return commands

    # --- status (3.2) ----------------------------------------------------------------------------------------

    def _mark(self, name: Name, asked: ProcStatus) -> list[Command]:
        """Ask for a transition of a child's status and say what came of it."""
        child = self.children[name]
        before = child.status
        marked = process.mark(before, asked)
        child.status = marked.status
        if marked.accepted:
            after = marked.status
            return [ProcStatusChanged(name, before.phase.value, after.phase.value, process.display_plain(after))]
        if marked.warning:
            return [MarkRejected(name, before.phase.value, asked.phase.value, marked.warning)]
        return []

    def proc_id(self, name: Name) -> ProcId:
        return proc_id(address_of_node(self.host), name)

    def _wall(self, now_ns: int) -> int:
        return self.clock.at(now_ns)


def timer_key(kind: str, name: Name) -> str:
    return f"{kind}:{name}"
