"""Ways to make a scenario smaller, as data: each yields candidates, those that would save most first.

A candidate need not be a valid scenario: whoever tries it checks it. But it must be smaller in an order that has an end,
so that trying comes to one: fewer things, a smaller world, a plainer kind, a rounder time, a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from meshsim.explore.shrinking.passes import dropping, fates, rounding, simpler, sizes
from meshsim.scenario.schema import Scenario


class Pass(msgspec.Struct, frozen=True):
    """One way to make a scenario smaller."""

    name: str
    candidates: Callable[[Scenario], Iterator[Scenario]]


#: In the order in which they are tried: what makes runs short and few comes first.
PASSES = (
    Pass("drop faults", dropping.faults),
    Pass("shorten the run", rounding.horizon),
    Pass("drop operations", dropping.operations),
    Pass("drop subscribers", dropping.subscribers),
    Pass("drop meshes", dropping.meshes),
    Pass("drop clients", dropping.clients),
    Pass("fewer hosts", sizes.hosts),
    Pass("fewer ranks", sizes.ranks),
    Pass("drop dimensions", sizes.dimensions),
    Pass("smaller groups", simpler.groups),
    Pass("single conditions", simpler.conditions),
    Pass("plainer kinds", simpler.kinds_of_faults),
    Pass("plainer parameters", simpler.parameters),
    Pass("single messages", fates.singled_out),
    Pass("drop decisions", dropping.decisions),
    Pass("shorter durations", rounding.durations),
    Pass("rounder times", rounding.times),
    Pass("drop settings", dropping.settings),
)
