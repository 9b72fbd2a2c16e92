"""An alloc of OS processes on this machine, started one by one and replaced when they die.

Whoever holds one asks for the `next` event, as often as there is none; between two questions nothing moves but the
watchdogs. Each question starts at most one process, so an alloc that nobody asks starts none, and one whose events are
drained replaces every process that dies (nobody makes use of that: `ProcMesh` only logs it).

    alloc    starts process {index} ───────────▶ process
    process  Hello(address) ───────────────────▶ alloc
    alloc    StartProc(proc id) ───────────────▶ process boots proc and agent
    process  StartedProc(agent, address) ──────▶ alloc: Running
    process  Heartbeat every 5 s ──────────────▶ alloc; the process exits with 1 when one comes back
    alloc    StopAndExit(0) ───────────────────▶ process; SIGTERM when it is not gone in time

Source: mesh_model.md 5.3.
"""

from __future__ import annotations

from typing import Union

import msgspec

from meshsim.model.alloc.events import WATCHDOG, AllocEvent, Created, Failed, Running, Stopped, StopReason, reason_of
from meshsim.model.alloc.messages import AllocHeartbeat, AllocHello, StartedProc, StartProc, StopAndExit
from meshsim.model.commands import CancelTimer, Command, SetTimer, SignalProcess, SpawnAllocated
from meshsim.model.config import Config, overrides
from meshsim.model.events import ChildExited
from meshsim.model.hosts.ladder import SIGTERM
from meshsim.model.hosts.stderr_tail import lines_kept, tail_of
from meshsim.model.ids import ActorId, Name, NameSource, fixed_proc_name, proc_id
from meshsim.model.messages import Envelope
from meshsim.model.shapes.extent import Extent, ViewRank

WATCHDOG_TIMER = "watchdog"


class Child(msgspec.Struct):
    """A process that has not been waited for."""

    rank: int
    create_key: str
    name: Name
    #: Whom to answer, once it has said hello.
    process: ActorId | None = None
    #: The first reason that was recorded wins.
    reason: StopReason | None = None


class StopRequested(msgspec.Struct, frozen=True):
    """Somebody asked the alloc to stop."""


class SpawnRefused(msgspec.Struct, frozen=True):
    """The next process cannot be started (exec fails, say)."""

    error: str


Input = Union[Envelope, ChildExited, StopRequested, SpawnRefused]


