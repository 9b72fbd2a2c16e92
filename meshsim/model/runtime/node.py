"""One node: an OS process of the modelled world, with all its actors in it.

A node is itself a machine. It takes one event (a message, a timer, the end of a child process), lets the actors
concerned handle it, delivers what they say to each other within the process, and returns what has to leave it:
messages, timers, processes to start or to signal, its own exit, and notes for the trace.

    host     service proc: host_agent                     (no coordinator: a failure there ends the process)
    proc     proc_agent, actors of meshes, their children (coordinator: proc_agent)
    client   local proc: client, controllers of its meshes
    allocated  bootstrap (no coordinator), and the proc it is told to boot: mesh (its coordinator), actors

A machine may boot further procs in the same process (`BootProc`) and tear them down again (`DestroyProc`). They share
its fate: what ends the process ends them all.

Source: supervision.md 1.1, 3.7, 4.5 steps 9 and 10; mesh_model.md 3.2, 6.2, 6.4, 6.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from meshsim.model.agents.agent_v0 import AgentMode, AgentV0
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.alloc.bootstrap import AllocatedProcess
from meshsim.model.alloc.remote_service import RemoteAllocator
from meshsim.model.boot import ConstructorError, NodeBoot, Program, Setting
from meshsim.model.clients.context import Context
from meshsim.model.clients.root_clients import CLIENT_KINDS
from meshsim.model.commands import (
    ActorFinished,
    CancelTimer,
    DropInstance,
    ExitProcess,
    GiveBack,
    InitOver,
    KillTask,
    NodeCommand,
    OpenInstance,
    RuntimeCommand,
    SetTimer,
    SignalActor,
    SignalSelf,
    SpawnActor,
    SpawnChild,
    SpawnController,
    UnlinkChildren,
)
from meshsim.model.config import Config
from meshsim.model.events import (
    ActorEnded,
    ActorInitialized,
    ActorSpawned,
    ChildExited,
    ChildFailed,
    ChildStopped,
    ClockSet,
    Event,
    RuntimeEvent,
    SignalReceived,
    SpawnFailed,
    Started,
    TimerFired,
)
from meshsim.model.hosts.host_agent import HostAgent, shared_host
from meshsim.model.ids import (
    BOOTSTRAP,
    HOST_AGENT,
    LOCAL_PROC,
    PROC_AGENT,
    SERVICE_PROC,
    ActorId,
    Name,
    NameSource,
    ProcId,
    actor_id,
    address_of_node,
    proc_id,
    proc_of,
    remote_allocator_id,
    short_actor_name,
)
from meshsim.model.messages import ActorEvent, Envelope, HandlerFails, Undeliverable
from meshsim.model.messaging.delayed import DELAYED_MESSAGE_LOST, DELAYED_MESSAGES
from meshsim.model.messaging.hops import HOPS_MAX, TTL_EXPIRED, hops_inside
from meshsim.model.messaging.sequencing import ReorderBuffer, Sequencer, duplicate_warning, session_of
from meshsim.model.messaging.undeliverable import (
    RETURNED,
    no_mailbox_error,
    port_not_bound_error,
    wrong_type_error,
)
from meshsim.model.notes import NOTE_TYPES, Bounced, LocalDelivery, Warned
from meshsim.model.runtime.actor import ActorCell
from meshsim.model.runtime.choices import Choices
from meshsim.model.runtime.instance import Instance
from meshsim.model.runtime.shared_process import SharedProcess
from meshsim.model.runtime.snapshots import Snapshot, Snapshots
from meshsim.model.runtime.spawning import Counters, SpawnError, already_spawned, next_child
from meshsim.model.runtime.teardown import TEARDOWN_TIMER
from meshsim.model.shapes.extent import Extent, ViewRank, ranked_display_name
from meshsim.model.state import copied
from meshsim.model.supervision import ActorPhase, ActorSupervisionEvent
from meshsim.model.wall_clock import TRUE_CLOCK

if TYPE_CHECKING:
    from meshsim.model.machine import Machine

CLIENT = Name("client")

#: What a child process prints that will outlive its parent. Source: supervision.md 3.7.
PDEATHSIG_DISABLED = "(bootstrap) PDEATHSIG disabled via config"

#: A tuple: membership is tested by identity, without hashing.
_TERMINAL = (ActorPhase.STOPPED, ActorPhase.FAILED)


class NodeMachine(SharedProcess):
    """All actors of one process. Change it through `handle` alone."""

    def __init__(self, boot: NodeBoot, program: Program) -> None:
        super().__init__()
        self.boot = boot
        self.config = Config.of(boot.config, boot.quirks_off, boot.revision)
        self.counters: Counters = {}
        #: Of actors that have ended, by proc.
        self.snapshots: dict[ProcId, Snapshots] = {}
        self.exiting = False
        self.clock = boot.clock
        self._is_short_lived = self.config.message_ttl_default < HOPS_MAX
        self._program = program
        self.proc, self.root = self._boot()

    def handle(self, event: Event, now_ns: int) -> list[NodeCommand]:
        """Take one event, run until every actor waits, and return what leaves the process."""
        out: list[NodeCommand] = []
        self._out = out
        if type(event) is Envelope:
            self._arrive(event, now_ns)
        else:
            self._take(event, now_ns)
        queue = self._queue
        while queue and not self.exiting:
            actor, inner = queue.popleft()
            if type(inner) is Envelope:
                if self._is_short_lived and self._has_expired(inner):
                    self._bounce(inner, TTL_EXPIRED)
                    continue
                out.append(LocalDelivery(inner))
                self._arrive(inner, now_ns)
            else:
                self._run(actor, inner, now_ns)
        queue.clear()
        return out

    def _take(self, event: Event, now_ns: int) -> None:
        """Everything that is not a message."""
        match event:
            case TimerFired(actor=actor, key=key) if key == TEARDOWN_TIMER:
                self._forget_timer(actor, key)
                self._abort_late(proc_of(actor), now_ns)
            case TimerFired(actor=actor, key=key) if key in DELAYED_MESSAGES and self.cells[actor].is_terminal:
                self._out.append(Warned(actor, DELAYED_MESSAGE_LOST))
            case TimerFired(actor=actor, key=key):
                self._forget_timer(actor, key)
                self._run(actor, event, now_ns)
            case Started():
                if self.boot.kind == "proc" and not self.config.mesh_bootstrap_enable_pdeathsig:
                    self._out.append(Warned(self.root, PDEATHSIG_DISABLED))
                self._run(self.root, event, now_ns)
                if self.boot.allocates:
                    self._begin(remote_allocator_id(self.boot.node))
                if self.clock != TRUE_CLOCK:
                    self._run(self.root, ClockSet.to(self.clock), now_ns)
            case ClockSet():
                self._set_clock(event, now_ns)
            case ChildExited(name=name) | SpawnFailed(name=name):
                self._run(self.started_by.pop(name, self.root), event, now_ns)
            case _:
                raise AssertionError(f"{self.boot.node} cannot take {event!r}")

    def _set_clock(self, event: ClockSet, now_ns: int) -> None:
        """The machine has another wall clock: every actor that has not ended reads it."""
        self.clock = event.clock
        for cell in list(self.cells.values()):
            self._apply(cell, cell.handle(event, now_ns), now_ns)

    def snapshot(self) -> dict[str, object]:
        """The whole state as plain values, for comparing and hashing; without what it remembers of actors that have
        ended, as nothing acts on that.
        """
        return {
            "cells": {actor: msgspec.to_builtins(cell) for actor, cell in self.cells.items()},
            "procs": dict(self.procs),
            "teardowns": {proc: msgspec.to_builtins(teardown) for proc, teardown in self.teardowns.items()},
            "gone": list(self.gone),
            "placed": sorted(self.placed),
            "booted_by": dict(self.booted_by),
            "held": {proc: msgspec.to_builtins(sender) for proc, sender in self.senders.items()},
            "clock": msgspec.to_builtins(self.clock),
            "started_by": dict(self.started_by),
            "counters": dict(self.counters),
            "timers": {actor: list(keys) for actor, keys in self.timers.items()},
            "exiting": self.exiting,
        }

    def copied(self) -> NodeMachine:
        """An independent copy."""
        return copied(self, (self.boot, self.config, self._program))

    # --- boot ----------------------------------------------------------------------------------------------

    def _boot(self) -> tuple[ProcId, ActorId]:
        """The proc and the root actor of this kind of node."""
        boot = self.boot
        match boot.kind:
            case "host":
                proc = proc_id(address_of_node(boot.node), SERVICE_PROC)
                root = actor_id(proc, HOST_AGENT)
                machine: Machine = self._host_agent(root)
            case "client":
                proc = proc_id(address_of_node(boot.node), LOCAL_PROC)
                root = actor_id(proc, CLIENT)
                context = Context(root, self.config, NameSource(boot.name_key))
                machine = CLIENT_KINDS[boot.client_kind](root, context)
            case "proc":
                address = address_of_node(boot.host)
                proc = proc_id(address, boot.proc_name)
                root = actor_id(proc, PROC_AGENT)
                machine = ProcAgent(
                    me=root,
                    proc=proc,
                    config=self.config,
                    callback=boot.callback,
                    address=address,
                    name=boot.proc_name,
                    v0=AgentV0(root, AgentMode.V1, rank=boot.rank, recording=True),
                )
                self.procs[proc] = root
            case "allocated":
                address = address_of_node(boot.node)
                proc = proc_id(address, BOOTSTRAP)
                root = actor_id(proc, BOOTSTRAP)
                machine = AllocatedProcess(root, boot.alloc, boot.index, address, self.config)
            case kind:
                raise AssertionError(f"unknown kind of node {kind}")
        self.procs.setdefault(proc, None)
        if boot.kind == "host":
            self.procs[proc_id(address_of_node(boot.node), LOCAL_PROC)] = None
        if boot.allocates:
            service = remote_allocator_id(boot.node)
            self.cells[service] = self._cell(service, RemoteAllocator(service, self.config, NameSource(boot.name_key)))
        self.cells[root] = self._cell(root, machine)
        return proc, root

    def _host_agent(self, me: ActorId) -> HostAgent:
        if self.boot.in_process:
            return shared_host(me, self.boot.node, self.config, in_process=True)
        return HostAgent(me=me, host=self.boot.node, config=self.config)

    # --- messages ------------------------------------------------------------------------------------------

    def _arrive(self, envelope: Envelope, now_ns: int) -> None:
        """Deliver a message to an actor of this process, or give it back."""
        cell = self.cells.get(envelope.dest)
        if cell is None or (cell.phase in _TERMINAL and proc_of(envelope.dest) in self.gone):
            if not self._pass_on(envelope):
                self._bounce(envelope, no_mailbox_error(envelope.dest))
        elif not (self._is_open(cell, envelope.port) if envelope.port else cell.machine.binds(envelope.message)):
            if type(envelope.message) is HandlerFails and not cell.is_terminal:
                self._apply(cell, cell.fail_handler(envelope, now_ns), now_ns)
            else:
                self._bounce(envelope, port_not_bound_error(envelope))
        elif cell.phase in _TERMINAL:
            self._bounce(envelope, cell.refusal(envelope))
        elif envelope.port and not cell.machine.takes(envelope.port, envelope.message):
            self._refuse(cell, envelope)
        elif cell.reorder is not None:
            self._take_in_turn(cell, cell.reorder, envelope, now_ns)
        else:
            commands = cell.handle(envelope, now_ns)
            if commands:
                self._apply(cell, commands, now_ns)

    def _is_open(self, cell: ActorCell, port: int) -> bool:
        return port not in cell.closed_ports and cell.machine.accepts(port)

    def _refuse(self, cell: ActorCell, envelope: Envelope) -> None:
        """Mesh_model.md 3.4: a message of the wrong type; all later ones come back, too (`error_removes_port`)."""
        if self.config.has("error_removes_port"):
            cell.closed_ports.append(envelope.port)
        self._bounce(envelope, wrong_type_error(envelope))

    def _take_in_turn(self, cell: ActorCell, reorder: ReorderBuffer, envelope: Envelope, now_ns: int) -> None:
        """Mesh_model.md 3.7: what is early waits for what was posted before it."""
        due = reorder.take(envelope)
        if due is None:
            self._out.append(Warned(cell.me, duplicate_warning(envelope)))
            return
        for each in due:
            self._apply(cell, cell.handle(each, now_ns), now_ns)
            if self.exiting:
                return

    def _bounce(self, envelope: Envelope, error: str) -> None:
        """Mesh_model.md 3.5: back to the sender's own port, unless nobody wants it back."""
        self._out.append(Bounced(envelope, error))
        if not envelope.returnable:
            return  # So are returns: they never loop.
        local = proc_of(envelope.sender) in self.procs
        errors = (error,) if local else (error, RETURNED)
        self._send(Envelope(envelope.dest, envelope.sender, Undeliverable(envelope, errors), returnable=False))

    def _has_expired(self, envelope: Envelope) -> bool:
        """Whether a message cannot even reach an actor of the same process. What comes back needs no hop for that."""
        if isinstance(envelope.message, Undeliverable | ActorEvent):
            return False
        return self.config.message_ttl_default < hops_inside(envelope.sender, envelope.dest)

    def _send(self, envelope: Envelope) -> None:
        if self.senders and self._is_held(envelope):
            return
        if self._is_remote(envelope.dest) or self._travels(envelope):
            self._out.append(envelope)
        else:
            self._queue.append((envelope.dest, envelope))

    def _is_remote(self, actor: ActorId) -> bool:
        """Whether an actor lives elsewhere; the answer is remembered, it never changes."""
        if proc_of(actor) in self.procs:
            return False
        self._remote.add(actor)
        return True

    # --- actors --------------------------------------------------------------------------------------------

    def _run(self, actor: ActorId, event: RuntimeEvent, now_ns: int) -> None:
        cell = self.cells.get(actor)
        if cell is not None:
            self._apply(cell, cell.handle(event, now_ns), now_ns)

    def _apply(self, cell: ActorCell, commands: Sequence[RuntimeCommand], now_ns: int) -> None:
        """Carry out what an actor asks for; what concerns the outside is collected."""
        remote = self._remote
        out = self._out
        for command in commands if cell.sequencer is None else cell.sequencer.numbered_all(commands):
            if type(command) is Envelope:
                if self.senders and self._is_held(command):
                    continue
                if self.placed and self._travels(command):
                    out.append(command)
                    continue
                if command.dest in remote or self._is_remote(command.dest):
                    out.append(command)
                else:
                    self._queue.append((command.dest, command))
                continue
            if type(command) in NOTE_TYPES:
                out.append(command)  # type: ignore[arg-type]
                continue
            match command:
                case SetTimer(actor=actor, key=key):
                    keys = self.timers.setdefault(actor, [])
                    if key not in keys:
                        keys.append(key)
                    out.append(command)
                case CancelTimer(actor=actor, key=key):
                    if key in self.timers.get(actor, ()):
                        self.timers[actor].remove(key)
                        out.append(command)
                case GiveBack(envelope=refused, error=error):
                    self._bounce(refused, error)
                case ExitProcess() | SignalSelf():
                    out.append(command)
                    self.exiting = True
                    return
                case _:
                    self._change_actors(cell, command, now_ns)
            if self.exiting:
                return

    def _change_actors(self, cell: ActorCell, command: RuntimeCommand, now_ns: int) -> None:
        """What concerns the actors of this process; anything else leaves it."""
        match command:
            case SpawnActor():
                self._spawn_actor(cell, command, now_ns)
            case SpawnChild():
                self._spawn_child(cell, command.name, command.machine, anonymous=command.anonymous)
            case SpawnController():
                self._spawn_controller(cell, command)
            case OpenInstance(name=name):
                self._spawn_child(cell, name, Instance(ActorId("")))
            case DropInstance(actor=target):
                self._end_task(self.cells[target], now_ns)
            case SignalActor(actor=target, kind=kind, reason=reason):
                self._signal(cell, target, SignalReceived(kind, reason))
            case KillTask(actor=target):
                self._kill_task(self.cells[target], now_ns)
            case ActorFinished():
                self._finish(cell, command, now_ns)
            case InitOver(actor=actor):
                coordinator = self.procs[proc_of(actor)]
                if cell.parent is None and coordinator is not None and actor != coordinator:
                    self._queue.append((coordinator, ActorInitialized(actor)))
            case UnlinkChildren(children=children):
                for child in children:
                    self.cells[child].parent = None
            case _:
                self._change_procs(cell, command)

    def _travels(self, envelope: Envelope) -> bool:
        """Whether a message is between two places, though both are in this process."""
        src, dst = proc_of(envelope.sender), proc_of(envelope.dest)
        return src != dst and src in self.placed and dst in self.placed

    def _forget_timer(self, actor: ActorId, key: str) -> None:
        keys = self.timers.get(actor)
        if keys and key in keys:
            keys.remove(key)

    def _spawn_actor(self, agent: ActorCell, command: SpawnActor, now_ns: int) -> None:
        """Construct and spawn a root actor; its init runs after the agent has its answer."""
        actor = actor_id(proc_of(agent.me), command.name)
        error: str | None = None
        if actor in self.cells:
            error = already_spawned(command.name)
        else:
            setting = Setting(actor, command.rank, self.config, self.boot.name_key + len(self.cells))
            try:
                machine = self._program.actor_types[command.spec.actor_type].construct(setting, command.spec.params)
            except ConstructorError as failure:
                error = str(failure)
        if error is not None:
            self._run(agent.me, ActorSpawned(command.name, None, error), now_ns)
            return
        base = command.spec.display_base or command.name
        extent = Extent.of(command.spec.extent)
        display = ranked_display_name(base, extent.point_of_rank(ViewRank(command.rank)))
        self.cells[actor] = self._cell(actor, machine, display_name=display)
        self._begin(actor)
        self._run(agent.me, ActorSpawned(command.name, actor), now_ns)

    def _spawn_controller(self, parent: ActorCell, command: SpawnController) -> None:
        """A child of a type that the program brings."""
        try:
            machine = self._program.controller_types[command.controller_type].for_mesh(command.setting)
        except ConstructorError as failure:
            self._queue.append((parent.me, ActorSpawned(command.name, None, str(failure))))
            return
        self._spawn_child(parent, command.name, machine)

    def _spawn_child(self, parent: ActorCell, name: Name, machine: Machine, *, anonymous: bool = False) -> None:
        """A child, or a client instance under this actor: its id comes from the numbers of its root."""
        try:
            child = next_child(self.cells, self.counters, parent.me, Name("") if anonymous else name)
        except SpawnError as error:
            self._queue.append((parent.me, ActorSpawned(name, None, str(error))))
            return
        machine.me = child
        self.cells[child] = cell = self._cell(child, machine, parent=parent.me)
        parent.children.append(child)
        is_instance = isinstance(machine, Instance)
        if is_instance:
            self._out.extend(cell.open_instance())  # type: ignore[arg-type]
        else:
            self._begin(child)
        self._queue.append((parent.me, ActorSpawned(name, child, is_instance=is_instance)))

    def _cell(
        self, actor: ActorId, machine: Machine, *, parent: ActorId | None = None, display_name: str | None = None
    ) -> ActorCell:
        return ActorCell(
            actor,
            machine,
            self.config.cleanup_timeout,
            parent=parent,
            display_name=display_name,
            choices=self._choices(actor),
            quirks_off=self.config.quirks_off,
            clock=self.clock,
            stop_reasons=self.config.revision.stop_reasons,
            sequencer=Sequencer(session_of(actor)) if self.config.enable_dest_actor_reordering_buffer else None,
            reorder=ReorderBuffer() if self.config.enable_dest_actor_reordering_buffer else None,
        )

    def _choices(self, actor: ActorId) -> Choices | None:
        key, turns = self.boot.choice_key, self.boot.turns
        if not key and not turns:
            return None
        name = short_actor_name(actor)
        told = {turn.choice: turn for turn in turns if turn.actor == name}
        return Choices(key + len(self.cells) if key else 0, told)

    def _begin(self, actor: ActorId) -> None:
        if self.clock != TRUE_CLOCK:
            self._queue.append((actor, ClockSet.to(self.clock)))
        self._queue.append((actor, Started()))

    def _signal(self, sender: ActorCell, target: ActorId, signal: SignalReceived) -> None:
        """A signal to an actor that has ended is answered with how; a child whose queue is gone is let go at once."""
        cell = self.cells[target]
        if cell.parent == sender.me and not cell.has_loop:
            cell.parent = None
            self._queue.append((sender.me, ChildStopped(target)))
        elif cell.is_terminal:
            self._queue.append((sender.me, ActorEnded(target, cell.status)))
        else:
            self._queue.append((target, signal))

    def _kill_task(self, cell: ActorCell, now_ns: int) -> None:
        """Its children are left alone: they run on, and find out that nobody is above them when one of them fails.

        Q32 off: they lose their parent with it, so they stop, and report to the proc's coordinator.
        """
        self._end_task(cell, now_ns)
        if self.config.has("Q32"):
            return
        for child in cell.children:
            self.cells[child].parent = None
            self._queue.append((child, SignalReceived("stop", "parent stopping")))

    def _end_task(self, cell: ActorCell, now_ns: int) -> None:
        """No cleanup, no event, nobody is told (mesh_model.md 6.3)."""
        ended = cell.kill_task()
        self._out.extend(ended)  # type: ignore[arg-type]
        if ended:
            self._remember(cell, now_ns)
            self._drop_timers(cell)

    def _remember(self, cell: ActorCell, now_ns: int) -> None:
        """Keep a post-mortem record of an actor that has ended."""
        kept = self.snapshots.setdefault(proc_of(cell.me), Snapshots(self.config.terminated_snapshot_retention))
        kept.add(Snapshot(cell.me, cell.status, now_ns, cell.event))

    def _finish(self, cell: ActorCell, finished: ActorFinished, now_ns: int) -> None:
        """An actor ended: its timers go, its parent or the proc's coordinator is told."""
        self._remember(cell, now_ns)
        self._drop_timers(cell)
        if finished.event is not None:
            self._report(cell, finished.event)
        if cell.parent is not None:
            self._queue.append((cell.parent, ChildStopped(cell.me)))
        elif (coordinator := self.procs[proc_of(cell.me)]) is not None and cell.me != coordinator:
            self._queue.append((coordinator, ActorEnded(cell.me, cell.status)))
        if self.teardowns:
            self._note_ended(cell.me)
        if cell.me == self.root and self.boot.kind == "client" and not self.exiting:
            # The script is over, and with it its process.
            self._exit(0)

    def _drop_timers(self, cell: ActorCell) -> None:
        """What an actor that has ended was waiting for; a delayed message to itself is under way, and comes."""
        for key in self.timers.pop(cell.me, []):
            if key not in DELAYED_MESSAGES:
                self._out.append(CancelTimer(cell.me, key))

    def _report(self, cell: ActorCell, event: ActorSupervisionEvent) -> None:
        """Supervision.md 4.5 step 10: nobody to tell means the end of the process, code 1."""
        if cell.parent is not None:
            if not self.cells[cell.parent].has_loop:
                self._exit(1)
            else:
                self._queue.append((cell.parent, ChildFailed(event)))
            return
        coordinator = self.procs[proc_of(cell.me)]
        if coordinator is None or self.cells[coordinator].is_terminal:
            self._exit(1)
        else:
            self._queue.append((coordinator, Envelope(cell.me, coordinator, ActorEvent(event), returnable=False)))

    def _exit(self, code: int) -> None:
        self._out.append(ExitProcess(code))
        self.exiting = True
