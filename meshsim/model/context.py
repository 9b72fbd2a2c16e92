"""What lets an actor own and use meshes: the operations it runs and the subscriptions it holds.

A context is a part of an actor's machine, not an actor. Its operations run side by side (an operation that waits does
not block the actor's mailbox, as the client's own code would not).

Source: supervision.md 12, 9.4 to 9.7, 10.6, 10.7.
"""

from __future__ import annotations

import msgspec

from meshsim.model.casting import CastError, actors_of, cast
from meshsim.model.commands import BootProc, Command, StopSelf
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.host_drop import DROP_ACTOR, DROP_PROC, NO_RUNTIME, HostMeshDrop
from meshsim.model.host_operations import AttachRun, ListProcsRun, ShutdownRun, SpawnHostsRun
from meshsim.model.ids import (
    FIRST_EPHEMERAL_PORT,
    ActorId,
    Name,
    NameSource,
    actor_id,
    address_of,
    proc_id,
    proc_of,
)
from meshsim.model.mesh_poll import MeshPoll, MeshPollPhase
from meshsim.model.messages import Envelope, MeshFailed, Operate, StateReply, StopAll, Work
from meshsim.model.notes import OperationEnded, OperationStarted, Warned
from meshsim.model.operations import (
    ActorMeshRef,
    AttachHosts,
    CastTo,
    DropHosts,
    DropRef,
    EndSelf,
    ListProcs,
    Operation,
    QueryMesh,
    ShutdownHosts,
    SpawnActors,
    SpawnHosts,
    SpawnProcs,
    StopActors,
    StopAllOf,
    StopProcs,
    SubscribeTo,
)
from meshsim.model.procedures import (
    PORTS_EACH,
    Procedure,
    QueryRun,
    SpawnActorsRun,
    SpawnProcsRun,
    StopActorsRun,
)
from meshsim.model.stop_by_name import StopByNameRun
from meshsim.model.stopping import Outcome, StopProcsRun
from meshsim.model.subscription import Subscription, heard
from meshsim.model.supervision import ActorSupervisionEvent, MeshFailure, actor_stopped, failure_text
from meshsim.model.tags import tag_of
from meshsim.model.waits import IdleLimit

#: Of a revision whose controllers only clean up.
NO_ANSWER = "the controllers of this revision do not say how their meshes are"
NO_CONTROLLER = "unexpected healthy state while controller is gone"
MESH_STOPPED = "mesh stopped"


#: Procedures that have a controller spawned, named after their mesh.
_SPAWNERS = (SpawnActorsRun, SpawnProcsRun, SpawnHostsRun, AttachRun)


class Running(msgspec.Struct):
    """An operation in progress."""

    started: OperationStarted
    run: Procedure


