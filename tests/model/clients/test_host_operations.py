"""Host meshes on the client's side: these events, exactly these commands (supervision.md 9.4)."""

import pytest
from machines import CLIENT, host_agent

from meshsim.model.alloc.messages import StopAlloc
from meshsim.model.clients.context import Context
from meshsim.model.clients.host_drop import NO_RUNTIME, HostMeshDrop
from meshsim.model.clients.host_operations import AttachRun, ListProcsRun, ShutdownRun, SpawnHostsRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import BootProc, CancelTimer, SetTimer, SpawnChild, StartHost
from meshsim.model.config import Config
from meshsim.model.controllers.mesh_controllers import HostMeshController
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.hosts.host_agent import HostMode
from meshsim.model.hosts.local_procs import LocalProcs
from meshsim.model.hosts.process_manager import ProcessManager
from meshsim.model.ids import ActorId, Name, NameSource, PortRef, actor_id, host_agent_id
from meshsim.model.messages import (
    Ack,
    Envelope,
    ListResources,
    Operate,
    ResourceNames,
    SetClientConfig,
    ShutdownHost,
    StopAll,
)
from meshsim.model.notes import OperationEnded, OperationStarted, Warned
from meshsim.model.operations import AttachHosts, DropHosts, ListProcs, LocalHost, Operation, SpawnHosts, StopAllOf
from meshsim.units import S

PORT = PortRef(CLIENT, 1024)
HOSTS = ("host0", "host1")
MESH = Name("h-1host1111111")
CONTROLLER = Name(f"host_mesh_controller_{MESH}")
CONFIG = Config.of({"mesh_attach_config_timeout": 4 * S})


def config(*off: str) -> Config:
    return Config.of({"mesh_attach_config_timeout": 4 * S}, off)


def attach(*off: str) -> AttachRun:
    return AttachRun(CLIENT, HOSTS, config(*off), PORT.index, "k", MESH)


def spawn(*off: str) -> SpawnHostsRun:
    return SpawnHostsRun(CLIENT, HOSTS, config(*off), PORT.index, "k", MESH)


def ack(rank: int) -> Envelope:
    return Envelope(host_agent(rank), CLIENT, Ack(), PORT.index)


def spawned(error: str | None = None) -> ActorSpawned:
    return ActorSpawned(CONTROLLER, None if error else ActorId("c"), error)


def controller(settings: Config) -> SpawnChild:
    return SpawnChild(CONTROLLER, HostMeshController(me=ActorId(""), config=settings, hosts=HOSTS))


def test_hosts_are_started_and_not_waited_for():
    run = spawn()

    assert run.start(0) == [StartHost("host0"), StartHost("host1")]
    assert run.outcome == Outcome()


def test_without_q29_started_hosts_have_a_controller():
    run = spawn("Q29")

    assert run.start(0) == [StartHost("host0"), StartHost("host1"), controller(config("Q29"))]
    assert run.outcome is None
    run.handle(spawned(), 0)
    assert run.outcome == Outcome()


@pytest.mark.parametrize("run", [spawn("Q29"), attach("Q29")])
def test_a_controller_that_cannot_be_spawned_is_an_error(run):
    run.start(0)

    run.handle(spawned("no"), 0)

    assert run.outcome.error == f"error spawning controller actor for mesh {MESH}: no"


def test_an_attach_pushes_the_configuration_to_all_hosts_at_once():
    """What the process has set itself, and nothing that is a default; over with the last ack."""
    run = attach()

    push = SetClientConfig({"MESH_ATTACH_CONFIG_TIMEOUT": 4 * S}, PORT)
    assert run.start(0) == [
        Envelope(CLIENT, host_agent(0), push),
        Envelope(CLIENT, host_agent(1), push),
        SetTimer(CLIENT, "k", 4 * S),
    ]
    assert (run.handle(ack(1), 1 * S), run.outcome) == ([], None)
    assert run.handle(ack(0), 2 * S) == [CancelTimer(CLIENT, "k")]
    assert run.outcome == Outcome(result="2 of 2 hosts configured")
    assert not run.accepts(PORT.index)


def test_an_attach_goes_on_without_hosts_that_are_silent():
    """Best effort: the limit is one for all, and its end is no error."""
    run = attach()
    run.start(0)
    run.handle(ack(0), 3 * S)

    commands = run.handle(TimerFired(CLIENT, "k"), 4 * S)

    assert commands == [Warned(CLIENT, "timed out pushing the configuration to 1 of 2 hosts")]
    assert run.outcome == Outcome(result="1 of 2 hosts configured")


