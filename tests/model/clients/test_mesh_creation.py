"""The comm actors of a new proc mesh: spawned directly, then told who they are.

Source: supervision.md 10.1; mesh_model.md 4.1.
"""

import msgspec
import pytest
from machines import CLIENT, CONFIG, agent, overlay, proc, proc_mesh, to_agents

from meshsim.model.clients.mesh_creation import CommRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.commands import CancelTimer, GiveBack, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import TimerFired
from meshsim.model.ids import NameSource, PortRef, actor_id
from meshsim.model.messages import ActorSpec, CommMeshConfig, CreateOrUpdate, Envelope, GetRankStatus
from meshsim.model.status import RUNNING, failed
from meshsim.units import MS, S

PORT, KEY = 1030, "operation:1030"
NAME = NameSource(7).draw("comm")
CANCEL = CancelTimer(CLIENT, KEY)


def comm(rank):
    return actor_id(proc(rank), NAME)


def begun(ranks=2, config=CONFIG):
    run = CommRun(CLIENT, proc_mesh(ranks), config, NameSource(7), PORT, KEY)
    return run, run.start(0)


@pytest.mark.parametrize(("off", "kept_alive"), [((), {}), (("Q36",), {"kept_alive": False})])
def test_every_agent_is_asked_directly_for_a_comm_actor(off, kept_alive):
    """There is nobody yet to carry a cast. A system actor is not kept alive."""
    run, commands = begun(config=Config.of({}, off))

    reply = PortRef(CLIENT, PORT, False, "status_overlay", max_interval_ns=50 * MS)
    spec = ActorSpec("CommActor", extent=(("hosts", 2),), **kept_alive)
    creates = to_agents(CLIENT, CreateOrUpdate(NAME, None, spec), 2)
    for rank, create in enumerate(creates):
        creates[rank] = msgspec.structs.replace(create, message=CreateOrUpdate(NAME, rank, spec))
    assert commands == [*creates, *to_agents(CLIENT, GetRankStatus(NAME, reply), 2), SetTimer(CLIENT, KEY, 30 * S)]
    assert (run.accepts(PORT), run.accepts(PORT + 1)) == (True, False)


def test_each_comm_actor_is_told_its_rank_and_whom_it_passes_casts_on_to():
    run, _ = begun(3)

    waiting = run.handle(overlay(agent(1), CLIENT, PORT, (0, 2, RUNNING)), 1)
    commands = run.handle(overlay(agent(2), CLIENT, PORT, (2, 3, RUNNING)), 2)

    assert waiting == []
    assert commands == [
        CANCEL,
        Envelope(CLIENT, comm(0), CommMeshConfig(0, ((1, comm(1)), (2, comm(2))))),
        Envelope(CLIENT, comm(1), CommMeshConfig(1, ())),
        Envelope(CLIENT, comm(2), CommMeshConfig(2, ())),
    ]
    assert run.outcome == Outcome()
    assert run.mesh == msgspec.structs.replace(proc_mesh(3), root_comm=comm(0))
    assert not run.accepts(PORT)


def test_the_book_follows_the_tree():
    """A mesh whose dimension is split has other edges."""
    run, _ = begun(4, Config.of({"MAX_CAST_DIMENSION_SIZE": 2}))

    _, *configs = run.handle(overlay(agent(0), CLIENT, PORT, (0, 4, RUNNING)), 1)

    assert [[peer for peer, _ in config.message.book] for config in configs] == [[1, 2], [], [3], []]


@pytest.mark.parametrize(
    ("event", "now_ns", "text", "commands"),
    [
        (
            overlay(agent(0), CLIENT, PORT, (0, 1, RUNNING), (1, 2, failed("no"))),
            1,
            "Running=0..1;Failed(no)=1..2",
            [CANCEL],
        ),
        (TimerFired(CLIENT, KEY), 30 * S, "Timeout(30s)=0..2", []),
    ],
)
def test_a_mesh_needs_all_its_comm_actors(event, now_ns, text, commands):
    """The text is that of any spawn of actors."""
    run, _ = begun()

    assert run.handle(event, now_ns) == commands
    assert run.outcome == Outcome(error=f"error spawning actor mesh: statuses: {text}")
    assert run.mesh.root_comm is None


def test_an_early_alarm_asks_for_the_rest():
    run, _ = begun()
    run.handle(overlay(agent(0), CLIENT, PORT), 10 * S)

    assert run.handle(TimerFired(CLIENT, KEY), 30 * S) == [SetTimer(CLIENT, KEY, 10 * S)]


def test_a_status_beyond_the_mesh_is_given_back():
    run, _ = begun()
    beyond = overlay(agent(0), CLIENT, PORT, (2, 3, RUNNING))

    assert run.handle(beyond, 1) == [GiveBack(beyond, "mailbox error: range 2..3 exceeds region bounds (len=2)")]
