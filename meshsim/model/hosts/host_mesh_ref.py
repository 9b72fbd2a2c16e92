"""References to host meshes as text: what one process prints and another one attaches to.

    test:local:3,local:4@2+replica=1/2,host=2/1     {name}:{address},{address}…@{region}

The name ends at the first colon, the addresses at the first `@` after it: an abstract unix address (`unix:@host0`)
can be printed, and is not read as what it was. The addresses are in the order of view ranks.

Source: mesh_model.md 7; supervision.md 15.5 (test_host_mesh_subset).
"""

from __future__ import annotations

import msgspec

from meshsim.model.ids import Name
from meshsim.model.names import parse_name
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.shape_text import parse_region
from meshsim.model.shapes.slice import Range

MISSING_NAME = "invalid host mesh ref: missing name"
MISSING_REGION = "invalid host mesh ref: missing region"


class HostMeshRefError(ValueError):
    """A text is no reference to a host mesh, or hosts do not fill a region."""


class HostMeshRef(msgspec.Struct, frozen=True):
    """The hosts of a mesh, or of a part of one, by their addresses."""

    name: Name
    region: Region
    hosts: tuple[str, ...]

    @classmethod
    def of(cls, name: Name, region: Region, hosts: tuple[str, ...]) -> HostMeshRef:
        """One host for each rank.

        Raises:
            HostMeshRefError: not one for each rank.
        """
        if region.num_ranks != len(hosts):
            raise HostMeshRefError(f"expected {region.num_ranks} hosts, got {len(hosts)}")
        return cls(name, region, hosts)

    def range(self, label: str, selected: Range | int) -> HostMeshRef:
        """The hosts of a part of it, along one dimension.

        Raises:
            ViewError: no such dimension, or nothing selected.
        """
        region = self.region.range(label, selected)
        ranks = self.region.remap(region)
        assert ranks is not None, "a range of a region is a subset of it"
        return HostMeshRef(self.name, region, tuple(self.hosts[rank] for rank in ranks))

    def __str__(self) -> str:
        return f"{self.name}:{','.join(self.hosts)}@{self.region}"


def parse_host_mesh_ref(text: str) -> HostMeshRef:
    """The reference that was printed so.

    Raises:
        HostMeshRefError: no colon, no `@` behind it, or not one address for each rank.
        InvalidNameError, InvalidUuidError: what is before the colon is no name.
        ShapeParseError, SliceError: what is behind the `@` is no region.
    """
    name, colon, rest = text.partition(":")
    if not colon:
        raise HostMeshRefError(MISSING_NAME)
    parse_name(name)
    hosts, mark, region = rest.partition("@")
    if not mark:
        raise HostMeshRefError(MISSING_REGION)
    return HostMeshRef.of(Name(name), parse_region(region), tuple(host.strip() for host in hosts.split(",")))
