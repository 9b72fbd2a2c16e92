"""ProcMesh.allocate, its keeper, and what is asked of allocated procs (supervision.md 10.3, 10.5, 10.8)."""

import pytest
from machines import CLIENT, CLIENT_PROC, CONFIG

from meshsim.model.alloc import keeper as keeping
from meshsim.model.alloc.events import UNKNOWN, WATCHDOG
from meshsim.model.alloc.initialize import AllocatedProc, Initialization
from meshsim.model.alloc.keeper import AllocKeeper, KeeperPhase
from meshsim.model.alloc.local_alloc import LocalAlloc
from meshsim.model.alloc.messages import (
    AgentStatus,
    AllocInitialized,
    ChaosMonkey,
    Configure,
    Configured,
    DrainAlloc,
    FailAlloc,
    QueryStatus,
    StopAlloc,
)
from meshsim.model.alloc.process_alloc import ProcessAlloc
from meshsim.model.clients import allocating
from meshsim.model.clients.allocating import AllocatePhase, AllocateRun, QueryProcsRun, StopAllocatedRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import SetTimer, SpawnChild, StopSelf
from meshsim.model.config import Config
from meshsim.model.events import ActorSpawned, ChildExited, ProcDestroyed, Started, TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, NameSource, PortRef, ProcId, actor_id
from meshsim.model.messages import Ack, Envelope, RankStatus
from meshsim.model.notes import AllocEventSeen, AllocStarted, MeshSpawned, Warned
from meshsim.model.operations import Allocate, ProcMeshRef, ProcRef, QueryProcs
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.status import RUNNING, failed
from meshsim.units import S

KEEPER = actor_id(CLIENT_PROC, "alloc_w-1x", 1)
PROCS = [ProcId(f"unix:@client/w_{rank},_1a_{rank}") for rank in range(2)]
AGENTS = [ActorId(f"{proc},mesh[0]") for proc in PROCS]
ALLOCATED = tuple(AllocatedProc(f"_1k{rank}", PROCS[rank], AGENTS[rank], f"unix:@m{rank}") for rank in range(2))
BOOK = tuple((proc.proc_id, proc.addr) for proc in ALLOCATED)
PORT, KEY = 1030, "operation:1030"
EXTENT = (("replicas", 2),)


def run(quirks_off=(), **more):
    operation = Allocate("w", "process", EXTENT)
    machine = AllocateRun(CLIENT, operation, Config.of({}, quirks_off), NameSource(7), PORT, KEY, **more)
    (spawn,) = machine.start(0)
    machine.handle(ActorSpawned(spawn.name, KEEPER), 0)
    return machine


def told(machine, sender, message, now_ns=0):
    return machine.handle(Envelope(sender, CLIENT, message, PORT), now_ns)


def configure(rank):
    message = Configure(rank, "unix:@client", None, BOOK, PortRef(CLIENT, PORT), record=True)
    return Envelope(CLIENT, AGENTS[rank], message)


@pytest.mark.parametrize("module", [allocating, keeping])
def test_the_tables_of_phases_are_total(module):
    phases = AllocatePhase if module is allocating else KeeperPhase
    assert set(module.TRANSITIONS) == set(phases)


@pytest.mark.parametrize(("allocator", "kind"), [("process", ProcessAlloc), ("local", LocalAlloc)])
def test_an_allocation_begins_with_a_keeper_of_an_alloc(allocator, kind):
    machine = AllocateRun(CLIENT, Allocate("w", allocator, EXTENT), CONFIG, NameSource(7), PORT, KEY)

    (spawn,) = machine.start(0)

    assert isinstance(spawn, SpawnChild)
    assert spawn.name == f"alloc_{machine.name}"
    assert isinstance(spawn.machine.alloc, kind)


def test_every_agent_is_configured_in_order_of_rank():
    machine = run()

    assert told(machine, KEEPER, AllocInitialized(ALLOCATED)) == [configure(0), configure(1)]


