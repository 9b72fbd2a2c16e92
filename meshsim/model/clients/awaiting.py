"""Operations in progress and what they wait for: supervision events of meshes, one by one or in the way of a call.

The part of a context (`meshsim.model.clients.context`) that looks at what it is told of meshes.

Source: supervision.md 12.2 to 12.5, 10.9; mesh_model.md 9.3.
"""

from __future__ import annotations

import msgspec

from meshsim.model.clients.allocating_hosts import AllocateHostsRun
from meshsim.model.clients.calls import AwaitRun, CallRun, endpoint_failed
from meshsim.model.clients.mesh_poll import MeshPoll, MeshPollPhase
from meshsim.model.clients.procedures import PORTS_EACH, Procedure, StopActorsRun
from meshsim.model.clients.refs import HeldRef, References
from meshsim.model.clients.state_queries import ActorStatesRun, ProcStatesRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.subscription import Subscription, heard
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.ids import FIRST_EPHEMERAL_PORT, ActorId, Name, NameSource, actor_id
from meshsim.model.messages import Call
from meshsim.model.messaging.casting import CastError, actors_of, cast
from meshsim.model.notes import OperationEnded, OperationStarted
from meshsim.model.operations import ActorMeshRef, AwaitEvent, BroadcastTo, CallMesh
from meshsim.model.supervision import ActorSupervisionEvent, MeshFailure, actor_stopped, failure_text
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock

NO_CONTROLLER = "unexpected healthy state while controller is gone"
MESH_STOPPED = "mesh stopped"

#: What waits for a supervision event of a reference.
Waiting = AwaitRun | CallRun

#: What carries out an operation that takes time.
Run = Procedure | AllocateHostsRun | ActorStatesRun | ProcStatesRun | Waiting


class Running(msgspec.Struct):
    """An operation in progress."""

    started: OperationStarted
    run: Run


