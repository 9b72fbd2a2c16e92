"""Spawning an actor mesh on a proc mesh: create an actor on each rank, wait for their statuses, spawn the controller.

Source: supervision.md 10.7. Quirks: Q31, Q36, Q47, Q48.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from meshsim.model.boot import ControllerSetting
from meshsim.model.clients.spawn_procs import SPAWN_FAILED
from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.waits import IdleLimit, Progress, StatusWait
from meshsim.model.commands import Command, SpawnChild, SpawnController
from meshsim.model.config import Config
from meshsim.model.controllers.cleanup_controller import CleanupController
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.controllers.streaming import StreamingController
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import (
    ActorId,
    InvalidNameError,
    Name,
    NameSource,
)
from meshsim.model.messages import (
    ActorSpec,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    RankStatus,
    Stop,
)
from meshsim.model.messaging.casting import CastError, agents_of, cast
from meshsim.model.names import reserved_name
from meshsim.model.notes import MeshSpawned
from meshsim.model.operations import ActorMeshRef, SpawnActors
from meshsim.model.status import Status, inverted


class SpawnActorsRun(msgspec.Struct):
    """ProcMesh.spawn (10.7): create an actor on each rank, wait for their statuses, spawn the controller."""

    me: ActorId
    operation: SpawnActors
    config: Config
    names: NameSource
    port: int
    key: str
    name: Name = Name("")
    wait: StatusWait | None = None
    statuses: list[Status] = []
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return self.wait is not None and self.wait.accepts(port)

    def start(self, now_ns: int) -> list[Command]:
        procs = self.operation.procs
        refusal = self._name_it()
        if refusal is not None:
            self.outcome = Outcome(error=refusal)
            return []
        idle = IdleLimit.of(self.config, self.me, self.key, self.config.actor_spawn_max_idle)
        self.wait = StatusWait.over(procs.region.num_ranks, self.port, idle, self.config)
        agents = agents_of(procs)
        reply = self.wait.port.ref(self.me, returnable=False)
        try:
            creates = cast(self.me, agents, CreateOrUpdate(self.name, None, self._spec), self.config)
            asks = cast(self.me, agents, GetRankStatus(self.name, reply), self.config)
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []
        return [*creates, *asks, *idle.start(now_ns)]

    @property
    def _spec(self) -> ActorSpec:
        extent = self.operation.procs.region.extent
        return ActorSpec(
            actor_type=self.operation.actor_type,
            params=self.operation.params,
            display_base=self.operation.display_base,
            extent=tuple(zip(extent.labels, extent.sizes, strict=True)),
            kept_alive=UNSET if self._never_reaped else not self.operation.system,
        )

    @property
    def _never_reaped(self) -> bool:
        """Whether agents leave alone what was never kept alive (Q36), or all that they have."""
        return self.config.has("Q36") or not self.config.revision.keepalives

    def _name_it(self) -> str | None:
        """`spawn` draws a fresh name, `spawn_service` takes its own as it is. What it returns is why it cannot."""
        operation = self.operation
        if operation.registered is False:
            return f"actor not registered for type {operation.actor_type}"
        if operation.service is UNSET:
            self.name = self.names.draw(operation.label)
            return None
        if not self.config.revision.names_checked:
            self.name = Name(operation.service)
            return None
        try:
            self.name = reserved_name(operation.service)
        except InvalidNameError as error:
            return str(error)
        return None

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        match event:
            case Envelope(message=RankStatus() as overlay):
                return self._on_overlay(event, overlay, now_ns)
            case TimerFired():
                return self._on_timer(now_ns)
            case ActorSpawned():
                return self._on_controller(event)
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_overlay(self, envelope: Envelope, overlay: RankStatus, now_ns: int) -> list[Command]:
        assert self.wait is not None
        refused = self.wait.refuse(envelope)
        if refused or self.wait.take(overlay, now_ns) is Progress.WAITING:
            return refused
        wait, self.wait = self.wait, None
        self.statuses = wait.statuses
        if any(status.is_terminating for status in wait.statuses):
            self.outcome = Outcome(error=f"error spawning actor mesh: statuses: {inverted(wait.statuses)}")
            return [wait.idle.cancel(), *self._take_back()]
        return [wait.idle.cancel(), *self._complete()]

    def _on_timer(self, now_ns: int) -> list[Command]:
        assert self.wait is not None
        rest = self.wait.idle.fired(now_ns)
        if rest:
            return rest
        statuses = self.wait.timed_out(now_ns)
        self.wait = None
        self.outcome = Outcome(error=f"error spawning actor mesh: statuses: {inverted(statuses)}")
        return self._take_back()

    def _take_back(self) -> list[Command]:
        """Q47: ranks that did start keep running, and nobody owns them. Off: every agent is told to stop its own.

        Actors of a service go by its name whoever spawned them: they may be somebody else's, so they are left alone.
        Those that nobody keeps alive are orphans soon.
        """
        if self.config.has("Q47") or self.operation.service is not UNSET:
            return []
        stop = Stop(self.name, SPAWN_FAILED)
        return [*cast(self.me, agents_of(self.operation.procs), stop, self.config, returnable=False)]

    def _complete(self) -> list[Command]:
        revision = self.config.revision
        if self.operation.system and revision.system_actors:
            self.outcome = Outcome()
            return [self._spawned(None)]
        return [self._controller(Name(f"actor_mesh_controller_{self.name}"))]

    def _controller(self, name: Name) -> SpawnChild | SpawnController:
        """A revision that does not monitor has one kind alone, whatever the scenario names."""
        operation = self.operation
        setting = ControllerSetting(
            mesh=ActorMeshRef(operation.label, self.name, operation.procs),
            display_name=operation.display_base or self.name,
            owner=self.me if self.config.revision.owners_take_failures else None,
            statuses=dict(enumerate(self.statuses)),
            config=self.config,
            spec=self._spec,
            params={} if operation.controller_params is UNSET else operation.controller_params,
        )
        if not self.config.revision.monitors:
            return SpawnChild(name, CleanupController.for_mesh(setting), anonymous=True)
        match operation.controller:
            case "streaming":
                return SpawnChild(name, StreamingController.for_mesh(setting))
            case str() as own:
                return SpawnController(name, own, setting)
            case _:
                return SpawnChild(name, ActorMeshController.for_mesh(setting))

    def _on_controller(self, spawned: ActorSpawned) -> list[Command]:
        if spawned.error is not None:
            self.outcome = Outcome(error=f"error spawning controller actor for mesh {self.name}: {spawned.error}")
            return self._take_back()
        self.outcome = Outcome()
        return [self._spawned(spawned.actor_id)]

    def _spawned(self, controller: ActorId | None) -> MeshSpawned:
        procs = self.operation.procs.procs
        return MeshSpawned(
            kind="actors",
            label=self.operation.label,
            name=self.name,
            by=self.me,
            extent=str(self.operation.procs.region.extent),
            members=tuple(f"{proc.proc_id},{self.name}[0]" for proc in procs),
            procs=tuple(proc.proc_id for proc in procs),
            controller=controller,
            system=self.operation.system,
        )