def test_when_all_have_answered_the_alloc_is_drained_and_the_mesh_is_there():
    """A second answer of a rank is worth a warning, and counts once."""
    machine = run()
    told(machine, KEEPER, AllocInitialized(ALLOCATED))

    assert told(machine, AGENTS[1], Configured(1)) == []
    assert told(machine, AGENTS[1], Configured(1)) == [Warned(CLIENT, "multiple completions received for rank 1")]
    assert machine.outcome is None
    drain, *spawn = told(machine, AGENTS[0], Configured(0))

    assert drain == Envelope(CLIENT, KEEPER, DrainAlloc(), returnable=False)
    assert [type(command.message).__name__ for command in sent(spawn)] == ["CreateOrUpdate"] * 2 + ["GetRankStatus"] * 2
    *book, spawned = comm_actors_answer(machine)
    assert [type(command.message).__name__ for command in sent(book)] == ["CommMeshConfig"] * 2
    assert isinstance(spawned, MeshSpawned)
    assert (spawned.members, spawned.extent, spawned.alloc) == (tuple(PROCS), "{replicas: 2}", KEEPER)
    assert spawned.root_comm == machine.mesh.root_comm
    assert machine.outcome == Outcome()
    assert [(ref.agent, ref.create_rank, ref.host_agent) for ref in machine.mesh.procs] == [
        (AGENTS[0], 0, None),
        (AGENTS[1], 1, None),
    ]


def comm_actors_answer(machine, status=RUNNING):
    """Both agents say what became of the comm actors."""
    for rank in range(2):
        overlay = RankStatus(((rank, rank + 1, status),))
        commands = machine.handle(Envelope(AGENTS[rank], CLIENT, overlay, PORT + 1), 0)
    return commands


def test_a_mesh_without_comm_actors_is_not_made():
    machine = run()
    told(machine, KEEPER, AllocInitialized(ALLOCATED))
    for rank in range(2):
        told(machine, AGENTS[rank], Configured(rank))

    comm_actors_answer(machine, failed("no"))

    assert machine.outcome == Outcome(error="error spawning actor mesh: statuses: Failed(no)=0..2")
    assert machine.mesh is None


def test_an_alloc_that_failed_is_the_error():
    machine = run()

    assert told(machine, KEEPER, AllocInitialized(error="exited with code 1")) == []
    assert machine.outcome == Outcome(error="exited with code 1")


def test_a_caller_without_a_router_cannot_reach_the_procs():
    machine = run(is_routable=False)

    assert told(machine, KEEPER, AllocInitialized(ALLOCATED)) == []
    assert machine.outcome == Outcome(error="configuration error: mesh is unroutable")


def test_q46_the_answers_are_waited_for_without_limit():
    """Off: a silent rank ends it and is named, and the alloc is stopped."""
    assert not any(isinstance(command, SetTimer) for command in told(run(), KEEPER, AllocInitialized(ALLOCATED)))

    machine = run(("Q46",))
    commands = told(machine, KEEPER, AllocInitialized(ALLOCATED))
    assert commands[-1] == SetTimer(CLIENT, KEY, 30 * S)
    told(machine, AGENTS[0], Configured(0), 10 * S)
    assert machine.handle(TimerFired(CLIENT, KEY), 30 * S) == [SetTimer(CLIENT, KEY, 10 * S)]
    stop = StopAlloc(PortRef(CLIENT, PORT, returnable=False))
    assert machine.handle(TimerFired(CLIENT, KEY), 40 * S) == [Envelope(CLIENT, KEEPER, stop)]
    assert machine.outcome == Outcome(error="error during mesh configuration: no answer within 30s from ranks 1")


def test_the_stop_of_an_allocated_mesh_waits_for_its_keeper():
    machine = StopAllocatedRun(CLIENT, KEEPER, CONFIG, PORT)

    assert machine.start(0) == [Envelope(CLIENT, KEEPER, StopAlloc(PortRef(CLIENT, PORT)))]
    assert machine.outcome is None
    told(machine, KEEPER, Ack())
    assert machine.outcome == Outcome()


def test_status_asks_one_agent_after_the_other_and_hears_only_its_own_rank():
    refs = tuple(ProcRef(PROCS[rank], rank, AGENTS[rank], None) for rank in range(2))
    mesh = ProcMeshRef("w", Name("w-1x"), Region.of(Extent.of(EXTENT)), refs)
    machine = QueryProcsRun(CLIENT, QueryProcs(mesh), PORT)

    def ask(rank):
        return [Envelope(CLIENT, AGENTS[rank], QueryStatus(PortRef(CLIENT, PORT)))]

    assert machine.start(0) == ask(0)
    assert told(machine, AGENTS[1], AgentStatus(1, alive=True)) == []
    assert told(machine, AGENTS[0], AgentStatus(0, alive=True)) == ask(1)
    assert told(machine, AGENTS[1], AgentStatus(1, alive=True)) == []
    assert machine.outcome == Outcome(result="true,true")


