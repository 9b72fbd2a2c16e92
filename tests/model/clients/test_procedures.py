"""Mesh operations as tables: what is sent, what completes them, what they say when they fail.

Source: supervision.md 9.4 to 9.6, 10.7, 12.5.
"""

import pytest
from machines import (
    CLIENT,
    CONFIG,
    CONTROLLER,
    MESH,
    PROCS,
    actor,
    actor_mesh,
    agent,
    directly,
    host_agent,
    overlay,
    proc,
    proc_mesh,
    proc_name,
    status_port,
    to_agents,
)

from meshsim.model.clients.host_operations import ShutdownRun
from meshsim.model.clients.procedures import QueryRun, StopActorsRun
from meshsim.model.clients.spawn_actors import SpawnActorsRun
from meshsim.model.clients.spawn_procs import SpawnProcsRun
from meshsim.model.clients.stopping import Outcome, StopProcsRun
from meshsim.model.commands import CancelTimer, GiveBack, SetTimer, SpawnChild
from meshsim.model.config import Config
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.controllers.mesh_controllers import ProcMeshController
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.hosts.process import ExitStatus, classify
from meshsim.model.ids import ActorId, Name, NameSource, PortRef, actor_id, proc_agent_id, proc_id
from meshsim.model.messages import (
    Ack,
    ActorSpec,
    CommMeshConfig,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    ProcSpec,
    ShutdownHost,
    StateReply,
    Stop,
)
from meshsim.model.notes import MeshSpawned
from meshsim.model.operations import ActorMeshRef, ProcMeshRef, ProcRef, SpawnActors, SpawnProcs
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.status import (
    NOT_EXIST,
    RUNNING,
    STOPPED,
    STOPPING,
    MeshState,
    ProcState,
    State,
    failed,
    timeout,
)
from meshsim.units import MS, S

PORT, KEY = 1030, "operation:1030"
REPLY = status_port(CLIENT, PORT)
IDLE = SetTimer(CLIENT, KEY, 30 * S)
CANCEL = CancelTimer(CLIENT, KEY)
SILENT = TimerFired(CLIENT, KEY)


def said(rank, kind, sender=None):
    return overlay(sender or agent(rank), CLIENT, PORT, (rank, rank + 1, kind))


def outcome_of(run, *events, now_ns=0):
    """What the procedure ends with, and the commands of its last event."""
    commands = []
    for event in events:
        commands = run.handle(event, now_ns)
    return run.outcome, commands


# --- spawning procs (9.5) ----------------------------------------------------------------------------------

SPAWN = SpawnProcs("w", ("host0", "host1"), (("hosts", 2),), (("gpus", 2),))


def spawn_procs(operation=SPAWN, config=CONFIG):
    run = SpawnProcsRun(CLIENT, operation, config, NameSource(7), PORT, KEY)
    return run, run.start(0)


def drawn():
    """The names that the run draws: the mesh, then its procs, host by host."""
    names = NameSource(7)
    return names.draw("w"), [names.draw(f"w_{per_host}") for _ in range(2) for per_host in range(2)]


def comm_name():
    """What the run draws next, when all procs are there."""
    names = NameSource(7, drawn=5)
    return names.draw("comm")


def with_comm_actors():
    """The comm actors of all four ranks run."""
    return overlay(agent(0), CLIENT, PORT + 1, (0, 4, RUNNING))


