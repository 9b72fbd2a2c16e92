"""Text of references to host meshes (mesh_model.md 7; supervision.md 15.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.hosts.host_mesh_ref import HostMeshRef, HostMeshRefError, parse_host_mesh_ref
from meshsim.model.ids import InvalidNameError, Name
from meshsim.model.names import InvalidUuidError
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.shape_text import ShapeParseError

FOUR = Region.of(Extent.of((("replica", 2), ("host", 2))))


def test_host_mesh_subset():
    """The second replica: its addresses, in their order, and the region says which ranks they were."""
    hosts = parse_host_mesh_ref("test:local:1,local:2,local:3,local:4@replica=2/2,host=2/1")

    assert str(hosts.range("replica", 1)) == "test:local:3,local:4@2+replica=1/2,host=2/1"
    assert str(hosts.range("host", 1)) == "test:local:2,local:4@1+replica=2/2,host=1/1"


def test_host_mesh_ref_parse_roundtrip():
    """Addresses may be the same."""
    reference = HostMeshRef.of(Name("test"), FOUR, ("tcp:127.0.0.1:123",) * 4)

    assert parse_host_mesh_ref(str(reference)) == reference


@given(
    name=st.sampled_from(["test", "hosts-1JPwcyDCgEup"]),
    sizes=st.lists(st.integers(1, 3), max_size=3),
    address=st.sampled_from(["local:{}", "tcp:127.0.0.1:{}", "unix:/tmp/host{}", "metatls:host:{}"]),
)
def test_whatever_is_printed_is_read_again(name, sizes, address):
    """Whole meshes of any shape, and their parts."""
    region = Region.of(Extent.of(tuple((f"d{index}", size) for index, size in enumerate(sizes))))
    hosts = tuple(address.format(rank) for rank in range(region.num_ranks))
    whole = HostMeshRef.of(Name(name), region, hosts)
    parts = [whole.range(label, size - 1) for label, size in zip(region.labels, region.sizes, strict=True)]

    for reference in (whole, *parts):
        assert parse_host_mesh_ref(str(reference)) == reference


def test_an_abstract_unix_address_is_not_read_again():
    """The first `@` ends the addresses: one host becomes another one, several are an error."""
    one, two = (Region.of(Extent.of((("hosts", count),))) for count in (1, 2))
    text = str(HostMeshRef.of(Name("test"), one, ("unix:@host0",)))

    assert text == "test:unix:@host0@hosts=1/1"
    assert parse_host_mesh_ref(text).hosts == ("unix:",)
    with pytest.raises(ShapeParseError):
        parse_host_mesh_ref(str(HostMeshRef.of(Name("test"), two, ("unix:@host0", "unix:@host1"))))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("test", HostMeshRefError, "invalid host mesh ref: missing name"),
        ("test:local:1", HostMeshRefError, "invalid host mesh ref: missing region"),
        (":local:1@hosts=1/1", InvalidNameError, "invalid name: missing name"),
        ("test-0:local:1@hosts=1/1", InvalidUuidError, "invalid character '0' in ShortUuid"),
        ("test:local:1@hosts", ShapeParseError, "parse error: expected '=' but got end of input"),
        ("test:local:1@hosts=2/1", HostMeshRefError, "expected 2 hosts, got 1"),
    ],
)
def test_what_is_no_reference_is_an_error(text, error, message):
    with pytest.raises(error) as caught:
        parse_host_mesh_ref(text)

    assert str(caught.value) == message