class Awaiting(msgspec.Struct):
    """Operations of one actor, its references, and what it learns by them."""

    me: ActorId
    config: Config
    names: NameSource
    next_port: int = FIRST_EPHEMERAL_PORT
    #: By first port of the operation; an operation's ports are consecutive.
    running: dict[int, Running] = {}
    #: The references it holds; nothing before it uses a mesh.
    references: References | None = None
    #: By port: meshes that this actor polls itself, as their controllers do not.
    polls: dict[int, MeshPoll] = {}
    #: Labels of meshes by name, as this actor knows them: for owners, who are told names.
    labels: dict[Name, str] = {}
    clock: WallClock = TRUE_CLOCK
    #: Agent of the first rank of the newest proc mesh that was spawned here: the last mesh wins (4.6).
    sink: ActorId | None = None

    @property
    def refs(self) -> References:
        if self.references is None:
            self.references = References(self.me, self.config, clock=self.clock)
        return self.references

    # --- operations in progress ------------------------------------------------------------------------------

    def _run(self, started: OperationStarted, procedure: Run, now_ns: int) -> list[Command]:
        port = self.next_port
        self.next_port += PORTS_EACH
        running = Running(started, procedure)
        self.running[port] = running
        return [*procedure.start(now_ns), *self._settle(port, running, now_ns)]

    def _settle(self, port: int, running: Running, now_ns: int) -> list[Command]:
        """Put an operation away if it is over."""
        outcome = running.run.outcome
        if outcome is None:
            return []
        del self.running[port]
        if isinstance(running.run, StopActorsRun):
            self._after_stop(running.run.mesh, outcome, now_ns)
        return [ended(self.me, running.started, outcome)]

    def _after_stop(self, mesh: ActorMeshRef, outcome: Outcome, now_ns: int) -> None:
        """12.5: a stop that failed changes nothing but that it cannot be tried again (Q52)."""
        held = self.refs.hold(mesh)
        if outcome.error is not None:
            held.taken = self.config.has("Q52")
            return
        actor = actor_id(mesh.procs.procs[0].proc_id, mesh.name)
        event = ActorSupervisionEvent(actor, None, self.clock.at(now_ns), actor_stopped(MESH_STOPPED))
        self.refs.forget_controller(held, MeshFailure(mesh.name, None, event))

    def set_clock(self, clock: WallClock) -> None:
        """The wall clock of its process is another one from now on, for all that it holds."""
        self.clock = clock
        if self.references is not None:
            self.references.clock = clock
        for poll in self.polls.values():
            poll.clock = clock

    # --- supervision events (12.3, 12.4) -----------------------------------------------------------------------

    def _wait(self, held: HeldRef, now_ns: int, *, returnable: bool = True) -> tuple[list[Command], MeshFailure | None]:
        """Begin to wait for an event: one subscription for each reference, however often events are awaited."""
        if not self.config.revision.monitors:
            return self._poll(held.mesh), None
        port = self.next_port
        commands, failure = self.refs.wait(held, port, now_ns, returnable=returnable)
        self.next_port += port in self.refs.subscriptions
        return commands, failure

    def _poll(self, mesh: ActorMeshRef) -> list[Command]:
        """Who wants to know asks for itself (10.9); once for each reference, however often it is wanted."""
        if self._polls_of(mesh):
            return []
        port = self.next_port
        self.next_port += 1
        poll = MeshPoll(self.me, mesh, self.config, port, f"poll:{port}", clock=self.clock)
        self.polls[port] = poll
        return poll.start()

    def _found(
        self, poll: MeshPoll, commands: list[Command], failures: list[MeshFailure], now_ns: int
    ) -> list[Command]:
        mesh, found = poll.mesh, list(commands)
        for failure in failures:
            found.append(heard(self.me, "subscriber", mesh.mesh, failure, mesh.own_label))
            found += self._tell(self._waiting_for(mesh.label), failure, now_ns)
        return found

    def _polls_of(self, mesh: ActorMeshRef) -> list[MeshPoll]:
        return [p for p in self.polls.values() if p.mesh.label == mesh.label and p.phase is not MeshPollPhase.CLOSED]

    def _close_polls(self, mesh: ActorMeshRef) -> None:
        for poll in self._polls_of(mesh):
            poll.close()

    def _health(self, held: HeldRef) -> MeshFailure | None:
        """What is known to be wrong with a mesh: learnt from its controller, or by asking."""
        failure = self.refs.health(held).failure
        for poll in self._polls_of(held.mesh):
            failure = failure or poll.unhealthy
        return failure

    def _without_controller(self, held: HeldRef) -> tuple[list[Command], Outcome]:
        """12.4 step 1: what is known of the mesh is the event."""
        failure = self._health(held)
        if failure is None:
            return [], Outcome(error=NO_CONTROLLER)
        text = failure_text(failure, self.config.quirks_off)
        return [heard(self.me, "subscriber", held.mesh.mesh, failure, held.mesh.own_label)], Outcome(result=text)

    def _subscribe(self, held: HeldRef, now_ns: int, *, returnable: bool) -> tuple[list[Command], Outcome]:
        """Await one event after the other."""
        if not self.config.revision.monitors:
            return self._poll(held.mesh), Outcome()
        if held.mesh.controller is None:
            commands, outcome = self._without_controller(held)
            return commands, Outcome(error=outcome.error)
        held.looping = True
        commands, _ = self._wait(held, now_ns, returnable=returnable)
        return [*commands, *self.refs.look_on(held, now_ns)], Outcome()

    def _await_event(self, operation: AwaitEvent, started: OperationStarted, now_ns: int) -> list[Command]:
        """Await one event."""
        held = self.refs.hold(operation.mesh)
        if held.mesh.controller is None and self.config.revision.monitors:
            commands, outcome = self._without_controller(held)
            return [started, *commands, ended(self.me, started, outcome)]
        first, failure = self._wait(held, now_ns)
        key = f"operation:{self.next_port}"
        run = AwaitRun(self.me, held.mesh.label, key, operation.limit_ns, self.config.quirks_off)
        if failure is not None:
            run.on_failure(failure)
            return [started, *first, ended(self.me, started, run.outcome or Outcome())]
        return [started, *first, *self._run(started, run, now_ns)]

    def _call(self, operation: CallMesh, started: OperationStarted, now_ns: int) -> list[Command]:
        """Call an endpoint of every rank: the replies race the mesh's supervision events (mesh_model.md 9.3)."""
        held = self.refs.hold(operation.mesh)
        run = CallRun(self.me, held.mesh, operation, self.config, self.next_port)
        run.refuse(self._health(held))
        port = self.next_port
        commands = [started, *self._run(started, run, now_ns)]
        if run.outcome is not None or (held.mesh.controller is None and self.config.revision.monitors):
            return commands
        more, failure = self._wait(held, now_ns)
        return [*commands, *more, *([] if failure is None else self._tell([port], failure, now_ns))]

    def _broadcast(self, operation: BroadcastTo) -> tuple[list[Command], Outcome]:
        """Call an endpoint of every rank and wait for nothing."""
        held = self.refs.hold(operation.mesh)
        failure = self._health(held)
        if failure is not None:
            text = endpoint_failed(held.mesh.mesh, operation.method, failure, self.config.quirks_off)
            return [], Outcome(error=text)
        call = Call(operation.method, busy_ns=operation.busy_ns, raises=operation.raises)
        try:
            return [*cast(self.me, actors_of(held.mesh), call, self.config)], Outcome()
        except CastError as error:
            return [], Outcome(error=str(error))

    def _published(self, subscription: Subscription, now_ns: int) -> list[Command]:
        """Something new is in the cell of a subscription: whoever waits looks at it, and all see the same."""
        commands: list[Command] = []
        for held in self.refs.watching(subscription.port):
            waiting = self._waiting_for(held.mesh.label)
            if not waiting and not held.looping:
                continue
            more, failure = self.refs.look(held, now_ns)
            commands += more
            if failure is not None:
                commands += [*self._tell(waiting, failure, now_ns), *self.refs.look_on(held, now_ns)]
        return commands

    def _waiting_for(self, label: str) -> list[int]:
        """Operations that wait for an event of this reference."""
        return [
            port
            for port, running in self.running.items()
            if isinstance(running.run, Waiting) and running.run.ref == label
        ]

    def _tell(self, ports: list[int], failure: MeshFailure, now_ns: int) -> list[Command]:
        commands: list[Command] = []
        for port in ports:
            running = self.running[port]
            assert isinstance(running.run, Waiting)
            commands += [*running.run.on_failure(failure), *self._settle(port, running, now_ns)]
        return commands


def ended(me: ActorId, started: OperationStarted, outcome: Outcome) -> OperationEnded:
    return OperationEnded(
        index=started.index,
        by=me,
        operation=started.operation,
        label=started.label,
        error=outcome.error,
        result=outcome.result,
    )
