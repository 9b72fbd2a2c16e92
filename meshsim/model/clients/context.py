"""What lets an actor own and use meshes: the operations it runs and the subscriptions it holds.

A context is a part of an actor's machine, not an actor. Its operations run side by side (an operation that waits does
not block the actor's mailbox, as the client's own code would not).

Source: supervision.md 12, 9.4 to 9.7, 10.6, 10.7.
"""

from __future__ import annotations

from msgspec import UNSET

from meshsim.model.clients.allocating import AllocateRun, GspawnRun, QueryProcsRun, StopActorRun, StopAllocatedRun
from meshsim.model.clients.allocating_hosts import AllocateHostsRun
from meshsim.model.clients.asking import AskRun, DrillRun
from meshsim.model.clients.awaiting import Awaiting, Run, ended
from meshsim.model.clients.counting import TallyRun
from meshsim.model.clients.host_drop import DROP_ACTOR, DROP_PROC, NO_RUNTIME, HostMeshDrop
from meshsim.model.clients.host_operations import AttachRun, ListProcsRun, ShutdownRun, SpawnHostsRun
from meshsim.model.clients.mesh_creation import COMM_CONTROLLER
from meshsim.model.clients.payloads import PAYLOADS
from meshsim.model.clients.procedures import CountRun, QueryRun, StopActorsRun
from meshsim.model.clients.refs import NOT_OWNED, WATCHDOG
from meshsim.model.clients.single_actor import AskActorRun
from meshsim.model.clients.spawn_actors import SpawnActorsRun
from meshsim.model.clients.spawn_procs import SpawnProcsRun
from meshsim.model.clients.state_queries import ActorStatesRun, ProcStatesRun
from meshsim.model.clients.stop_by_name import StopByNameRun
from meshsim.model.clients.stopping import Outcome, StopProcsRun
from meshsim.model.clients.subscription import heard
from meshsim.model.commands import BootProc, Command, StopSelf
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.hosts.host_agent import shared_host
from meshsim.model.ids import (
    Name,
    Node,
    actor_id,
    address_of,
    base_of,
    host_agent_id,
    proc_id,
    proc_of,
)
from meshsim.model.messages import (
    Envelope,
    GetState,
    GetSubscriberCount,
    ListResources,
    MeshFailed,
    MeshRefSent,
    Message,
    Operate,
    ShutdownHost,
    StateReply,
    StopAll,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.casting import CastError, actors_of, cast
from meshsim.model.notes import OperationStarted, Warned
from meshsim.model.operations import (
    ActorMeshRef,
    Allocate,
    AllocateHosts,
    AskActor,
    AskActors,
    AskEach,
    AskProcs,
    AttachHosts,
    AwaitEvent,
    BroadcastTo,
    CallMesh,
    CastTo,
    CloneRef,
    CountRanks,
    CountSubscribers,
    DrillActor,
    DropHosts,
    DropProcs,
    DropRef,
    EndSelf,
    GspawnOn,
    ListProcs,
    LocalHost,
    Operation,
    ProcMeshRef,
    QueryMesh,
    QueryProcs,
    SendRef,
    ShutdownHosts,
    SliceMesh,
    SpawnActors,
    SpawnHosts,
    SpawnProcs,
    StopActorOn,
    StopActors,
    StopAllOf,
    StopProcs,
    SubscribeTo,
    UnsubscribeFrom,
    label_of,
)
from meshsim.model.supervision import MeshFailure, failure_text
from meshsim.model.tags import tag_of

#: Of a revision whose controllers only clean up.
NO_ANSWER = "the controllers of this revision do not say how their meshes are"


#: Procedures that ask one question, and wait for the answer without a limit.
_WITHOUT_LIMIT = (StopActorsRun, QueryRun, CountRun, ShutdownRun, ListProcsRun)
#: Procedures that have a controller spawned, named after their mesh.
_SPAWNERS = (SpawnActorsRun, SpawnProcsRun, AllocateRun, AllocateHostsRun, SpawnHostsRun, AttachRun)
#: What stands before the name of a mesh in the names of the children they ask for.
_CHILDREN = ("actor_mesh_controller_", "proc_mesh_controller_", "host_mesh_controller_", "alloc_")


class Context(Awaiting):
    """Operations and subscriptions of one actor."""

    def accepts(self, port: int) -> bool:
        if port in self.polls:
            return self.polls[port].accepts(port)
        if self.references is not None and port in self.references.subscriptions:
            return self.references.subscriptions[port].accepts(port)
        running = self.running.get(port) or self.running.get(port - 1)
        return running is not None and running.run.accepts(port)

    def takes(self, port: int, message: Message) -> bool:
        """Whether an open port is for messages of this type."""
        if port in self.polls:
            return type(message) is StateReply
        running = self.running.get(port) or self.running.get(port - 1)
        if running is None:
            return type(message) is MeshFailed
        return type(message) in PAYLOADS[type(running.run)]

    # --- operations ----------------------------------------------------------------------------------------

    def operate(self, operate: Operate, now_ns: int) -> list[Command]:
        """Begin an operation of the scenario."""
        operation = operate.operation
        started = OperationStarted(operate.index, self.me, tag_of(operation), label_of(operation))
        if isinstance(operation, AwaitEvent):
            return self._await_event(operation, started, now_ns)
        if isinstance(operation, CallMesh):
            return self._call(operation, started, now_ns)
        if isinstance(operation, StopActors) and not self.refs.hold(operation.mesh).owned:
            return self.refuse(operate, NOT_OWNED)
        procedure = self._procedure(operation, now_ns)
        if procedure is None:
            commands, outcome = self._at_once(operation, now_ns)
            return [started, *commands, ended(self.me, started, outcome)]
        return [started, *self._run(started, procedure, now_ns)]

    def refuse(self, operate: Operate, why: str) -> list[Command]:
        """An operation that ends before it begins anything."""
        operation = operate.operation
        started = OperationStarted(operate.index, self.me, tag_of(operation), label_of(operation))
        return [started, ended(self.me, started, Outcome(error=why))]

    def _procedure(self, operation: Operation, now_ns: int) -> Run | None:
        """The procedure that carries an operation out; none for those that wait for nothing."""
        me, config, port = self.me, self.config, self.next_port
        key = f"operation:{port}"
        match operation:
            case SpawnProcs():
                return SpawnProcsRun(me, operation, config, self.names, port, key)
            case SpawnActors():
                return SpawnActorsRun(me, operation, config, self.names, port, key)
            case StopActors(mesh=mesh, reason=reason) if not config.revision.monitors:
                self._close_polls(mesh)
                return StopByNameRun(me, mesh, reason, config, port, key)
            case StopActors(mesh=mesh, reason=reason):
                held = self.refs.hold(mesh)
                if held.taken or held.mesh.controller is None:
                    return None
                held.taken = True
                return StopActorsRun(me, held.mesh, reason, config, port)
            case Allocate():
                return AllocateRun(me, operation, config, self.names, port, key)
            case AllocateHosts():
                return AllocateHostsRun(me, operation, config, self.names, port, key)
            case QueryProcs():
                return QueryProcsRun(me, operation, port)
            case GspawnOn():
                return GspawnRun(me, operation, port)
            case StopActorOn():
                return StopActorRun(me, operation, port)
            case StopProcs(procs=procs) if procs.alloc is not UNSET:
                return StopAllocatedRun(me, procs.alloc, config, port)
            case StopProcs(procs=procs, reason=reason):
                return StopProcsRun(me, procs, reason, config, port, key)
            case ShutdownHosts(hosts=hosts, alloc=alloc):
                return ShutdownRun(me, hosts, config, port, alloc)
            case ListProcs(host=host):
                return ListProcsRun(me, host, port)
            case SpawnHosts(label=label, hosts=hosts):
                return SpawnHostsRun(me, hosts, config, port, key, self.names.draw(label))
            case AttachHosts(hosts=hosts):
                return AttachRun(me, hosts, config, port, key, self.names.draw("hosts"))
            case CountRanks(mesh=mesh, once=once):
                return TallyRun(me, mesh, once, config, port)
            case QueryMesh(mesh=mesh) if config.revision.monitors:
                return QueryRun(me, mesh, port)
            case AskEach():
                return AskRun(me, operation, config, port)
            case DrillActor():
                return DrillRun(me, operation, port)
            case CountSubscribers(mesh=mesh) if config.revision.monitors:
                return CountRun(me, mesh, port)
            case AskActors(mesh=mesh, keepalive_ns=keepalive):
                expires = self.clock.at(now_ns) + keepalive if keepalive else None
                return ActorStatesRun(me, mesh.procs, config, port, key, name=mesh.name, expires_after_ns=expires)
            case AskActor():
                return AskActorRun(me, operation, config, port)
            case AskProcs(procs=procs):
                return ProcStatesRun(me, procs, config, port, key)
            case _:
                return None

    def _at_once(self, operation: Operation, now_ns: int) -> tuple[list[Command], Outcome]:
        match operation:
            case SubscribeTo(mesh=mesh):
                return self._subscribe(self.refs.hold(mesh), now_ns, returnable=operation.returnable)
            case UnsubscribeFrom(mesh=mesh):
                return list(self.refs.unsubscribe(self.refs.hold(mesh))), Outcome()
            case DropRef(mesh=mesh):
                self.refs.drop(self.refs.hold(mesh))
                self._close_polls(mesh)
                return [], Outcome()
            case DropProcs(procs=procs):
                return [Warned(self.me, f"dropping ProcMesh: {procs.name}")], Outcome()
            case QueryMesh() | CountSubscribers():
                return [], Outcome(error=NO_ANSWER)
            case SliceMesh(procs=ProcMeshRef(region=region)):
                return [], Outcome(result=str(region))
            case SliceMesh(actors=ActorMeshRef() as made, source=source):
                return [self.refs.make(made, source, shared=False)], Outcome(result=str(made.procs.region))
            case CloneRef(made=made, source=source, shared=shared):
                return [self.refs.make(made, source, shared=shared)], Outcome()
            case SendRef(mesh=mesh, to=to):
                return [Envelope(self.me, to, MeshRefSent(self.refs.to_send(self.refs.hold(mesh))))], Outcome()
            case CastTo():
                return self._cast(operation)
            case BroadcastTo():
                return self._broadcast(operation)
            case StopAllOf(agents=agents, reason=reason):
                return [Envelope(self.me, agent, StopAll(reason)) for agent in agents], Outcome()
            case LocalHost(host=host, in_process=in_process):
                agent = shared_host(host_agent_id(host), Node(host), self.config, in_process=in_process)
                return [BootProc(agent, coordinates=False)], Outcome()
            case DropHosts(hosts=hosts, runtime=runtime):
                return [self._drop(hosts) if runtime else Warned(self.me, NO_RUNTIME)], Outcome()
            case EndSelf(reason=reason):
                return [StopSelf(reason)], Outcome()
            case StopActors(mesh=mesh):
                # Q52: a second stop is Ok and does nothing but forget the controller.
                self.refs.forget_controller(self.refs.hold(mesh), None)
                return [], Outcome()
            case _:
                raise AssertionError(f"no way to carry out {operation!r}")

    def _drop(self, hosts: tuple[str, ...]) -> Command:
        """A task of its own shuts the hosts down; nobody waits for it, and it may wait for ever."""
        proc = proc_id(address_of(proc_of(self.me)), self.names.draw(DROP_PROC))
        return BootProc(HostMeshDrop(actor_id(proc, DROP_ACTOR), self.config, hosts), coordinates=False)

    def _cast(self, operation: CastTo) -> tuple[list[Command], Outcome]:
        """12.2: refused when this actor knows the mesh to be unhealthy; else to every rank."""
        mesh = operation.mesh
        failure = self._health(self.refs.hold(mesh))
        if failure is not None:
            return [], Outcome(error=failure_text(failure, self.config.quirks_off))
        work = Work(operation.text, operation.busy_ns)
        try:
            times = operation.times or 1
            return [sent for _ in range(times) for sent in cast(self.me, actors_of(mesh), work, self.config)], Outcome()
        except CastError as error:
            return [], Outcome(error=str(error))

    # --- what arrives ----------------------------------------------------------------------------------------

    def on_port(self, envelope: Envelope, now_ns: int) -> list[Command]:
        """A message to a port that the context opened."""
        if envelope.port in self.polls:
            poll = self.polls[envelope.port]
            assert isinstance(envelope.message, StateReply)
            return self._found(poll, *poll.on_reply(envelope.message, now_ns), now_ns)
        subscription = None if self.references is None else self.references.subscriptions.get(envelope.port)
        if subscription is not None:
            assert isinstance(envelope.message, MeshFailed)
            commands = subscription.on_message(envelope.message, now_ns)
            return [*commands, *self._published(subscription, now_ns)] if subscription.unseen else commands
        port = envelope.port if envelope.port in self.running else envelope.port - 1
        return self._advance(port, envelope, now_ns)

    def on_timer(self, fired: TimerFired, now_ns: int) -> list[Command]:
        kind, _, number = fired.key.partition(":")
        port = int(number)
        if kind == WATCHDOG:
            subscription = self.refs.subscriptions[port]
            commands = subscription.on_timer(now_ns)
            return [*commands, *self._published(subscription, now_ns)] if subscription.timed_out else commands
        if kind == "poll":
            return self._found(self.polls[port], *self.polls[port].on_timer(now_ns), now_ns)
        return self._advance(port, fired, now_ns)

    def on_spawned(self, spawned: ActorSpawned, now_ns: int) -> list[Command]:
        """A controller was spawned, or not: the operation that asked for it goes on."""
        for port, running in self.running.items():
            run = running.run
            if isinstance(run, _SPAWNERS) and spawned.name.removesuffix(run.name) in _CHILDREN:
                return self._advance(port, spawned, now_ns)
        if spawned.name.startswith(COMM_CONTROLLER):
            return []  # No operation waits for it.
        raise AssertionError(f"nobody asked for {spawned.name}")

    def _advance(self, port: int, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        running = self.running[port]
        in_creation = isinstance(running.run, SpawnProcsRun | AllocateRun) and running.run.comm is not None
        commands = running.run.handle(event, now_ns)
        if isinstance(running.run, SpawnActorsRun) and running.run.outcome == Outcome():
            self.labels[running.run.name] = running.started.label
        if isinstance(running.run, SpawnProcsRun | AllocateRun) and running.run.comm is not None and not in_creation:
            self.sink = running.run.procs[0].agent  # 10.1 step 2.
        return [*commands, *self._settle(port, running, now_ns)]

    def on_returned(self, undeliverable: Undeliverable, now_ns: int) -> list[Command]:
        """A question of an operation that has no limit came back: the operation waits for ever (12.5, 9.4).

        Q57 off: it is over, as nobody will answer.
        """
        asked = undeliverable.envelope.message
        match asked:
            case GetState(reply=reply) | GetSubscriberCount(reply=reply) | ListResources(reply=reply):
                port = reply.index
            case ShutdownHost(ack=ack):
                port = ack.index
            case _:
                return []
        running = self.running.get(port)
        if running is None or not isinstance(running.run, _WITHOUT_LIMIT) or self.config.has("Q57"):
            return []
        why = f"message not delivered: to {undeliverable.envelope.dest}: {'; '.join(undeliverable.errors)}"
        return [*running.run.on_returned(why, now_ns), *self._settle(port, running, now_ns)]

    def hears(self, role: str, failure: MeshFailure) -> Command:
        """The note for what this actor is told as an owner, as a parent, or by an owner that passes it on."""
        name = Name(failure.actor_mesh_name or "")
        label = self.labels.get(name, base_of(name) if role == "supervisor" else "")
        return heard(self.me, role, label, failure)


def binds_as_owner(bound: frozenset[type], message: Message) -> bool:
    """Whether an actor that may own meshes binds a message, of the types it has handlers for.

    The mesh failures that an owner hears always have a failure; only subscribers are told of none.
    """
    return type(message) in bound and not (type(message) is MeshFailed and message.failure is None)
