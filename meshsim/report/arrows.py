"""Messages of a timeline as arrows, from the lane that sends to the lane that takes.

Where there are too many to tell apart a timeline has ticks instead, where they arrive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from meshsim.model.messages import Envelope
from meshsim.trace.records import Record

#: Arrows that one figure shows. Source: chosen here; more are a thicket, also on a wide screen.
ARROWS_MAX = 90
#: Arrows between the same two lanes closer than this share of the width are one.
_SPACING = 1 / 200


class Arrow(msgspec.Struct, frozen=True):
    """One message, or several that nobody could tell apart. Lanes are counted from the top."""

    sent_ns: int
    arrived_ns: int
    from_lane: int
    to_lane: int


def arrows_of(records: Sequence[Record], lane_of: Mapping[str, int], ended_ns: int) -> tuple[Arrow, ...] | None:
    """The messages between different lanes, in order; None when they are too many.

    `lane_of` has the lanes of nodes and actors. An actor without one shows in that of its process; a message of what
    has no lane at all is left out.
    """
    by_seq = {record.seq: record for record in records}
    found: list[Arrow] = []
    last: dict[tuple[int, int], int] = {}
    for record in records:
        sent = by_seq.get(record.cause)
        if not isinstance(record.what, Envelope) or sent is None:
            continue
        from_lane = lane_of.get(record.what.sender, lane_of.get(sent.node))
        to_lane = lane_of.get(record.what.dest, lane_of.get(record.node))
        if from_lane is None or to_lane is None or from_lane == to_lane:
            continue
        before_ns = last.get((from_lane, to_lane))
        if before_ns is None or record.at - before_ns >= ended_ns * _SPACING:
            last[from_lane, to_lane] = record.at
            found.append(Arrow(sent.at, record.at, from_lane, to_lane))
            if len(found) > ARROWS_MAX:
                return None
    return tuple(found)
