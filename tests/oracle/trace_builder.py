"""Traces of a small world, written by hand: two hosts, one proc on each, `trainer` on them, owned by `client`."""

from __future__ import annotations

from msgspec import UNSET

from meshsim.model.config import Config
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import (
    ActorId,
    Name,
    Node,
    ProcId,
    actor_id,
    address_of_node,
    host_agent_id,
    proc_agent_id,
    proc_id,
)
from meshsim.model.messages import Envelope, ProcReady
from meshsim.model.notes import (
    ActorStatusChanged,
    Heard,
    MeshSpawned,
    OperationEnded,
    OperationStarted,
    PollEnded,
    PollStarted,
    ProcStatusChanged,
)
from meshsim.model.supervision import ActorPhase, ActorStatus, ActorSupervisionEvent, Generic, MeshFailure
from meshsim.oracle.judge import Brief, Verdict, judge
from meshsim.trace.records import (
    NO_CAUSE,
    TRACE_SCHEMA,
    WORLD,
    Body,
    ProcessDied,
    ProcessReaped,
    ProcessStarted,
    Record,
    RunEnded,
    RunStarted,
)
from meshsim.units import S

HOSTS = (Node("host0"), Node("host1"))
NODES = (Node("host0/workers_0"), Node("host1/workers_0"))
PROCS = tuple(proc_id(address_of_node(host), f"workers_0-{rank + 1}aaaaaaaaaaa") for rank, host in enumerate(HOSTS))
AGENTS = tuple(proc_agent_id(proc) for proc in PROCS)
COMMS = tuple(actor_id(proc, "comm-1ccccccccccc") for proc in PROCS)
TRAINERS = tuple(actor_id(proc, "trainer-1bbbbbbbbbbb") for proc in PROCS)
LOCAL = proc_id("unix:@client", "local")
CLIENT = actor_id(LOCAL, "client")
OBSERVER = actor_id(proc_id("unix:@observer", "local"), "client")
CONTROLLER = actor_id(LOCAL, "actor_mesh_controller_trainer-1bbbbbbbbbbb", 1)
HOST_AGENTS = tuple(host_agent_id(host) for host in HOSTS)

#: Defaults: P 10 s, A 30 s, H 60 s, O 60 s, W 120 s, S X T 10 s.
CONFIG = Config.of({}).values()