class ProcessAlloc(msgspec.Struct):
    """State of one alloc. `me` is the actor that holds it and asks it for events."""

    me: ActorId
    #: `_` and twelve digits (mesh_model.md 7).
    name: str
    extent: Extent
    #: What the scenario calls the procs: only the names of nodes in traces come from it.
    label: str
    config: Config
    names: NameSource
    #: Number in the name of its first node, when it is a part of an alloc on several hosts.
    first_node: int = 0
    #: Base of the name of every proc, when the spec fixes one.
    proc_name: str = ""
    #: Active children by index; indices are never used again.
    children: dict[int, Child] = {}
    created: int = 0
    is_running: bool = True
    has_failed: bool = False
    #: What came and was not looked at yet.
    inbox: list[Input] = []

    @property
    def is_over(self) -> bool:
        """Stopped, and every process waited for: there is no next event."""
        return not self.is_running and not self.children

    def next(self) -> tuple[list[Command], AllocEvent | None]:
        """Look for one event; none when there is nothing to tell yet, or when it is over."""
        commands, event = self._spawn_one()
        while event is None and self.inbox and not self.is_over:
            more, event = self._take(self.inbox.pop(0))
            commands += more
        return commands, event

    def stop(self) -> list[Command]:
        """Ask it to stop; done when it is asked for the next event."""
        self.inbox.append(StopRequested())
        return []

    def on_message(self, envelope: Envelope) -> list[Command]:
        """What a process says; looked at by `next`."""
        self.inbox.append(envelope)
        return []

    def on_exit(self, exited: ChildExited) -> list[Command]:
        """A process was waited for; looked at by `next`."""
        self.inbox.append(exited)
        return []

    def on_returned(self, envelope: Envelope) -> list[Command]:
        """The channel to a process closed: that is the end of the process."""
        for index, child in self.children.items():
            if child.process == envelope.dest:
                return self._give_up(index)
        return []

    def on_timer(self, key: str) -> list[Command]:
        """A process was asked to stop and did not."""
        return self._give_up(int(key.partition(":")[2]))

    def fail(self, error: str) -> list[Command]:
        """The next process could not be started: the alloc is dead. Trying again would not help."""
        self.inbox.append(SpawnRefused(error))
        return []

    def _give_up(self, index: int) -> list[Command]:
        child = self.children.get(index)
        if child is None:
            return []
        child.reason = child.reason or WATCHDOG
        return [SignalProcess(child.name, SIGTERM)]

    def _spawn_one(self) -> tuple[list[Command], AllocEvent | None]:
        """The process of the lowest rank that has none."""
        if not self.is_running or self.has_failed or len(self.children) == self.extent.num_ranks:
            return [], None
        taken = [child.rank for child in self.children.values()]
        rank = next(rank for rank in range(self.extent.num_ranks) if rank not in taken)
        index, self.created = self.created, self.created + 1
        name = Name(f"{self.name}_{index}")
        child = Child(rank, self.names.draw_uuid(), name)
        self.children[index] = child
        point = str(self.extent.point_of_rank(ViewRank(rank)))
        command = SpawnAllocated(
            name, f"{self.label}_{self.first_node + index}", self.me, index, overrides(self.config)
        )
        return [command], Created(child.create_key, rank, point, self.created)

    def _take(self, taken: Input) -> tuple[list[Command], AllocEvent | None]:
        match taken:
            case Envelope(message=AllocHello(index=index, addr=addr), sender=process):
                return self._on_hello(index, addr, process), None
            case Envelope(message=StartedProc() as started):
                child = self.children.get(started.index)
                if child is None:
                    return [], None  # From a process that has been waited for.
                return [], Running(child.create_key, started.proc_id, started.agent, started.addr)
            case Envelope(message=AllocHeartbeat()):
                return [], None
            case Envelope(message=message):
                raise AssertionError(f"{self.me} cannot take {message!r}")
            case ChildExited(name=name, status=status):
                index = _index_of(name)
                child = self.children.pop(index)
                reason = child.reason or reason_of(status, self._tail(taken))
                return [CancelTimer(self.me, _timer(index))], Stopped(child.create_key, reason)
            case StopRequested():
                return self._stop(), None
            case SpawnRefused(error=error):
                self.has_failed = True
                return [], Failed(self.name, error)

    def _tail(self, exited: ChildExited) -> str:
        return "\n".join(tail_of(exited, lines_kept(self.config.mesh_tail_log_lines, self.config), self.config))

    def _on_hello(self, index: int, addr: str, process: ActorId) -> list[Command]:
        child = self.children.get(index)
        if child is None or child.process is not None:
            return []
        child.process = process
        proc = proc_id(addr, fixed_proc_name(self.proc_name, addr) if self.proc_name else child.name)
        return [Envelope(self.me, process, StartProc(proc))]

    def _stop(self) -> list[Command]:
        """Every process is told, and given PROCESS_EXIT_TIMEOUT. One that has not said hello cannot be told."""
        if not self.is_running:
            return []
        self.is_running = False
        commands: list[Command] = []
        for index, child in self.children.items():
            if child.process is not None:
                commands.append(Envelope(self.me, child.process, StopAndExit(0)))
            commands.append(SetTimer(self.me, _timer(index), self.config.process_exit_timeout))
        return commands


def _index_of(name: Name) -> int:
    return int(name.rpartition("_")[2])


def _timer(index: int) -> str:
    return f"{WATCHDOG_TIMER}:{index}"
