"""Until when agents of procs and hosts may be busy with what they were told."""

from __future__ import annotations

from meshsim.model.alloc.messages import StopActor
from meshsim.model.config import Config
from meshsim.model.ids import ActorId, Name, ProcId, proc_agent_id, proc_name_of, proc_of
from meshsim.model.messages import CreateOrUpdate, Envelope, ProcSpec, Stop, StopAll
from meshsim.model.notes import MeshSpawned, ProcStatusChanged
from meshsim.oracle.bounds import FOREVER_NS
from meshsim.trace.records import Record


class AgentLoad:
    """What agents have to do one after the other, at its longest.

    An agent stops one actor at a time, in one handler of S at most, and takes no other message meanwhile: `Stop`,
    `StopActor` with its own time-out, and each orphan of a self-check (supervision.md 8.3, 8.8). `StopAll` gives all
    actors one S together (8.4). Everything else it does at once.
    """

    #: Messages that keep an agent busy.
    TYPES: tuple[type, ...] = (Stop, StopAll, StopActor)

    def __init__(self, config: Config) -> None:
        self._stop_ns = config.stop_actor_timeout
        self._free_at: dict[ActorId, int] = {}

    def take(self, record: Record, envelope: Envelope) -> int:
        """An agent was told to stop something; by when it has, at the latest."""
        message = envelope.message
        takes_ns = message.timeout_ns if isinstance(message, StopActor) else self._stop_ns
        return self._add(envelope.dest, record.at, takes_ns)

    def orphan(self, record: Record, actor: ActorId) -> None:
        """An agent begins to stop an orphan."""
        self._add(proc_agent_id(proc_of(actor)), record.at, self._stop_ns)

    def free_at(self, agent: ActorId, now_ns: int) -> int:
        """When an agent has done all that it was told, at the latest."""
        return max(now_ns, self._free_at.get(agent, now_ns))

    def _add(self, agent: ActorId, at: int, takes_ns: int) -> int:
        self._free_at[agent] = self.free_at(agent, at) + takes_ns
        return self._free_at[agent]


class HostLoad:
    """Procs that hosts were told to create and that are not settled: each may keep its host's agent R busy.

    With Q38 the agent waits in its handler until a proc is Ready, has ended or is late, one after the other
    (supervision.md 9.3). What it knows beyond that it says at once.
    """

    #: Messages that keep a host busy.
    TYPES: tuple[type, ...] = (CreateOrUpdate,)

    def __init__(self, config: Config) -> None:
        self._ready_ns = config.host_spawn_ready_timeout or FOREVER_NS
        self._starting: dict[str, set[Name]] = {}

    def take(self, host: str, message: CreateOrUpdate) -> None:
        """A host is told to create a proc; what agents are told to create is none of this."""
        if isinstance(message.spec, ProcSpec):
            self._starting.setdefault(host, set()).add(message.name)

    def status(self, host: str, note: ProcStatusChanged) -> None:
        """A proc that is Ready, stopping or gone is not waited for any more."""
        if note.phase not in ("Starting", "Running"):
            self._starting.get(host, set()).discard(note.name)

    def spawned(self, mesh: MeshSpawned) -> None:
        """All procs of a mesh are there; those of an in-process host have no status that says so."""
        if mesh.kind == "procs":
            for names in self._starting.values():
                names.difference_update(proc_name_of(ProcId(proc)) for proc in mesh.procs)

    def bound_ns(self, host: str) -> int:
        """How long the procs that a host is starting may keep its agent."""
        return len(self._starting.get(host, ())) * self._ready_ns
