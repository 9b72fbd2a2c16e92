"""What every new proc mesh gets, however its procs came to be: a comm actor on each proc, and the way into them.

The comm actors are a system mesh. While they are spawned there is nobody yet to carry a cast, so each agent is asked
directly. Then each is told its rank and who the others are, and the mesh knows the one of rank 0.

Source: supervision.md 10.1 steps 1 and 5 to 7; mesh_model.md 4.1.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.waits import IdleLimit, Progress, StatusWait
from meshsim.model.commands import Command, SpawnChild
from meshsim.model.config import Config
from meshsim.model.controllers.cleanup_controller import CleanupController
from meshsim.model.events import TimerFired
from meshsim.model.ids import COMM, ActorId, Name, NameSource, actor_id
from meshsim.model.messages import (
    ActorSpec,
    CommMeshConfig,
    CommMode,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    RankStatus,
)
from meshsim.model.messaging.cast_tree import peers, reshaped
from meshsim.model.messaging.casting import agents_of, cast
from meshsim.model.messaging.comm import COMM_ACTOR
from meshsim.model.operations import ActorMeshRef, ProcMeshRef
from meshsim.model.status import Status, inverted

#: Begins the name by which the controller of comm actors is asked for, where they have one.
COMM_CONTROLLER = "actor_mesh_controller_comm-"


class CommRun(msgspec.Struct):
    """Spawn and configure the comm actors of a mesh. Once it is over well, `mesh` knows its root comm actor."""

    me: ActorId
    mesh: ProcMeshRef
    config: Config
    names: NameSource
    port: int
    key: str
    name: Name = Name("")
    wait: StatusWait | None = None
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return self.wait is not None and self.wait.accepts(port)

    def start(self, now_ns: int) -> list[Command]:
        self.name = self.names.draw(COMM)
        idle = IdleLimit.of(self.config, self.me, self.key, self.config.actor_spawn_max_idle)
        extent = self.mesh.region.extent
        self.wait = StatusWait.over(extent.num_ranks, self.port, idle, self.config)
        pairs = tuple(zip(extent.labels, extent.sizes, strict=True))
        spec = ActorSpec(COMM_ACTOR, extent=pairs, kept_alive=UNSET if self.config.has("Q36") else False)
        agents = agents_of(self.mesh)
        reply = self.wait.port.ref(self.me, returnable=False)
        return [
            *cast(self.me, agents, CreateOrUpdate(self.name, None, spec), self.config),
            *cast(self.me, agents, GetRankStatus(self.name, reply), self.config),
            *idle.start(now_ns),
        ]

    def handle(self, event: Envelope | TimerFired, now_ns: int) -> list[Command]:
        assert self.wait is not None
        if isinstance(event, TimerFired):
            return self.wait.idle.fired(now_ns) or self._end(self.wait.timed_out(now_ns))
        assert isinstance(event.message, RankStatus)
        refused = self.wait.refuse(event)
        if refused or self.wait.take(event.message, now_ns) is Progress.WAITING:
            return refused
        return [self.wait.idle.cancel(), *self._end(self.wait.statuses)]

    def _end(self, statuses: list[Status]) -> list[Command]:
        self.wait = None
        if any(status.is_terminating for status in statuses):
            self.outcome = Outcome(error=f"error spawning actor mesh: statuses: {inverted(statuses)}")
            return []
        self.outcome = Outcome()
        sizes = reshaped(self.mesh.region.sizes, self.config.max_cast_dimension_size)
        book = [actor_id(proc.proc_id, self.name) for proc in self.mesh.procs]
        self.mesh = msgspec.structs.replace(self.mesh, root_comm=book[0])
        kind = CommMeshConfig if self.config.revision.comm_configuration else CommMode
        configs = [
            Envelope(self.me, actor, kind(rank, tuple((peer, book[peer]) for peer in peers(rank, sizes))))
            for rank, actor in enumerate(book)
        ]
        return [*configs, *self._controller(statuses)]

    def _controller(self, statuses: list[Status]) -> list[Command]:
        """None, as comm actors are system actors. Where there are no such, they have one as any mesh has (10.9)."""
        if self.config.revision.system_actors:
            return []
        controller = CleanupController(
            me=ActorId(""),
            mesh=ActorMeshRef(COMM, self.name, self.mesh),
            config=self.config,
            display_name=self.name,
            owner=None,
            statuses=dict(enumerate(statuses)),
        )
        return [SpawnChild(Name(f"actor_mesh_controller_{self.name}"), controller, anonymous=True)]
