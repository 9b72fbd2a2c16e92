"""Rounder numbers: a shorter run, times on whole seconds, durations that are short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshsim.scenario.schema import Scenario
from meshsim.units import MINUTE, MS, US, Duration, S

#: What a time is a multiple of when it is round; the roundest first.
_GRIDS_NS = (MINUTE, 10 * S, 5 * S, S, 500 * MS, 100 * MS, 10 * MS, MS, 100 * US)
#: Durations that people write; the shortest first.
_LADDER_NS = (*(step * MS for step in (1, 10, 100, 500)), *(step * S for step in (1, 2, 5, 10, 20, 30)), MINUTE)
#: Parts of a horizon that are tried, the shortest first.
_EIGHTHS = range(1, 8)


def horizon(scenario: Scenario) -> Iterator[Scenario]:
    """A run that ends earlier, at a round time."""
    now = int(scenario.horizon)
    grid = next((grid for grid in (10 * S, 5 * S, S, 100 * MS, 10 * MS) if now >= 4 * grid), MS)
    ends = sorted({-(-now * part // 8 // grid) * grid for part in _EIGHTHS} | {now - grid})
    for end in ends:
        if 0 < end < now:
            yield msgspec.structs.replace(scenario, horizon=Duration(end))


def times(scenario: Scenario) -> Iterator[Scenario]:
    """Faults and operations at rounder times, before and behind theirs."""
    for key, parts in (("faults", scenario.faults), ("operations", scenario.operations)):
        for index, part in enumerate(parts):
            for at in _rounder(part.at):
                yield _with(scenario, key, index, at=Duration(at))


def durations(scenario: Scenario) -> Iterator[Scenario]:
    """Whatever lasts a time in a fault lasts less, by the values that people write."""
    for index, fault in enumerate(scenario.faults):
        for name in fault.__struct_fields__:
            value = getattr(fault, name)
            if name == "at" or type(value) is not Duration:
                continue
            for shorter in (step for step in _LADDER_NS if step < value):
                yield _with(scenario, "faults", index, **{name: Duration(shorter)})
            for rounder in _rounder(value):
                if rounder < value:
                    yield _with(scenario, "faults", index, **{name: Duration(rounder)})


def _rounder(at: Duration | None) -> Iterator[int]:
    """The neighbours of a time on every grid that it is not on, coarse ones first."""
    for grid in _GRIDS_NS if at is not None else ():
        assert at is not None
        if at % grid == 0:
            return
        below = at // grid * grid
        yield from (below, below + grid) if below else (grid,)


def _with(scenario: Scenario, key: str, index: int, **changes: Any) -> Scenario:  # noqa: ANN401
    parts = list(getattr(scenario, key))
    parts[index] = msgspec.structs.replace(parts[index], **changes)
    return msgspec.structs.replace(scenario, **{key: parts})
