"""References as text and in order (mesh_model.md 3.2, 7)."""

import random

import pytest
from machines import MESH, actor_mesh, proc, proc_mesh

from meshsim.model.ids import PROC_AGENT, PortRef, actor_id
from meshsim.model.operations import ProcMeshRef
from meshsim.model.references import Address, AddressError, Transport, place_of_actor, place_of_port, place_of_proc
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.value_mesh import CardinalityError


def test_references_to_meshes_print_name_type_and_region():
    """The braces around the region of a proc mesh stand there as they are."""
    mesh = actor_mesh(2)
    part = mesh.procs.sliced(mesh.procs.region.range("hosts", 1), "second")

    assert str(mesh.procs) == "w-1procs111111{hosts=2/1}"
    assert str(part) == "w-1procs111111{1+hosts=1/1}"
    assert mesh.text("trainer::Trainer") == "a-1actors11111:trainer::Trainer@w-1procs111111{hosts=2/1}"


def test_a_proc_mesh_has_one_proc_for_each_rank():
    """mesh_model.md 2.2, below the table."""
    three = Region.of(Extent.of((("hosts", 3),)))

    with pytest.raises(CardinalityError) as caught:
        ProcMeshRef("w", MESH, three, proc_mesh(2).procs)

    assert str(caught.value) == "invalid mesh ref: expected 3 ranks, but contains 2 ranks"


@pytest.mark.parametrize(
    ("text", "transport", "is_remote"),
    [
        ("tcp:127.0.0.1:80", Transport.TCP, True),
        ("tcp:[::1]:80", Transport.TCP, True),
        ("tls:host:443", Transport.TLS, True),
        ("metatls:host.example:443", Transport.METATLS, True),
        ("unix:@abc", Transport.UNIX, False),
        ("unix:/tmp/socket", Transport.UNIX, False),
        ("local:7", Transport.LOCAL, False),
        ("sim:local:7", Transport.SIM, False),
        ("alias:dial_to=tcp:example:1;bind_to=tcp:0.0.0.0:1", Transport.ALIAS, False),
    ],
)
def test_addresses_are_read_and_written(text, transport, is_remote):
    address = Address.parse(text)

    assert (address.transport, address.transport.is_remote, str(address)) == (transport, is_remote, text)


def test_an_alias_is_dialled_at_one_address_and_served_at_another():
    assert Address.parse("alias:dial_to=tcp:example:1;bind_to=unix:@a").dial_to == Address.parse("tcp:example:1")
    assert Address.parse("unix:@a").dial_to is None


@pytest.mark.parametrize(
    "text",
    ["", "unix", "unix:", "ftp:host:1", "tcp:80", "tcp:host:port", "tcp:host:65536", "local:x", "alias:tcp:a:1"],
)
def test_texts_that_are_no_address_are_refused(text):
    with pytest.raises(AddressError, match=f": {text}$"):
        Address.parse(text)


def test_references_are_in_order_of_proc_name_pid_and_port():
    """What begins with a proc or an actor stands together behind it; numbers count as numbers."""
    ordered = [
        place_of_proc(proc(0)),
        place_of_actor(actor_id(proc(0), MESH)),
        place_of_port(PortRef(actor_id(proc(0), MESH), 1024)),
        place_of_port(PortRef(actor_id(proc(0), MESH), 10000)),
        place_of_actor(actor_id(proc(0), MESH, 9)),
        place_of_actor(actor_id(proc(0), MESH, 10)),
        place_of_actor(actor_id(proc(0), PROC_AGENT)),
        place_of_proc(proc(1)),
        place_of_actor(actor_id(proc(1), MESH)),
    ]
    shuffled = random.Random(3).sample(ordered, len(ordered))

    assert sorted(shuffled) == ordered