def test_every_proc_is_created_and_asked_for_in_turn():
    """Two messages for each proc, host by host; the spawner's configuration goes along."""
    config = Config.of({"STOP_ACTOR_TIMEOUT": 2 * S})
    _, commands = spawn_procs(config=config)

    spec = ProcSpec({"STOP_ACTOR_TIMEOUT": 2 * S})
    expected = []
    for rank, name in enumerate(drawn()[1]):
        expected.append(Envelope(CLIENT, host_agent(rank // 2), CreateOrUpdate(name, rank, spec)))
        expected.append(Envelope(CLIENT, host_agent(rank // 2), GetRankStatus(name, REPLY)))
    assert commands == [*expected, IDLE]


def test_a_dimension_cannot_be_there_twice():
    run, commands = spawn_procs(SpawnProcs("w", ("host0",), (("hosts", 1),), (("hosts", 2),)))

    text = "configuration error: per_host dims overlap with existing dims when spawning proc mesh"
    assert (run.outcome, commands) == (Outcome(error=text), [])


def test_a_proc_mesh_is_complete_with_its_controller():
    run, _ = spawn_procs()
    name, names = drawn()

    outcome_of(run, *(said(rank, RUNNING) for rank in range(4)))
    running, commands = outcome_of(run, with_comm_actors())
    done, notes = outcome_of(run, ActorSpawned(Name("x"), ActorId("y")))

    refs = []
    for rank, proc_text in enumerate(names):
        created = proc_id(f"unix:@host{rank // 2}", proc_text)
        refs.append(ProcRef(created, rank, proc_agent_id(created), host_agent(rank // 2)))
    comm = [actor_id(ref.proc_id, comm_name()) for ref in refs]
    mesh = ProcMeshRef("w", name, Region.of(Extent(("hosts", "gpus"), (2, 2))), tuple(refs), comm[0])
    controller = ProcMeshController(ActorId(""), CONFIG, mesh)
    members = tuple(ref.proc_id for ref in refs)
    assert running is None
    assert commands == [
        CANCEL,
        Envelope(CLIENT, comm[0], CommMeshConfig(0, ((1, comm[1]), (2, comm[2])))),
        Envelope(CLIENT, comm[1], CommMeshConfig(1, ())),
        Envelope(CLIENT, comm[2], CommMeshConfig(2, ((3, comm[3]),))),
        Envelope(CLIENT, comm[3], CommMeshConfig(3, ())),
        SpawnChild(Name(f"proc_mesh_controller_{name}"), controller),
    ]
    assert done == Outcome()
    spawned = MeshSpawned("procs", "w", name, CLIENT, "{hosts: 2, gpus: 2}", members, members, root_comm=comm[0])
    assert notes == [spawned]


@pytest.mark.parametrize(
    ("answer", "json"),
    [
        (
            State("w", failed("proc 'x' failed to configure process: Timeout")),
            '{"name":"w","status":{"Failed":"proc \'x\' failed to configure process: Timeout"},"state":null}',
        ),
        (
            State("w", timeout(1500 * MS)),
            '{"name":"w","status":{"Timeout":{"secs":1,"nanos":500000000}},"state":null}',
        ),
        (
            State("w", STOPPED, ProcState("p", 2, ActorId("g"), None, classify(ExitStatus(code=1)))),
            '{"name":"w","status":"Stopped","state":{"type":"proc","proc_id":"p","create_rank":2,"mesh_agent":"g",'
            '"bootstrap_command":null,"proc_status":{"phase":"Stopped","started_at_ns":null,"addr":null,"agent":null,'
            '"exit_code":1,"stderr_tail":[],"signal":null,"core_dumped":false,"reason":""}}}',
        ),
    ],
)
def test_the_lowest_failed_rank_is_asked_why(answer, json):
    """The error names its host rank, the host's agent and the state as compact JSON. Q43: nothing is torn down."""
    run, _ = spawn_procs()
    name = drawn()[1][2]

    pending, ask = outcome_of(
        run, *(said(rank, kind) for rank, kind in enumerate((RUNNING, RUNNING, STOPPED, STOPPED)))
    )
    done, commands = outcome_of(run, Envelope(host_agent(1), CLIENT, StateReply(answer), PORT + 1))

    reply = PortRef(CLIENT, PORT + 1, returnable=False)
    assert pending is None
    assert ask == [CANCEL, Envelope(CLIENT, host_agent(1), GetState(name, reply)), IDLE]
    assert done == Outcome(error=f"error creating proc (host rank 1) on host mesh agent {host_agent(1)}, state: {json}")
    assert commands == [CANCEL]


def test_a_host_that_does_not_say_why_is_quoted_with_the_status_alone():
    run, _ = spawn_procs()
    outcome_of(run, *(said(rank, failed("no")) for rank in range(4)))

    done, commands = outcome_of(run, SILENT, now_ns=30 * S)

    json = f'{{"name":"{drawn()[1][0]}","status":{{"Failed":"no"}},"state":null}}'
    assert done == Outcome(error=f"error creating proc (host rank 0) on host mesh agent {host_agent(0)}, state: {json}")
    assert commands == []


def test_procs_that_are_not_there_in_time_are_timeouts():
    """test_halting_proc_allocation in small; an early alarm asks for the rest of the limit."""
    run, _ = spawn_procs()
    for rank in (1, 2, 3):
        run.handle(said(rank, RUNNING), 10 * S)

    early = run.handle(SILENT, 30 * S)
    done, commands = outcome_of(run, SILENT, now_ns=40 * S)

    assert early == [SetTimer(CLIENT, KEY, 10 * S)]
    assert done == Outcome(error="error spawning proc mesh: statuses: Timeout(40s)=0..1;Running=1..4")
    assert commands == []


def test_a_proc_mesh_needs_its_controller():
    run, _ = spawn_procs()
    outcome_of(run, *(said(rank, RUNNING) for rank in range(4)), with_comm_actors())

    done, commands = outcome_of(run, ActorSpawned(Name("x"), None, "no actor named kid in proc p"))

    text = f"error spawning controller actor for mesh {drawn()[0]}: no actor named kid in proc p"
    assert (done, commands) == (Outcome(error=text), [])


def test_without_its_controller_a_proc_mesh_is_taken_back_while_q43_is_off():
    run, _ = spawn_procs(config=Config.of({}, ("Q43",)))
    outcome_of(run, *(said(rank, RUNNING) for rank in range(4)), with_comm_actors())

    _, commands = outcome_of(run, ActorSpawned(Name("x"), None, "no actor named kid in proc p"))

    assert [command.message.name for command in commands] == drawn()[1]


# --- spawning actors (10.7) --------------------------------------------------------------------------------


def spawn_actors(**changes):
    operation = SpawnActors("a", proc_mesh(2), "TestActor", {"x": 1}, **changes)
    run = SpawnActorsRun(CLIENT, operation, CONFIG, NameSource(7), PORT, KEY)
    return run, run.start(0)


NAME = NameSource(7).draw("a")


def test_every_agent_creates_then_is_asked():
    """All creations go out before the first question; late answers cost the agents nothing."""
    _, commands = spawn_actors(display_base="<t>")

    spec = ActorSpec("TestActor", {"x": 1}, "<t>", (("hosts", 2),))
    assert commands == [
        *(directly(CLIENT, agent(rank), CreateOrUpdate(NAME, rank, spec), rank, 2) for rank in (0, 1)),
        *to_agents(CLIENT, GetRankStatus(NAME, status_port(CLIENT, PORT, returnable=False)), 2),
        IDLE,
    ]


@pytest.mark.parametrize(("base", "display"), [(None, NAME), ("<t>", "<t>")])
def test_an_actor_mesh_is_complete_with_its_controller(base, display):
    """The controller knows the statuses of the spawn, and the spawner is the owner."""
    run, _ = spawn_actors(display_base=base)

    pending, commands = outcome_of(run, said(1, RUNNING), said(0, RUNNING))
    done, notes = outcome_of(run, ActorSpawned(Name("x"), CONTROLLER))

    controller = ActorMeshController(
        me=ActorId(""),
        mesh=ActorMeshRef("a", NAME, proc_mesh(2)),
        config=CONFIG,
        display_name=display,
        owner=CLIENT,
        statuses={0: RUNNING, 1: RUNNING},
    )
    members = (f"{proc(0)},{NAME}[0]", f"{proc(1)},{NAME}[0]")
    assert pending is None
    assert commands == [CANCEL, SpawnChild(Name(f"actor_mesh_controller_{NAME}"), controller)]
    assert done == Outcome()
    assert notes == [
        MeshSpawned("actors", "a", NAME, CLIENT, "{hosts: 2}", members, (proc(0), proc(1)), controller=CONTROLLER)
    ]


def test_a_system_mesh_has_no_controller():
    run, _ = spawn_actors(system=True)

    done, commands = outcome_of(run, said(0, RUNNING), said(1, RUNNING))

    members = (f"{proc(0)},{NAME}[0]", f"{proc(1)},{NAME}[0]")
    spawned = MeshSpawned("actors", "a", NAME, CLIENT, "{hosts: 2}", members, (proc(0), proc(1)), system=True)
    assert (done, commands) == (Outcome(), [CANCEL, spawned])


@pytest.mark.parametrize(
    ("events", "now_ns", "text"),
    [
        (
            [said(0, failed("test failure")), said(1, failed("test failure"))],
            1 * S,
            "error spawning actor mesh: statuses: Failed(test failure)=0..2",
        ),
        (
            [said(0, RUNNING), said(1, failed("Cannot spawn new actors on mesh with supervision events"))],
            1 * S,
            "error spawning actor mesh: statuses: "
            "Running=0..1;Failed(Cannot spawn new actors on mesh with supervision events)=1..2",
        ),
        ([SILENT], 30 * S, "error spawning actor mesh: statuses: Timeout(30s)=0..2"),
    ],
)
def test_a_spawn_fails_with_the_statuses_of_all_ranks(events, now_ns, text):
    """Q47: ranks that did start keep running, and nobody owns them: nothing is sent."""
    run, _ = spawn_actors()

    done, commands = outcome_of(run, *events, now_ns=now_ns)

    assert done == Outcome(error=text)
    assert commands == ([] if events == [SILENT] else [CANCEL])


def test_a_service_has_its_name_as_it_is():
    """`spawn_service`: the same on every proc, and drawn by nobody."""
    run, commands = spawn_actors(service="logger")

    assert [command.message.name for command in commands[:4]] == ["logger"] * 4
    assert run.names.drawn == 0


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"registered": False}, "actor not registered for type TestActor"),
        ({"registered": False, "service": "1"}, "actor not registered for type TestActor"),
        (
            {"service": "1a"},
            "invalid name '1a': names must contain only alphanumeric characters and underscores, "
            "and must start with a letter or underscore",
        ),
    ],
)
def test_a_spawn_that_cannot_begin_asks_nobody(changes, error):
    """The registry is looked at first."""
    run, commands = spawn_actors(**changes)

    assert (run.outcome, commands) == (Outcome(error=error), [])


def test_an_actor_mesh_needs_its_controller():
    run, _ = spawn_actors()
    outcome_of(run, said(0, RUNNING), said(1, RUNNING))

    done, _ = outcome_of(run, ActorSpawned(Name("x"), None, "no actor named kid in proc p"))

    assert done == Outcome(error=f"error spawning controller actor for mesh {NAME}: no actor named kid in proc p")


# --- stopping procs (9.6) ----------------------------------------------------------------------------------


def stop_procs():
    run = StopProcsRun(CLIENT, proc_mesh(2), "enough", CONFIG, PORT, KEY)
    return run, run.start(0)


def test_every_host_is_told_to_stop_its_proc_and_asked():
    """Q60: the reply port is returnable here."""
    _, commands = stop_procs()

    reply = status_port(CLIENT, PORT, returnable=True)
    assert commands == [
        Envelope(CLIENT, host_agent(0), Stop(proc_name(0), "enough")),
        Envelope(CLIENT, host_agent(0), GetRankStatus(proc_name(0), reply)),
        Envelope(CLIENT, host_agent(1), Stop(proc_name(1), "enough")),
        Envelope(CLIENT, host_agent(1), GetRankStatus(proc_name(1), reply)),
        IDLE,
    ]


@pytest.mark.parametrize(
    ("events", "now_ns", "outcome"),
    [
        ([said(0, STOPPING), said(1, STOPPED)], 1, Outcome(result="Stopping=0..1;Stopped=1..2")),
        ([said(0, STOPPING), said(1, failed("x"))], 1, Outcome(result="Stopping=0..1;Failed(x)=1..2")),
        (
            [said(0, STOPPING), said(1, RUNNING)],
            1,
            Outcome(
                error="failed to terminate proc mesh: Stopping=0..1;Running=1..2", result="Stopping=0..1;Running=1..2"
            ),
        ),
        (
            [SILENT],
            30 * S,
            Outcome(error=f"failed to terminate proc mesh {PROCS} before timeout: Timeout(30s)=0..2"),
        ),
    ],
    ids=["Q1", "failed counts", "still running", "silent"],
)
def test_a_stop_of_procs_is_over_when_every_host_has_said_something(events, now_ns, outcome):
    """Stopping counts, so that is before the processes are gone."""
    run, _ = stop_procs()

    assert outcome_of(run, *events, now_ns=now_ns)[0] == outcome


@pytest.mark.parametrize("begin", [spawn_procs, spawn_actors, stop_procs])
def test_a_status_beyond_the_mesh_goes_back_and_closes_the_port(begin):
    """11.2, for each kind of wait; then only the idle limit ends it."""
    run, _ = begin()
    beyond = said(7, RUNNING)
    count = len(run.wait.statuses)

    commands = run.handle(beyond, 1)

    assert commands == [GiveBack(beyond, f"mailbox error: range 7..8 exceeds region bounds (len={count})")]
    assert (run.accepts(PORT), run.outcome) == (False, None)


# --- ActorMesh.stop (12.5) ---------------------------------------------------------------------------------


def from_controller(state):
    return Envelope(CONTROLLER, CLIENT, StateReply(state), PORT)


def test_a_controller_is_told_to_stop_and_asked_how_it_is():
    run = StopActorsRun(CLIENT, actor_mesh(2), "enough", CONFIG, PORT)

    assert run.start(0) == [
        Envelope(CLIENT, CONTROLLER, Stop(MESH, "enough")),
        Envelope(CLIENT, CONTROLLER, GetState(MESH, PortRef(CLIENT, PORT))),
    ]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (State(MESH, STOPPED, MeshState((STOPPED, STOPPED))), Outcome(result="Stopped=0..2")),
        (
            State(MESH, STOPPED, MeshState((STOPPED, timeout(30 * S)))),
            Outcome(result="Stopped=0..1;Timeout(30s)=1..2"),
        ),
        (
            State(MESH, STOPPED, MeshState((STOPPED, RUNNING))),
            Outcome(
                error="error stopping actor mesh: statuses: Stopped=0..1;Running=1..2",
                result="Stopped=0..1;Running=1..2",
            ),
        ),
        (
            State(MESH, NOT_EXIST),
            Outcome(error=f"non-existent state in GetState reply from controller: {CONTROLLER}"),
        ),
    ],
    ids=["stopped", "Q53", "still running", "no state"],
)
def test_a_stop_is_what_the_controller_says_it_is(state, outcome):
    run = StopActorsRun(CLIENT, actor_mesh(2), "enough", CONFIG, PORT)
    run.start(0)

    assert outcome_of(run, from_controller(state)) == (outcome, [])


# --- queries (5.7) and shutdown (9.4) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "result"),
    [
        (State(MESH, RUNNING, MeshState((RUNNING, STOPPED))), "Running; Running=0..1;Stopped=1..2"),
        (State(MESH, NOT_EXIST), "NotExist; "),
    ],
)
def test_a_query_returns_the_state_of_the_mesh_as_text(state, result):
    run = QueryRun(CLIENT, actor_mesh(2), PORT)

    assert run.start(0) == [Envelope(CLIENT, CONTROLLER, GetState(MESH, PortRef(CLIENT, PORT)))]
    assert outcome_of(run, from_controller(state)) == (Outcome(result=result), [])


@pytest.mark.parametrize(("asked", "clamped"), [(0, 1), (16, 16), (1000, 256)])
def test_hosts_are_shut_down_one_after_the_other(asked, clamped):
    """Each until its acknowledgement, without a limit; concurrency is clamped."""
    run = ShutdownRun(CLIENT, ("host0", "host1"), Config.of({"MESH_TERMINATE_CONCURRENCY": asked}), PORT)
    ack = PortRef(CLIENT, PORT)

    commands = [run.start(0)]
    commands += [run.handle(Envelope(host_agent(rank), CLIENT, Ack(), PORT), 1) for rank in (0, 1)]

    asks = [Envelope(CLIENT, host_agent(rank), ShutdownHost(10 * S, clamped, ack)) for rank in (0, 1)]
    assert commands == [[asks[0]], [asks[1]], []]
    assert run.outcome == Outcome()


def test_without_hosts_there_is_nothing_to_shut_down():
    run = ShutdownRun(CLIENT, (), CONFIG, PORT)

    assert (run.start(0), run.outcome) == ([], Outcome())


@pytest.mark.parametrize(
    "run",
    [
        StopActorsRun(CLIENT, actor_mesh(1), "", CONFIG, PORT),
        QueryRun(CLIENT, actor_mesh(1), PORT),
        ShutdownRun(CLIENT, ("host0",), CONFIG, PORT),
    ],
)
def test_a_procedure_that_asks_one_actor_has_one_port(run):
    assert [run.accepts(port) for port in (PORT, PORT + 1)] == [True, False]


@pytest.mark.parametrize("begin", [spawn_procs, spawn_actors, stop_procs])
def test_a_procedure_takes_no_foreign_messages(begin):
    run, _ = begin()

    with pytest.raises(AssertionError):
        run.handle(Envelope(actor(0), CLIENT, Ack(), PORT), 0)