def test_without_q29_attached_hosts_have_a_controller():
    run = attach("Q29")
    run.start(0)
    run.handle(ack(0), 0)

    assert run.handle(ack(1), 0) == [CancelTimer(CLIENT, "k"), controller(config("Q29"))]
    run.handle(spawned(), 0)
    assert run.outcome == Outcome(result="2 of 2 hosts configured")


def test_a_shutdown_goes_from_host_to_host():
    run = ShutdownRun(CLIENT, HOSTS, CONFIG, PORT.index)
    order = ShutdownHost(10 * S, 16, PORT)

    assert run.start(0) == [Envelope(CLIENT, host_agent(0), order)]
    assert run.handle(ack(0), 1 * S) == [Envelope(CLIENT, host_agent(1), order)]
    assert (run.outcome, run.handle(ack(1), 2 * S), run.outcome) == (None, [], Outcome())


def test_a_shutdown_of_allocated_hosts_stops_their_alloc_in_the_end():
    keeper = actor_id("unix:@client,local", "alloc_h-1x", 1)
    run = ShutdownRun(CLIENT, HOSTS[:1], CONFIG, PORT.index, keeper)
    run.start(0)

    assert run.handle(ack(0), 1 * S) == [Envelope(CLIENT, keeper, StopAlloc(PORT, "host mesh shutdown"))]
    assert run.outcome is None
    assert run.handle(Envelope(keeper, CLIENT, Ack(), PORT.index), 2 * S) == []
    assert run.outcome == Outcome()


def test_a_host_says_which_procs_it_ever_made():
    run = ListProcsRun(CLIENT, "host1", PORT.index)

    assert run.start(0) == [Envelope(CLIENT, host_agent(1), ListResources(PORT))]
    run.handle(Envelope(host_agent(1), CLIENT, ResourceNames((Name("a-1"), Name("b-2"))), PORT.index), 0)
    assert run.outcome == Outcome(result="a-1, b-2")


# --- dropping --------------------------------------------------------------------------------------------------


def operated(operation: Operation) -> list[object]:
    context = Context(CLIENT, CONFIG, NameSource(0))
    return list(context.operate(Operate(7, operation), 0))


def test_a_drop_leaves_the_shutdown_to_a_task_in_a_proc_of_its_own():
    started, boot, ended = operated(DropHosts(HOSTS))

    assert (started, ended) == (
        OperationStarted(7, CLIENT, "drop_hosts", "host0,host1"),
        OperationEnded(7, CLIENT, "drop_hosts", "host0,host1", None),
    )
    assert isinstance(boot, BootProc)
    assert boot.root == HostMeshDrop(boot.root.me, CONFIG, HOSTS)
    assert boot.root.me.startswith("unix:@client,host_mesh_drop-")
    assert not boot.coordinates


def test_a_drop_without_a_runtime_is_a_warning():
    assert operated(DropHosts(HOSTS, runtime=False))[1] == Warned(CLIENT, NO_RUNTIME)


@pytest.mark.parametrize(("in_process", "manager"), [(True, LocalProcs), (False, ProcessManager)])
def test_a_local_host_is_an_agent_beside_the_client(in_process, manager):
    """Where the agent of a host must be; it serves on after a shutdown, as its process is not its own."""
    boot = operated(LocalHost("client", in_process))[1]

    assert isinstance(boot, BootProc)
    assert (boot.root.me, boot.root.mode) == (host_agent_id("client"), HostMode.SERVING)
    assert type(boot.root.manager) is manager
    assert not boot.coordinates


@pytest.mark.parametrize(
    ("operation", "tag", "label"),
    [
        (SpawnHosts("more", HOSTS), "spawn_hosts", "more"),
        (AttachHosts(HOSTS), "attach_hosts", "host0,host1"),
        (ListProcs("host0"), "list_procs", "host0"),
        (StopAllOf("w[0]", (ActorId("x"),), "y"), "stop_all", "w[0]"),
    ],
)
def test_operations_say_what_they_are_about(operation, tag, label):
    assert operated(operation)[0] == OperationStarted(7, CLIENT, tag, label)


def test_stop_all_goes_to_the_agents_themselves():
    """Nobody is waited for: there is no reply."""
    agents = (actor_id("unix:@host0,w", "proc_agent"), actor_id("unix:@host0,v", "proc_agent"))

    commands = operated(StopAllOf("w", agents, "enough"))

    assert commands[1:-1] == [Envelope(CLIENT, agent, StopAll("enough")) for agent in agents]
