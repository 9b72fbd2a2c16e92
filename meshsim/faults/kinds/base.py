"""What every kind of fault has: whom it strikes, when, and how often."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.faults.conditions import Plain, Wanted
from meshsim.units import Duration, duration

__all__ = ["FaultBase", "Plain", "Rank", "Repeat", "When", "is_repeated", "targets_of"]

Rank = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Often = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Number = Annotated[int, msgspec.Meta(ge=0, le=10_000)]


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on trace records: `record` is the tag of the record's body, `where` its fields. Or `fault`: the first
    strike of another one.

    Keys of `where` are `node` or dotted paths into the body (`rank`, `mesh`, `envelope.message.type`). Actors and nodes
    may be written as targets (`trainer[1]`, `workers[0]`, `client`). Records are looked at as they come, from the
    beginning of the run, and those that faults made like all others: what was before `from` or `after_fault` is not
    counted.
    """

    record: str | UnsetType = UNSET
    where: dict[str, Wanted] = {}
    #: Instead of `record`: strike when this fault strikes, by its number in file order.
    fault: _Number | UnsetType = UNSET
    #: Strike at the n-th match.
    count: _Often = 1
    #: Strike at so many matches, from the n-th on; fewer are no mistake.
    times: _Often | UnsetType = UNSET
    #: Only what is recorded from this virtual time on counts.
    from_: Duration | UnsetType = msgspec.field(name="from", default=UNSET)
    #: Only what is recorded behind the first strike of this fault counts.
    after_fault: _Number | UnsetType = UNSET
    #: Strike this long after the match.
    after: Duration = duration(0)


class Repeat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fault strikes again: `times` in all, one period after the other."""

    times: Annotated[int, msgspec.Meta(ge=2, le=1_000_000)]
    every: Duration


class FaultBase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    #: `{path}` in it is what the record of `when` has there.
    target: str = ""
    #: Instead: several that it strikes at the same instant, in this order.
    targets: list[str] | UnsetType = UNSET
    #: Only so many of `targets`, drawn by the seed. A plan has those that were drawn.
    choose: _Often | UnsetType = UNSET
    at: Duration | None = None
    #: As much later as the seed draws, less than this. A plan has the time that was drawn.
    within: Duration | UnsetType = UNSET
    when: When | None = None
    repeat: Repeat | UnsetType = UNSET


def targets_of(fault: FaultBase) -> list[str]:
    """Everything that one strike is meant for."""
    return [fault.target] if fault.targets is UNSET else fault.targets


def is_repeated(fault: FaultBase) -> bool:
    """Whether it may strike more than once, so that its strikes need numbers."""
    return fault.repeat is not UNSET or (fault.when is not None and fault.when.times is not UNSET)
