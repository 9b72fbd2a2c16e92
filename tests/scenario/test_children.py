"""Parameters of a WrapperActor: what they have to be, and what they make known."""

import pytest

from meshsim.scenario.check import check
from meshsim.scenario.children import ChildrenOf, children_of
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Actors, Procs, Scenario, Topology
from meshsim.units import Duration, S

GOOD = {"procs": "workers", "child": "kids", "supervisor": "client"}


def scenario(params, **actors):
    wrapper = Actors(name="wrapper", procs="workers", actor="WrapperActor", params=params)
    topology = Topology(procs=[Procs(name="workers", per_host={"gpus": 2})], actors=[wrapper, *actors.values()])
    return Scenario(name="x", horizon=Duration(1 * S), topology=topology)


def test_children_are_a_mesh_of_the_scenario():
    """Expectations and faults may name them."""
    world = check(scenario(GOOD))

    assert (world.names["kids"].ranks, world.names["kids"].actor_type) == (2, "TestActor")
    assert world.wrappers == {"wrapper"}


def test_most_actors_have_no_children():
    assert children_of(Actors(name="a", procs="workers")) is None
    assert children_of(Actors(name="a", procs="workers", actor="WrapperActor")) is None
    assert children_of(Actors(name="a", procs="workers", actor="WrapperActor", params=GOOD)) == ChildrenOf(**GOOD)


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({**GOOD, "colour": "red"}, "params.colour: no such parameter (allowed: procs, child, supervisor)"),
        ({"procs": "workers", "child": "kids"}, "params.supervisor: expected a name, got nothing"),
        ({**GOOD, "child": 1}, "params.child: expected a name, got 1"),
        ({**GOOD, "child": "a-b"}, 'params.child: expected letters, digits and underscores, got "a-b"'),
        ({**GOOD, "procs": "client"}, "params.procs: expected a proc mesh"),
        ({**GOOD, "supervisor": "host0"}, "params.supervisor: expected a client or actor mesh"),
        ({**GOOD, "child": "wrapper"}, "params.name: the name of an actor mesh already"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params, error):
    with pytest.raises(ScenarioError) as caught:
        check(scenario(params))

    assert f"topology.actors[0].{error}" in str(caught.value)
