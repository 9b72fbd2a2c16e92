"""The one way to cast: through the comm actor of rank 0, or straight to each rank.

Source: mesh_model.md 4.1, 4.2; supervision.md 10.2, 10.8.
"""

import msgspec
import pytest
from machines import CLIENT, CONFIG, MESH, actor, actor_mesh, agent, directly, proc, proc_mesh, to_agents

from meshsim.model.config import Config
from meshsim.model.ids import Name, PortRef, actor_id
from meshsim.model.messages import (
    ActorSpec,
    Cast,
    CastMessage,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    GetState,
    Work,
)
from meshsim.model.messaging.casting import CastError, actors_of, agents_of, cast
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.selection import Along, Everything, of_ranks
from meshsim.model.shapes.slice import Range

ROOT_COMM = actor_id(proc(0), "comm-1comm1111111")
DIRECT = Config.of({}, ("Q45",))
WORK = Work("step")
REPLY = PortRef(CLIENT, 1024)


def with_comm(ranks=3, region=None):
    """A mesh with comm actors, or a view of it: the procs of these ranks."""
    mesh = msgspec.structs.replace(proc_mesh(ranks), root_comm=ROOT_COMM)
    if region is None:
        return mesh
    procs = tuple(mesh.procs[rank] for rank in region.base_ranks())
    return msgspec.structs.replace(mesh, region=region, procs=procs, root_region=mesh.region)


def cast_of(actor_name, view, message, sizes=(3,), **keys):
    return Cast(Name(actor_name), CLIENT, Name(actor_name), view, sizes, message, **keys)


def test_a_cast_enters_at_the_comm_actor_of_rank_0():
    """One message, whoever it is for."""
    target = actors_of(msgspec.structs.replace(actor_mesh(3), procs=with_comm()))

    sent = cast(CLIENT, target, WORK, CONFIG)

    body = cast_of(MESH, with_comm().region, WORK)
    assert sent == [Envelope(CLIENT, ROOT_COMM, CastMessage(body, Everything()))]


def test_a_slice_enters_there_too():
    """Even if rank 0 is not among its ranks (4.2 step 4)."""
    mesh = with_comm()
    view = mesh.region.range("hosts", Range(1, 3))

    sent = cast(CLIENT, agents_of(with_comm(region=view)), WORK, CONFIG)

    body = cast_of("proc_agent", view, WORK)
    assert sent == [Envelope(CLIENT, ROOT_COMM, CastMessage(body, Along(Range(1, 3), Everything())))]


def test_the_tree_is_split_by_the_limit_of_the_configuration():
    sent = cast(CLIENT, agents_of(with_comm(4)), WORK, Config.of({"MAX_CAST_DIMENSION_SIZE": 2}))

    assert sent[0].message == CastMessage(cast_of("proc_agent", with_comm(4).region, WORK, (2, 2)), Everything())


def test_ranks_that_are_left_out_are_not_selected():
    mesh = with_comm()

    sent = cast(CLIENT, agents_of(mesh, (1,)), WORK, CONFIG)

    body = cast_of("proc_agent", mesh.region, WORK)
    assert sent == [Envelope(CLIENT, ROOT_COMM, CastMessage(body, of_ranks(mesh.region.slice, [0, 2])))]


def test_nobody_hears_of_a_cast_that_is_not_returnable():
    mesh = with_comm()

    sent = cast(CLIENT, agents_of(mesh), WORK, CONFIG, returnable=False)

    body = cast_of("proc_agent", mesh.region, WORK, returnable=False)
    assert sent == [Envelope(CLIENT, ROOT_COMM, CastMessage(body, Everything()), returnable=False)]


@pytest.mark.parametrize(("mesh", "config"), [(proc_mesh(3), CONFIG), (with_comm(), DIRECT)], ids=["no comm", "Q45"])
def test_without_comm_actors_each_rank_gets_its_own_message(mesh, config):
    """In view order, rank placeholders and headers filled in by the caster."""
    create = CreateOrUpdate(MESH, None, ActorSpec("TestActor"))

    assert cast(CLIENT, agents_of(mesh), WORK, config) == to_agents(CLIENT, WORK, 3)
    assert cast(CLIENT, agents_of(mesh, (1,)), create, config) == [
        directly(CLIENT, agent(rank), CreateOrUpdate(MESH, rank, ActorSpec("TestActor")), rank, 3) for rank in (0, 2)
    ]


def test_a_direct_cast_counts_the_ranks_of_its_view():
    """Not those of the root: rank 1 of the mesh is rank 0 of the slice."""
    view = with_comm().region.range("hosts", Range(1, 3))
    target = actors_of(msgspec.structs.replace(actor_mesh(3), procs=with_comm(region=view)))

    sent = cast(CLIENT, target, CreateOrUpdate(MESH, None, ActorSpec("TestActor")), DIRECT)

    assert [(each.dest, each.message.rank, each.cast_point) for each in sent] == [
        (actor(1), 0, "hosts=0/2"),
        (actor(2), 1, "hosts=1/2"),
    ]


@pytest.mark.parametrize(
    ("mesh", "config", "returnable"), [(proc_mesh(1), CONFIG, True), (with_comm(1), DIRECT, False)]
)
def test_a_late_answer_to_a_direct_cast_ends_who_answers_only_while_casts_are_to_go_through_comm_actors(
    mesh, config, returnable
):
    """10.4: a mesh that has none is exposed. With Q45 off every mesh would be, so nobody wants such an answer back."""
    for message in (GetState(MESH, REPLY), GetRankStatus(MESH, REPLY)):
        [sent] = cast(CLIENT, agents_of(mesh), message, config)

        assert sent.message.reply == PortRef(CLIENT, 1024, returnable)


def test_a_view_that_is_no_range_of_its_root_cannot_be_cast_to():
    """4.2 step 3, the text of it."""
    view = Region(("hosts",), 0, (2,), (3,))

    with pytest.raises(CastError) as caught:
        cast(CLIENT, agents_of(with_comm(4, view)), WORK, CONFIG)

    assert str(caught.value) == "error while casting message to proc_agent: value 6 not in slice"
    assert caught.value.debug == 'CastingError(Name("proc_agent"), value 6 not in slice)'


def test_the_agents_are_called_as_the_first_is():
    """10.8."""
    mesh = proc_mesh(2)
    first = msgspec.structs.replace(mesh.procs[0], agent=actor_id(proc(0), "mesh"))
    mesh = msgspec.structs.replace(mesh, procs=(first, mesh.procs[1]))

    sent = cast(CLIENT, agents_of(mesh), WORK, CONFIG)

    assert [each.dest for each in sent] == [actor_id(proc(rank), "mesh") for rank in (0, 1)]
    assert mesh.region == Region.of(Extent(("hosts",), (2,)))