# --- the keeper --------------------------------------------------------------------------------------------

REPLY = PortRef(CLIENT, PORT, returnable=False)


def keeper(kind=LocalAlloc):
    extent = Extent.of(EXTENT)
    if kind is LocalAlloc:
        alloc = LocalAlloc(ActorId(""), "_1a", extent, CONFIG, NameSource(7))
    else:
        alloc = ProcessAlloc(ActorId(""), "_1a", extent, "w", CONFIG, NameSource(7))
    return AllocKeeper(KEEPER, "w", alloc, REPLY, Initialization("{replicas: 2}", 2))


def seen(commands):
    return [command.event.__struct_config__.tag for command in commands if isinstance(command, AllocEventSeen)]


def sent(commands):
    return [command for command in commands if isinstance(command, Envelope)]


def say(machine, message):
    return machine.handle(Envelope(CLIENT, KEEPER, message), 0)


def initialized():
    machine = keeper()
    commands = machine.handle(Started(), 0)
    return machine, commands


def test_a_keeper_initializes_its_alloc_and_tells_who_waits():
    machine, commands = initialized()

    assert commands[0] == AllocStarted(KEEPER, "w", "_1a")
    assert seen(commands) == ["created", "running"] * 2
    (answer,) = sent(commands)
    assert [proc.proc_id for proc in answer.message.procs] == ["unix:@client,_1a_0", "unix:@client,_1a_1"]
    assert machine.phase is KeeperPhase.READY


def test_nobody_asks_for_events_until_the_mesh_is_configured():
    machine, _ = initialized()

    assert say(machine, ChaosMonkey(0, WATCHDOG)) == []
    drained = say(machine, DrainAlloc())
    assert [type(command).__name__ for command in drained] == ["DestroyProc"]
    assert seen(machine.handle(ProcDestroyed(PROCS[0], (), ()), 0)) == ["stopped"]


def test_an_alloc_that_fails_first_is_told_and_dropped():
    machine = keeper(ProcessAlloc)
    machine.handle(Started(), 0)

    commands = machine.handle(ChildExited(Name("_1a_1"), ExitStatus(code=3)), 0)

    assert seen(commands) == ["stopped"]
    assert sent(commands) == [
        Envelope(KEEPER, CLIENT, AllocInitialized(error="exited with code 3"), PORT, returnable=False)
    ]
    assert commands[-1] == StopSelf("alloc dropped")


def test_an_alloc_that_fails_later_is_nobodys_business():
    machine, _ = initialized()
    say(machine, DrainAlloc())

    commands = say(machine, FailAlloc("no luck"))

    assert seen(commands) == ["failed"]
    assert sent(commands) == []
    # And of one in this process the end never comes (mesh_model.md 5.4).
    assert sent(say(machine, StopAlloc(REPLY))) == []
    assert machine.phase is KeeperPhase.STOPPING


def test_a_stop_is_answered_when_the_events_have_ended_and_then_at_once():
    machine, _ = initialized()
    say(machine, DrainAlloc())

    acks = []
    acks += sent(say(machine, StopAlloc(REPLY)))
    acks += sent(say(machine, StopAlloc(REPLY)))
    acks += sent(machine.handle(ProcDestroyed(PROCS[0], (), ()), 0))
    assert acks == []
    ack = Envelope(KEEPER, CLIENT, Ack(), PORT, returnable=False)
    assert sent(machine.handle(ProcDestroyed(PROCS[1], (), ()), 0)) == [ack, ack]
    assert machine.phase is KeeperPhase.OVER
    assert say(machine, StopAlloc(REPLY)) == [ack]


def test_a_reason_that_is_unknown_is_a_reason():
    machine, _ = initialized()
    say(machine, DrainAlloc())
    say(machine, ChaosMonkey(1, UNKNOWN))

    (note,) = machine.handle(ProcDestroyed(PROCS[1], (), ()), 0)

    assert note.text.endswith(": stopped: unknown")
