"""Where in time each record is drawn.

In virtual time handling takes no time, and a hundred records may have the same instant. Drawn there they would lie on
top of each other, with no room for an arrow to begin or end in. So the records of one instant are drawn side by side,
in their order and before the next instant begins: an effect is drawn after its cause, on whatever track.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from meshsim.trace.records import Record
from meshsim.units import US

#: The most that two records of one instant are drawn apart. Source: chosen here; to be seen, and far below a latency.
STEP_NS = 10 * US


def positions(records: Sequence[Record]) -> list[int]:
    """The drawn time of each record, by position, nanoseconds: rising, and its `at` for the first of an instant unless
    the instant before had more records than nanoseconds.
    """
    instants = [list(group) for _, group in groupby(records, lambda record: record.at)]
    drawn: list[int] = []
    for index, instant in enumerate(instants):
        at = instant[0].at
        room = instants[index + 1][0].at - at if index + 1 < len(instants) else len(instant) * STEP_NS
        step = max(1, min(STEP_NS, room // len(instant)))
        start = at if not drawn else max(at, drawn[-1] + 1)
        drawn += range(start, start + step * len(instant), step)
    return drawn
