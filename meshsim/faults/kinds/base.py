"""What every kind of fault has: a target, and when it strikes."""

from __future__ import annotations

from typing import Annotated

import msgspec

from meshsim.units import Duration, duration

#: A value that a record's field must have; `type` and dotted paths select the field.
Plain = str | int | bool | None


Rank = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on trace records: `record` is the tag of the record's body, `where` its fields.

    Keys of `where` are `node` or dotted paths into the body (`rank`, `mesh`, `envelope.message.type`). Actors and nodes
    may be written as targets (`trainer[1]`, `workers[0]`, `client`).
    """

    record: str
    where: dict[str, Plain] = {}
    #: Strike at the n-th match.
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    #: Strike this long after the match.
    after: Duration = duration(0)


class FaultBase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    target: str
    at: Duration | None = None
    when: When | None = None
