"""HostMesh.allocate, and the actor that makes a host in an allocated process (supervision.md 9.4)."""

import pytest
from machines import CLIENT, CONFIG

from meshsim.model.alloc.initialize import AllocatedProc
from meshsim.model.alloc.local_alloc import LocalAlloc
from meshsim.model.alloc.messages import AllocInitialized, Configured, HostReady
from meshsim.model.alloc.process_alloc import ProcessAlloc
from meshsim.model.alloc.trampoline import TRAMPOLINE, HostMeshTrampoline
from meshsim.model.boot import Setting
from meshsim.model.clients import allocating_hosts
from meshsim.model.clients.allocating_hosts import AllocateHostsRun, HostsPhase
from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import BootProc, SpawnChild
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, Started
from meshsim.model.hosts.host_agent import HostAgent, HostMode
from meshsim.model.ids import ActorId, Name, NameSource, Node, PortRef, ProcId, host_agent_id
from meshsim.model.messages import Envelope, RankStatus
from meshsim.model.notes import HostsAllocated, MeshSpawned
from meshsim.model.operations import AllocateHosts
from meshsim.model.status import RUNNING, Status, failed

PORT, KEY = 1030, "operation:1030"
KEEPER = ActorId("unix:@client,local,alloc_more-1x[1]")
NODES = [Node("client/more_0"), Node("client/more_1")]
PROCS = [ProcId(f"unix:@{node},_1a_{rank}") for rank, node in enumerate(NODES)]
AGENTS = [ActorId(f"{proc},mesh[0]") for proc in PROCS]
ALLOCATED = tuple(AllocatedProc(f"_1k{rank}", PROCS[rank], AGENTS[rank], f"unix:@m{rank}") for rank in range(2))
HOSTS = [host_agent_id(node) for node in NODES]


def told(machine, sender, message, port=PORT):
    assert machine.accepts(port)
    return machine.handle(Envelope(sender, CLIENT, message, port), 0)


def statuses(machine, status: Status = RUNNING):
    for rank in range(2):
        commands = told(machine, AGENTS[rank], RankStatus(((rank, rank + 1, status),)), PORT + 1)
    return commands


def spawning(quirks_off=(), revision="2026-03"):
    """The proc mesh is there; the trampolines are being spawned."""
    config = Config.of({}, quirks_off, revision)
    machine = AllocateHostsRun(CLIENT, AllocateHosts("more", (("hosts", 2),)), config, NameSource(7), PORT, KEY)
    (spawn,) = machine.start(0)
    machine.handle(ActorSpawned(spawn.name, KEEPER), 0)
    told(machine, KEEPER, AllocInitialized(ALLOCATED))
    for rank in range(2):
        told(machine, AGENTS[rank], Configured(rank))
    return machine, statuses(machine)


def test_the_table_of_phases_is_total():
    assert set(allocating_hosts.TRANSITIONS) == set(HostsPhase)


def test_a_trampoline_is_spawned_on_every_proc():
    """As a system mesh; each is told where to answer."""
    machine, commands = spawning()

    assert any(isinstance(command, MeshSpawned) for command in commands)
    assert machine.phase is HostsPhase.SPAWNING
    assert machine.spawn.operation.actor_type == TRAMPOLINE
    assert machine.spawn.operation.params == {"reply": [CLIENT, PORT, True]}
    assert machine.spawn.operation.system


@pytest.mark.parametrize(
    ("quirks_off", "order"),
    [((), (1, 0)), (("Q42",), (0, 1))],
    ids=["as they answer", "as their procs"],
)
def test_q42_the_order_of_hosts(quirks_off, order):
    """Answers may come before the spawn is known to have ended; the controller has the hosts by rank."""
    machine, _ = spawning(quirks_off)
    hosts = tuple(NODES[rank] for rank in order)

    assert told(machine, HOSTS[1], HostReady(HOSTS[1])) == []
    statuses(machine)
    assert machine.phase is HostsPhase.COLLECTING
    (spawn,) = told(machine, HOSTS[0], HostReady(HOSTS[0]))

    assert isinstance(spawn, SpawnChild)
    assert spawn.name == f"host_mesh_controller_{machine.name}"
    assert spawn.machine.hosts == hosts
    assert machine.handle(ActorSpawned(spawn.name, KEEPER), 0) == [HostsAllocated("more", machine.name, CLIENT, hosts)]
    assert machine.outcome == Outcome(result=", ".join(hosts))


def test_an_alloc_that_failed_is_the_error():
    machine = AllocateHostsRun(CLIENT, AllocateHosts("more", ()), CONFIG, NameSource(7), PORT, KEY)
    machine.start(0)

    told(machine, KEEPER, AllocInitialized(error="exited with code 1"))

    assert machine.outcome == Outcome(error="exited with code 1")


def test_trampolines_that_cannot_be_spawned_are_the_error():
    machine, _ = spawning()

    statuses(machine, failed("no"))

    assert machine.outcome == Outcome(error="error spawning actor mesh: statuses: Failed(no)=0..2")


def test_a_controller_that_cannot_be_spawned_is_the_error():
    machine, _ = spawning()
    statuses(machine)
    for agent in HOSTS:
        told(machine, agent, HostReady(agent))

    machine.handle(ActorSpawned(Name("x"), None, "no"), 0)

    assert machine.outcome == Outcome(error=f"error spawning controller actor for mesh {machine.name}: no")


def test_trampolines_of_a_revision_without_system_actors_have_a_controller():
    """10.9: its spawn is awaited like that of any mesh, and not taken for the one of the hosts."""
    machine, _ = spawning(revision="2025-11")
    *_, spawn = statuses(machine)
    assert isinstance(spawn, SpawnChild)
    assert spawn.name == f"actor_mesh_controller_{machine.name}"

    machine.handle(ActorSpawned(spawn.name, KEEPER), 0)

    assert machine.phase is HostsPhase.COLLECTING
    assert machine.outcome is None


def test_a_trampoline_makes_a_host_that_serves_on_after_its_shutdown():
    me = ActorId(f"{PROCS[1]},host_mesh_trampoline-1x[0]")
    machine = HostMeshTrampoline.construct(Setting(me, 1, CONFIG, 7), {"reply": [CLIENT, PORT, True]})

    boot, answer = machine.handle(Started(), 0)

    assert isinstance(boot, BootProc)
    assert not boot.coordinates
    assert isinstance(boot.root, HostAgent)
    assert (boot.root.me, boot.root.host, boot.root.mode) == (HOSTS[1], NODES[1], HostMode.SERVING)
    assert answer == Envelope(me, CLIENT, HostReady(HOSTS[1]), PORT)
    assert machine.reply == PortRef(CLIENT, PORT)


@pytest.mark.parametrize(("allocator", "kind"), [("process", ProcessAlloc), ("local", LocalAlloc)])
def test_hosts_are_made_in_procs_of_either_allocator(allocator, kind):
    operation = AllocateHosts("more", (("hosts", 1),), allocator)
    machine = AllocateHostsRun(CLIENT, operation, CONFIG, NameSource(7), PORT, KEY)

    (spawn,) = machine.start(0)

    assert isinstance(spawn.machine.alloc, kind)