class TraceBuilder:
    """Appends records with rising numbers; `at` is in seconds and stays where it was when not given."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.now_ns = 0
        self.add(RunStarted(TRACE_SCHEMA, "built-by-hand", 0, "0"))

    def add(self, what: Body, *, at: float | None = None, node: str = WORLD, cause: int = NO_CAUSE) -> int:
        """Append one record and return its number."""
        if at is not None:
            self.now_ns = round(at * S)
        seq = len(self.records)
        self.records.append(Record(seq, self.now_ns, node, cause, what))
        return seq

    def bring_up(self, *, owner: ActorId = CLIENT, subscribers: tuple[ActorId, ...] = ()) -> TraceBuilder:
        """Two hosts, two clients, `workers` and `trainer` (rank r on host r), all healthy at 1 s."""
        for host in HOSTS:
            self.add(ProcessStarted("host", "", "", False), node=host)
        for client, actor in (("client", CLIENT), ("observer", OBSERVER)):
            self.add(ProcessStarted("client", "", "", False), node=client)
            self.actor(actor, "idle", node=client, at=0)
        for host, node, proc in zip(HOSTS, NODES, PROCS, strict=True):
            self.add(ProcessStarted("proc", host, proc.rsplit(",", 1)[1], True), node=node, at=0.5)
        for rank, (node, agent) in enumerate(zip(NODES, AGENTS, strict=True)):
            self.actor(agent, "idle", node=node)
            ready = ProcReady(Name(PROCS[rank].rsplit(",", 1)[1]), "", agent)
            self.add(Envelope(agent, HOST_AGENTS[rank], ready), node=HOSTS[rank], at=0.6)
            self.proc(rank, "Running", "Ready")
        self.add(spawned("procs", "workers", PROCS, None, owner), node="client", at=0.9)
        for node, trainer in zip(NODES, TRAINERS, strict=True):
            self.actor(trainer, "idle", node=node, at=1)
        self.actor(CONTROLLER, "idle", node="client")
        self.add(spawned("actors", "trainer", TRAINERS, CONTROLLER, owner), node="client")
        for index, subscriber in enumerate(subscribers):
            self.operation(subscriber, "subscribe_to", "trainer", index=100 + index, at=1, end=1)
        return self

    def actor(
        self, actor: ActorId, text: str, *, node: str = "", at: float | None = None, cause: int = NO_CAUSE
    ) -> int:
        """The status of an actor, by the text that it prints."""
        status = ActorStatusChanged(actor, ActorPhase(text.split(":", maxsplit=1)[0]), text)
        return self.add(status, node=node or _node_of(actor), at=at, cause=cause)

    def proc(self, rank: int, before: str, phase: str, text: str = "", *, at: float | None = None) -> int:
        """What the host of a rank says of its proc."""
        name = Name(PROCS[rank].rsplit(",", 1)[1])
        return self.add(ProcStatusChanged(name, before, phase, text or phase), node=HOSTS[rank], at=at)

    def dies(
        self,
        node: str,
        status: ExitStatus,
        *,
        by: str = "",
        why: str = "signal",
        at: float | None = None,
        cause: int = NO_CAUSE,
    ) -> int:
        """A process dies and is waited for at once; the number of the second record."""
        self.add(ProcessDied(why), node=node, at=at, cause=cause)
        return self.add(ProcessReaped(by, status), node=node)

    def heard(
        self,
        listener: ActorId,
        role: str,
        rank: int | None,
        text: str = "failed: boom",
        *,
        mesh: str = "trainer",
        actor: ActorId | None = None,
        at: float | None = None,
    ) -> int:
        """Somebody is told; what failed is the actor of the rank, or the controller."""
        about = actor or (CONTROLLER if rank is None else TRAINERS[rank])
        return self.add(heard(listener, role, rank, text, mesh=mesh, actor=about), node=_node_of(listener), at=at)

    def poll(self, count: int, *, at: float, end: float | None, outcome: str = "healthy") -> None:
        """A poll of the controller; it does not end when `end` is None."""
        self.add(PollStarted(CONTROLLER, "trainer", count), node="client", at=at)
        if end is not None:
            self.add(PollEnded(CONTROLLER, "trainer", count, outcome, True), node="client", at=end)

    def operation(
        self,
        by: ActorId,
        operation: str,
        label: str,
        *,
        index: int = 0,
        at: float,
        end: float | None,
        error: str | None = None,
        result: str = "",
    ) -> None:
        """An operation; it does not end when `end` is None."""
        self.add(OperationStarted(index, by, operation, label), node=_node_of(by), at=at)
        if end is not None:
            self.add(OperationEnded(index, by, operation, label, error, result), node=_node_of(by), at=end)

    def end(self, at: float, *, why: str = "horizon", alive: tuple[str, ...] = ()) -> list[Record]:
        """The last record; returns the whole trace."""
        self.add(RunEnded(why, alive), at=at)
        return self.records


def spawned(
    kind: str, label: str, members: tuple[ProcId | ActorId, ...], controller: ActorId | None, owner: ActorId
) -> MeshSpawned:
    name = Name(f"{label}-9zzzzzzzzzzz")
    root_comm = COMMS[0] if kind == "procs" else UNSET
    return MeshSpawned(
        kind, label, name, owner, "{hosts: 2}", tuple(members), tuple(PROCS), controller, root_comm=root_comm
    )


def heard(listener: ActorId, role: str, rank: int | None, text: str, *, mesh: str, actor: ActorId) -> Heard:
    phase, _, detail = text.partition(": ")
    status = (
        ActorStatus(ActorPhase.FAILED, error=Generic(detail))
        if phase == "failed"
        else ActorStatus(ActorPhase.STOPPED, reason=detail)
    )
    failure = MeshFailure(mesh, rank, ActorSupervisionEvent(actor, None, 0, status))
    return Heard(listener, role, mesh, rank, phase.capitalize(), text, actor, failure)


def verdict(records: list[Record], *, relax: tuple[str, ...] = (), all_polls: bool = False, **brief: object) -> Verdict:
    """Judge with the default configuration. That polls are left out of a trace counts only with `all_polls`."""
    relaxed = relax if all_polls else (*relax, "controllers-poll")
    whole = {"config": CONFIG, "horizon_ns": records[-1].at, "relax": relaxed, **brief}
    return judge(Brief(**whole), records)


def found(records: list[Record], invariant: str) -> list[tuple[str, str, tuple[int, ...]]]:
    """Subject, message and records of every violation of one invariant."""
    return [
        (violation.subject, violation.message, violation.records)
        for violation in verdict(records, all_polls=True).violations
        if violation.invariant == invariant
    ]


def _node_of(actor: ActorId) -> str:
    for node, proc in zip(NODES, PROCS, strict=True):
        if actor.startswith(f"{proc},"):
            return node
    return actor.split(",", 1)[0].removeprefix("unix:@")
