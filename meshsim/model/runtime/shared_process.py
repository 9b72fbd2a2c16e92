"""The procs of one process: its own, and those that its machines boot beside it and tear down again.

    (unknown) ──BootProc──▶ booted ──DestroyProc──▶ going ──last root actor ended, or aborted──▶ gone

A proc that is gone stays known: its actors are refused as unknown, and what runs on in it has nobody to report to.

Source: supervision.md 1.1, 3.10; mesh_model.md 6.6.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from meshsim.model.commands import (
    BootProc,
    CancelTimer,
    DestroyProc,
    HoldMessages,
    NodeCommand,
    ReleaseMessages,
    RuntimeCommand,
    SetTimer,
    SpawnAllocated,
    SpawnProcess,
)
from meshsim.model.events import ProcDestroyed, RuntimeEvent, SignalReceived
from meshsim.model.ids import ActorId, Name, ProcId, address_of, pid_of, proc_of
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.notes import ProcPlaced
from meshsim.model.runtime.actor import ActorCell
from meshsim.model.runtime.mailbox_sender import ReconfigurableMailboxSender, passed_on
from meshsim.model.runtime.teardown import TEARDOWN_TIMER, Teardown, keeper_of

if TYPE_CHECKING:
    from meshsim.model.machine import Machine


class SharedProcess(ABC):
    """What a node (`meshsim.model.runtime.node`) knows of its procs, and what it does to them. Its actors are the
    node's.
    """

    def __init__(self) -> None:
        self.cells: dict[ActorId, ActorCell] = {}
        #: The procs of this process, and the supervision coordinator of each; none in procs of hosts and clients.
        self.procs: dict[ProcId, ActorId | None] = {}
        #: Who booted a proc beside the process's own, and which of them are being torn down or gone.
        self.booted_by: dict[ProcId, ActorId] = {}
        self.teardowns: dict[ProcId, Teardown] = {}
        self.gone: list[ProcId] = []
        #: Which actor started a child process that has not ended.
        self.started_by: dict[Name, ActorId] = {}
        #: The way out of procs of the allocated path.
        self.senders: dict[ProcId, ReconfigurableMailboxSender] = {}
        #: Procs with a place of their own in the network.
        self.placed: set[ProcId] = set()
        self.timers: dict[ActorId, list[str]] = {}
        #: Actors that are known to live elsewhere.
        self._remote: set[ActorId] = set()
        self._queue: deque[tuple[ActorId, RuntimeEvent]] = deque()
        self._out: list[NodeCommand] = []

    @abstractmethod
    def _cell(self, actor: ActorId, machine: Machine) -> ActorCell:
        """The runtime of a new actor."""

    @abstractmethod
    def _begin(self, actor: ActorId) -> None:
        """Let a new actor start."""

    @abstractmethod
    def _kill_task(self, cell: ActorCell, now_ns: int) -> None:
        """Abort an actor."""

    @abstractmethod
    def _send(self, envelope: Envelope) -> None:
        """A message leaves an actor: to another of this process, or out."""

    def _change_procs(self, cell: ActorCell, command: RuntimeCommand) -> None:
        match command:
            case BootProc():
                self._boot_proc(cell, command)
            case DestroyProc():
                self._destroy_proc(command)
            case HoldMessages():
                self.senders[proc_of(cell.me)] = ReconfigurableMailboxSender()
            case ReleaseMessages(forwarder=forwarder, book=book):
                for envelope in self.senders[proc_of(cell.me)].configure(forwarder, book) or ():
                    self._send(envelope)
            case SpawnProcess(name=name) | SpawnAllocated(name=name):
                self.started_by[name] = cell.me
                self._out.append(command)
            case _:
                self._out.append(command)  # type: ignore[arg-type]

    def _is_held(self, envelope: Envelope) -> bool:
        """Whether a message waits until the agent of its sender's proc is configured, or goes another way."""
        proc = proc_of(envelope.sender)
        sender = self.senders.get(proc)
        if sender is None or proc_of(envelope.dest) == proc:
            return False
        posted = sender.post(envelope)
        if posted == [envelope]:
            return False
        for detour in posted:
            self._send(detour)
        return True

    def _pass_on(self, envelope: Envelope) -> bool:
        """A message for no actor of this process: it is to be passed on, or it comes back to who had it passed on."""
        onward = passed_on(envelope)
        if onward is None and isinstance(envelope.message, Undeliverable):
            addresses = {address_of(proc) for proc in self.procs}
            onward = None if address_of(proc_of(envelope.dest)) in addresses else envelope
        if onward is not None:
            self._send(onward)
        return onward is not None

    def _boot_proc(self, booter: ActorCell, command: BootProc) -> None:
        """A proc of its own beside the others, with its first actor."""
        root = command.root.me
        proc = proc_of(root)
        assert proc not in self.procs, f"{proc} was booted before"
        self.procs[proc] = root if command.coordinates else None
        self.booted_by[proc] = booter.me
        self._remote = {actor for actor in self._remote if proc_of(actor) != proc}
        self.cells[root] = self._cell(root, command.root)
        if command.place is not None:
            self.placed.add(proc)
            self._out.append(ProcPlaced(proc, command.place))
        self._begin(root)

    def _destroy_proc(self, command: DestroyProc) -> None:
        """`destroy_and_wait`: all root actors at once, and no more than this time for each."""
        proc = command.proc
        if proc in self.teardowns or proc in self.gone:
            return
        remaining = [
            actor
            for actor, cell in self.cells.items()
            if proc_of(actor) == proc and pid_of(actor) == 0 and not cell.is_terminal
        ]
        self.teardowns[proc] = Teardown(remaining)
        if not remaining:
            self._end_teardown(proc, ())
            return
        for actor in remaining:
            self._queue.append((actor, SignalReceived("drain_and_stop", command.reason)))
        keeper = keeper_of(proc)
        self.timers[keeper] = [TEARDOWN_TIMER]
        self._out.append(SetTimer(keeper, TEARDOWN_TIMER, command.timeout_ns))

    def _note_ended(self, actor: ActorId) -> None:
        proc = proc_of(actor)
        teardown = self.teardowns.get(proc)
        if teardown is not None and teardown.ended(actor):
            self.timers[keeper_of(proc)] = []
            self._out.append(CancelTimer(keeper_of(proc), TEARDOWN_TIMER))
            self._end_teardown(proc, ())

    def _abort_late(self, proc: ProcId, now_ns: int) -> None:
        late = tuple(self.teardowns[proc].remaining)
        for actor in late:
            self._kill_task(self.cells[actor], now_ns)
        self._end_teardown(proc, late)

    def _end_teardown(self, proc: ProcId, aborted: tuple[ActorId, ...]) -> None:
        """Nobody is there any more who could be told of a failure; who booted it is told that it is gone."""
        stopped = tuple(self.teardowns.pop(proc).stopped)
        self.procs[proc] = None
        self.gone.append(proc)
        self._queue.append((self.booted_by[proc], ProcDestroyed(proc, stopped, aborted)))