class Context(msgspec.Struct):
    """Operations and subscriptions of one actor."""

    me: ActorId
    config: Config
    names: NameSource
    next_port: int = FIRST_EPHEMERAL_PORT
    #: By first port of the operation; an operation's ports are consecutive.
    running: dict[int, Running] = {}
    #: By port.
    subscriptions: dict[int, Subscription] = {}
    #: By port: meshes that this actor polls itself, as their controllers do not.
    polls: dict[int, MeshPoll] = {}
    #: Labels of meshes by name, as this actor knows them: for owners, who are told names.
    labels: dict[Name, str] = {}
    #: Meshes whose controller was taken by a stop already (12.5 step 1).
    stopped: list[Name] = []
    #: Meshes whose reference has no controller any more, with their failure: none after a stop that failed (Q52).
    closed: dict[Name, MeshFailure | None] = {}

    def accepts(self, port: int) -> bool:
        if port in self.polls:
            return self.polls[port].accepts(port)
        subscription = self.subscriptions.get(port)
        if subscription is not None:
            return subscription.accepts(port)
        running = self.running.get(port) or self.running.get(port - 1)
        return running is not None and running.run.accepts(port)

    # --- operations ----------------------------------------------------------------------------------------

    def operate(self, operate: Operate, now_ns: int) -> list[Command]:
        """Begin an operation of the scenario."""
        operation = operate.operation
        label = _label(operation)
        started = OperationStarted(operate.index, self.me, tag_of(operation), label)
        procedure = self._procedure(operation)
        if procedure is None:
            commands, outcome = self._at_once(operation, now_ns)
            return [started, *commands, _ended(self.me, started, outcome)]
        port = self.next_port
        self.next_port += PORTS_EACH
        running = Running(started, procedure)
        self.running[port] = running
        return [started, *procedure.start(now_ns), *self._settle(port, running, now_ns)]

    def _procedure(self, operation: Operation) -> Procedure | None:
        """The procedure that carries an operation out; none for those that wait for nothing."""
        me, config, port = self.me, self.config, self.next_port
        key = f"operation:{port}"
        match operation:
            case SpawnProcs():
                return SpawnProcsRun(me, operation, config, self.names, port, key)
            case SpawnActors():
                return SpawnActorsRun(me, operation, config, self.names, port, key)
            case StopActors(mesh=mesh, reason=reason) if not config.revision.monitors:
                self._close_polls(mesh.name)
                return StopByNameRun(me, mesh, reason, config, port, key)
            case StopActors(mesh=mesh, reason=reason) if mesh.controller and mesh.name not in self.stopped:
                self.stopped.append(mesh.name)
                return StopActorsRun(me, mesh, reason, config, port)
            case StopProcs(procs=procs, reason=reason):
                return StopProcsRun(me, procs, reason, config, port, key)
            case ShutdownHosts(hosts=hosts):
                return ShutdownRun(me, hosts, config, port)
            case ListProcs(host=host):
                return ListProcsRun(me, host, port)
            case SpawnHosts(label=label, hosts=hosts):
                return SpawnHostsRun(me, hosts, config, port, key, self.names.draw(label))
            case AttachHosts(hosts=hosts):
                return AttachRun(me, hosts, config, port, key, self.names.draw("hosts"))
            case QueryMesh(mesh=mesh) if config.revision.monitors:
                return QueryRun(me, mesh, port)
            case _:
                return None

    def _at_once(self, operation: Operation, now_ns: int) -> tuple[list[Command], Outcome]:
        match operation:
            case SubscribeTo():
                return self._subscribe(operation, now_ns)
            case DropRef(mesh=mesh):
                for subscription in self._subscriptions_to(mesh.name):
                    subscription.drop()
                self._close_polls(mesh.name)
                return [], Outcome()
            case QueryMesh():
                return [], Outcome(error=NO_ANSWER)
            case CastTo():
                return self._cast(operation)
            case StopAllOf(agents=agents, reason=reason):
                return [Envelope(self.me, agent, StopAll(reason)) for agent in agents], Outcome()
            case DropHosts(hosts=hosts, runtime=runtime):
                return [self._drop(hosts) if runtime else Warned(self.me, NO_RUNTIME)], Outcome()
            case EndSelf(reason=reason):
                return [StopSelf(reason)], Outcome()
            case StopActors(mesh=mesh):
                # Q52: a second stop is Ok and does nothing but forget the controller.
                self._forget_controller(mesh.name, None)
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
        failure = self._health(mesh.name)
        if failure is not None:
            return [], Outcome(error=failure_text(failure, self.config.quirks_off))
        work = Work(operation.text, operation.busy_ns)
        try:
            return [*cast(self.me, actors_of(mesh), work, self.config)], Outcome()
        except CastError as error:
            return [], Outcome(error=str(error))

    def _settle(self, port: int, running: Running, now_ns: int) -> list[Command]:
        """Put an operation away if it is over."""
        outcome = running.run.outcome
        if outcome is None:
            return []
        del self.running[port]
        if isinstance(running.run, StopActorsRun) and outcome.error is not None and not self.config.has("Q52"):
            self.stopped.remove(running.run.mesh.name)  # It may be tried again.
        if isinstance(running.run, StopActorsRun) and outcome.error is None:
            mesh = running.run.mesh
            actor = actor_id(mesh.procs.procs[0].proc_id, mesh.name)
            event = ActorSupervisionEvent(actor, None, now_ns, actor_stopped(MESH_STOPPED))
            self._forget_controller(mesh.name, MeshFailure(mesh.name, None, event))
        return [_ended(self.me, running.started, outcome)]

    def _forget_controller(self, name: Name, failure: MeshFailure | None) -> None:
        """12.5 steps 1 and 4: the reference has no controller any more; what it knows of the mesh is all it will."""
        self.closed[name] = failure or self._health(name)
        for subscription in self._subscriptions_to(name):
            subscription.look_away()

    def _health(self, name: Name) -> MeshFailure | None:
        """The failure of a mesh, as far as this actor knows."""
        failure = self.closed.get(name)
        for subscription in self._subscriptions_to(name):
            failure = failure or subscription.unhealthy
        for poll in self._polls_of(name):
            failure = failure or poll.unhealthy
        return failure

    # --- what arrives ----------------------------------------------------------------------------------------

    def on_port(self, envelope: Envelope, now_ns: int) -> list[Command]:
        """A message to a port that the context opened."""
        if envelope.port in self.polls:
            poll = self.polls[envelope.port]
            assert isinstance(envelope.message, StateReply)
            return self._found(poll, *poll.on_reply(envelope.message, now_ns))
        subscription = self.subscriptions.get(envelope.port)
        if subscription is not None:
            assert isinstance(envelope.message, MeshFailed)
            return subscription.on_message(envelope.message, now_ns)
        port = envelope.port if envelope.port in self.running else envelope.port - 1
        return self._advance(port, envelope, now_ns)

    def on_timer(self, fired: TimerFired, now_ns: int) -> list[Command]:
        kind, _, number = fired.key.partition(":")
        port = int(number)
        if kind == "watchdog":
            return self.subscriptions[port].on_timer(now_ns)
        if kind == "poll":
            return self._found(self.polls[port], *self.polls[port].on_timer(now_ns))
        return self._advance(port, fired, now_ns)

    def on_spawned(self, spawned: ActorSpawned, now_ns: int) -> list[Command]:
        """A controller was spawned, or not: the operation that asked for it goes on."""
        for port, running in self.running.items():
            if isinstance(running.run, _SPAWNERS) and spawned.name.endswith(running.run.name):
                return self._advance(port, spawned, now_ns)
        raise AssertionError(f"nobody asked for {spawned.name}")

    def _advance(self, port: int, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        running = self.running[port]
        commands = running.run.handle(event, now_ns)
        if isinstance(running.run, SpawnActorsRun):
            self.labels[running.run.name] = running.started.label
        return [*commands, *self._settle(port, running, now_ns)]

    def hears(self, role: str, failure: MeshFailure) -> Command:
        """The note for what this actor is told as an owner or as a parent."""
        label = self.labels.get(Name(failure.actor_mesh_name or ""), "")
        return heard(self.me, role, label, failure)

    # --- subscriptions -----------------------------------------------------------------------------------------

    def _subscribe(self, operation: SubscribeTo, now_ns: int) -> tuple[list[Command], Outcome]:
        """12.4: one subscription for each mesh and context, however often events are awaited."""
        mesh = operation.mesh
        if not self.config.revision.monitors:
            return self._poll(mesh), Outcome()
        if mesh.controller is None or mesh.name in self.closed:
            failure = self._health(mesh.name)
            if failure is None:
                return [], Outcome(error=NO_CONTROLLER)
            return [heard(self.me, "subscriber", mesh.label, failure)], Outcome()
        for subscription in self._subscriptions_to(mesh.name):
            return subscription.again(now_ns), Outcome()
        port = self.next_port
        self.next_port += 1
        limit = self.config.supervision_watchdog_timeout
        watchdog = IdleLimit(self.me, f"watchdog:{port}", limit)
        subscription = Subscription(self.me, mesh, self.config, port, watchdog, operation.returnable)
        self.subscriptions[port] = subscription
        return subscription.start(now_ns), Outcome()

    def _poll(self, mesh: ActorMeshRef) -> list[Command]:
        """Who wants to know asks for itself (10.9); once for each mesh, however often it is wanted."""
        if self._polls_of(mesh.name):
            return []
        port = self.next_port
        self.next_port += 1
        poll = MeshPoll(self.me, mesh, self.config, port, f"poll:{port}")
        self.polls[port] = poll
        return poll.start()

    def _found(self, poll: MeshPoll, commands: list[Command], failures: list[MeshFailure]) -> list[Command]:
        return [*commands, *(heard(self.me, "subscriber", poll.mesh.label, failure) for failure in failures)]

    def _polls_of(self, name: Name) -> list[MeshPoll]:
        return [p for p in self.polls.values() if p.mesh.name == name and p.phase is not MeshPollPhase.CLOSED]

    def _close_polls(self, name: Name) -> None:
        for poll in self._polls_of(name):
            poll.close()

    def _subscriptions_to(self, name: Name) -> list[Subscription]:
        """The subscription of the reference that this actor has now: at most one."""
        return [s for s in self.subscriptions.values() if s.mesh.name == name and not s.dropped]


def _ended(me: ActorId, started: OperationStarted, outcome: Outcome) -> OperationEnded:
    return OperationEnded(
        index=started.index,
        by=me,
        operation=started.operation,
        label=started.label,
        error=outcome.error,
        result=outcome.result,
    )


def _label(operation: Operation) -> str:
    """What an operation is about, in the scenario's words."""
    match operation:
        case SpawnProcs(label=label) | SpawnActors(label=label):
            return label
        case StopActors(mesh=mesh) | SubscribeTo(mesh=mesh) | DropRef(mesh=mesh):
            return mesh.label
        case CastTo(mesh=mesh) | QueryMesh(mesh=mesh):
            return mesh.label
        case StopProcs(procs=procs):
            return procs.label
        case StopAllOf(label=label):
            return label
        case SpawnHosts(label=label):
            return label
        case ShutdownHosts(hosts=hosts) | AttachHosts(hosts=hosts) | DropHosts(hosts=hosts):
            return ",".join(hosts)
        case ListProcs(host=host):
            return host
        case EndSelf():
            return ""
