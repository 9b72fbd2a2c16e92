"""Targets as scenario files write them: `host0`, `client`, `workers[2]`, `trainer[1]`."""

from __future__ import annotations

import re

import msgspec

_TARGET = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]{0,63})(?:\[(?P<rank>0|[1-9][0-9]{0,8})\])?\Z")


class TargetError(ValueError):
    """A text is not a target. `str()` says what was expected and what came."""


class Target(msgspec.Struct, frozen=True):
    """A host, a client or a mesh by name, or one member of a mesh by its rank."""

    name: str
    rank: int | None = None

    def __str__(self) -> str:
        return self.name if self.rank is None else f"{self.name}[{self.rank}]"


def parse_target(text: str) -> Target:
    """The target that a text names. Whether it exists is for the reader of the scenario to know.

    Raises:
        TargetError: neither `name` nor `name[rank]`.
    """
    match = _TARGET.match(text)
    if match is None:
        raise TargetError(f'expected a target such as "host0" or "trainer[1]", got {text!r}')
    rank = match["rank"]
    return Target(name=match["name"], rank=None if rank is None else int(rank))
