"""Small worlds for tests of the drive layer: scenarios built in Python, and nodes that follow a script."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from meshsim.drive.agenda import TieOrder
from meshsim.drive.backend import Backend
from meshsim.drive.conductor import Conductor
from meshsim.faults.kinds import Fault
from meshsim.model.actors.registry import default_program
from meshsim.model.boot import NodeBoot
from meshsim.model.commands import NodeCommand, SetTimer, SpawnProcess
from meshsim.model.events import Event, Started, TimerFired
from meshsim.model.ids import ActorId, Name, Node, PortRef, actor_id, address_of_node, host_agent_id, proc_id
from meshsim.model.messages import Envelope, Work
from meshsim.scenario.plan import Plan, plan
from meshsim.scenario.schema import Actors, Network, Procs, Scenario, Topology
from meshsim.sim import SimBackend
from meshsim.trace.records import MessageReturned, Record
from meshsim.units import Duration, S

_T = TypeVar("_T")


def at(seconds: float) -> Duration:
    return Duration(int(seconds * S))


def mesh(*, hosts: int = 1, per_host: int = 2, horizon_s: float = 60, clients: Sequence[str] = (), **keys: Any) -> Plan:
    """`workers` on all hosts and `trainer` on the workers, polled every 2 s; `keys` are those of a scenario."""
    topology = Topology(
        hosts=hosts,
        clients=["client", *clients],
        procs=[Procs(name="workers", per_host={"gpus": per_host})],
        actors=[Actors(name="trainer", procs="workers")],
    )
    config = {"supervision_poll_frequency": "2s", **keys.pop("config", {})}
    return plan(Scenario(name="mesh", horizon=at(horizon_s), topology=topology, config=config, **keys), 0)


def bare(*, hosts: int = 2, horizon_s: float = 100, seed: int = 0, faults: Sequence[Fault] = (), **keys: Any) -> Plan:
    """Hosts and a client, and nothing that they do by themselves: for scripted nodes.

    Faults may name nodes that no scenario knows (`host1/p`): they are not checked.
    """
    scenario = Scenario(name="bare", horizon=at(horizon_s), topology=Topology(hosts=hosts), **keys)
    return msgspec.structs.replace(plan(scenario, seed), faults=tuple(faults))


def run_sim(plan: Plan, tie_order: TieOrder | None = None) -> Conductor:
    return run_on(SimBackend(default_program()), plan, tie_order)


def run_on(backend: Backend, plan: Plan, tie_order: TieOrder | None = None) -> Conductor:
    conductor = Conductor(plan, backend, tie_order)
    conductor.run()
    return conductor


def found(records: Sequence[Record], kind: type[_T], node: str | None = None) -> list[_T]:
    """Bodies of this kind, in order; of one node if given."""
    return [r.what for r in records if isinstance(r.what, kind) and (node is None or r.node == node)]


def times(records: Sequence[Record], kind: type, node: str | None = None) -> list[float]:
    """When records of this kind were made, in seconds."""
    return [r.at / S for r in records if isinstance(r.what, kind) and (node is None or r.node == node)]


# --- scripted nodes ------------------------------------------------------------------------------------------

#: What a node does when, in seconds: `{"host0": {1.0: [command, …]}}`.
Script = Mapping[str, Mapping[float, Sequence[NodeCommand]]]

HOST0, HOST1 = host_agent_id("host0"), host_agent_id("host1")


def of_proc(node: str, host: str = "host0") -> ActorId:
    """The agent of a scripted proc that its host calls `node`."""
    return actor_id(proc_id(address_of_node(host), node), "proc_agent")


def work(text: str, to: ActorId, sender: ActorId = HOST0, *, returnable: bool = True) -> Envelope:
    return Envelope(sender=sender, dest=to, message=Work(text=text), returnable=returnable)


class Scripted(SimBackend):
    """Nodes that do what a script says at its times, and keep what they were fed."""

    def __init__(self, script: Script) -> None:
        super().__init__(default_program())
        self._script = script
        #: What each node took, with the second it took it; starts and the script's own timers left out.
        self.taken: list[tuple[float, Node, Event]] = []
        #: What each child was started with.
        self.boots: dict[str, NodeBoot] = {}

    def start(self, boot: NodeBoot) -> None:
        """Nothing has to be made."""

    def spawn(self, parent: Node, boot: NodeBoot, *, pdeathsig: bool) -> None:
        """As `start`."""
        self.boots[boot.node] = boot

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        lines = list(self._script.get(node, {}).items())
        if isinstance(event, Started):
            actor = host_agent_id(node)
            return [SetTimer(actor, f"line {index}", int(when * S)) for index, (when, _) in enumerate(lines)]
        if isinstance(event, TimerFired) and event.key.startswith("line "):
            return list(lines[int(event.key[5:])][1])
        self.taken.append((now_ns / S, node, event))
        return []

    def texts(self, node: str) -> list[tuple[float, str]]:
        """The work that a node took, and when."""
        return [
            (when, event.message.text)
            for when, each, event in self.taken
            if each == node and isinstance(event, Envelope) and isinstance(event.message, Work)
        ]


def run_script(plan: Plan, script: Script, tie_order: TieOrder | None = None) -> tuple[Scripted, list[Record]]:
    backend = Scripted(script)
    return backend, run_on(backend, plan, tie_order).records


#: A network without latency: what is sent now arrives now.
INSTANT = msgspec.structs.replace(Network(), latency=Duration(0), spawn=Duration(0))

#: `MESSAGE_DELIVERY_TIMEOUT` (D) of worlds in which messages come back.
TEN_S = {"message_delivery_timeout": "10s"}

#: A proc of `host1`, and how its host starts it.
PROC = of_proc("p-1aaaaaaaaaaa", "host1")
SPAWN = SpawnProcess(Name("p-1aaaaaaaaaaa"), PortRef(HOST1, 1024), {}, pdeathsig=False)
CLIENT = ActorId("unix:@client,local,client[0]")


def to_proc(text: str) -> Envelope:
    return work(text, PROC, CLIENT)


def returned(records: Sequence[Record]) -> list[tuple[float, str]]:
    """The work that came back, and when."""
    return [
        (record.at / S, getattr(record.what.envelope.message, "text", ""))
        for record in records
        if isinstance(record.what, MessageReturned)
    ]


#: What a channel gives back with when it gave up: a pattern for a link to `host1` or its proc.
_GAVE_UP = (
    r"broken link: failed to enqueue in MailboxClient when processing buffer: channel closed with reason "
    r'Some\("session unix:@host1(/p)?\.[0-9a-f]{16}: failed to %s within timeout 10s%s"\)'
)
NOT_DELIVERED = re.compile(_GAVE_UP % ("deliver message", ""))
NOT_ACKNOWLEDGED = re.compile(_GAVE_UP % ("receive ack", "; link is currently connected"))
WITHOUT_LINK = re.compile(_GAVE_UP % ("receive ack", "; link is currently broken"))
