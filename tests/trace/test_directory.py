"""Names to ids and nodes, and back."""

from __future__ import annotations

import pytest
from trace_builder import AGENTS, CLIENT, COMMS, CONTROLLER, HOST_AGENTS, NODES, PROCS, TRAINERS, TraceBuilder

from meshsim.model.ids import ActorId, Node
from meshsim.trace.directory import Directory


@pytest.fixture
def directory() -> Directory:
    return Directory.of(TraceBuilder().bring_up().end(10))


NAMES = {
    "trainer[0]": TRAINERS[0],
    "trainer[1]": TRAINERS[1],
    "client": CLIENT,
    "host0.host_agent": HOST_AGENTS[0],
    "workers[1].proc_agent": AGENTS[1],
    "workers[1].comm": COMMS[1],
    "trainer.controller": CONTROLLER,
}


@pytest.mark.parametrize(("name", "actor"), NAMES.items())
def test_names_of_actors_lead_there_and_back(directory: Directory, name: str, actor: ActorId) -> None:
    """What a story prints can be typed into a scenario."""
    assert directory.actor(name) == actor
    assert directory.name_of_actor(actor) == name


def test_hosts_and_procs_stand_for_their_agents(directory: Directory) -> None:
    """`host0` as an actor is the one that answers for it."""
    assert directory.actor("host0") == HOST_AGENTS[0]
    assert directory.actor("workers[1]") == AGENTS[1]
    assert directory.actor("host1/workers_0") == AGENTS[1]


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("host0", "host0"),
        ("client", "client"),
        ("workers[1]", NODES[1]),
        ("trainer[1]", NODES[1]),
        ("host1/workers_0", NODES[1]),
        ("trainer.controller", "client"),
        ("host1.host_agent", "host1"),
    ],
)
def test_names_lead_to_the_node_that_things_live_in(directory: Directory, name: str, node: str) -> None:
    """Faults on processes take any of these."""
    assert directory.node(name) == node


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nobody",
        "trainer[2]",
        "trainer",
        "host0[0]",
        "trainer[1",
        "nobody.controller",
        "host0.engine",
        "[0]",
        "host0.comm",
    ],
)
def test_unknown_names_lead_nowhere(directory: Directory, name: str) -> None:
    """A fault with such a target is missed, not misdirected."""
    assert directory.actor(name) is None
    assert directory.node(name) is None


def test_names_of_nodes_are_those_of_procs(directory: Directory) -> None:
    """The mesh's name says more than the place; the world has none."""
    assert [directory.name_of_node(node) for node in ("host0", NODES[1], "client", "", "elsewhere")] == [
        "host0",
        "workers[1]",
        "client",
        "world",
        "elsewhere",
    ]


def test_before_the_spawn_a_proc_is_named_after_its_node() -> None:
    """Records come before the names; a directory that grows with them knows what could be known."""
    directory = Directory()
    for record in TraceBuilder().bring_up().records[:8]:
        directory.observe(record)
    assert directory.actor("workers[0]") is None
    assert directory.name_of_proc(PROCS[0]) == NODES[0]
    assert directory.name_of_actor(TRAINERS[0]) == "host0/workers_0.trainer"
    assert directory.node_of_actor(TRAINERS[0]) == Node(NODES[0])


def test_children_and_strangers_have_names_too(directory: Directory) -> None:
    """An actor of no mesh is named by its place; whoever is not of this world keeps its id."""
    child = ActorId(f"{PROCS[0]},helper-2ccccccccccc[3]")
    assert directory.name_of_actor(child) == "workers[0].helper[3]"
    assert directory.name_of_actor(ActorId("scenario")) == "scenario"
    assert directory.controller("workers") is None
    assert directory.mesh("nobody") is None


def test_texts_of_the_system_lose_their_ids(directory: Directory) -> None:
    """A line for people has no uuid and no address."""
    text = f"serving {TRAINERS[1]}: no route to {PROCS[0]} for trainer-1bbbbbbbbbbb (unix:@host0)"
    assert directory.shortened(text) == "serving trainer[1]: no route to workers[0] for trainer (unix:@host0)"
