"""Where two traces part, and what led there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from meshsim.trace.records import Record
from meshsim.trace.story import story


class Divergence(msgspec.Struct, frozen=True):
    """The first position at which two traces differ; a record is None where its trace has ended."""

    index: int
    left: Record | None
    right: Record | None
    #: What led to each of the two, oldest first, the record itself left out.
    left_story: tuple[Record, ...]
    right_story: tuple[Record, ...]


def first_divergence(left: Sequence[Record], right: Sequence[Record]) -> Divergence | None:
    """The first record in which two traces differ, with the story before it; None when they are equal."""
    for index, (a, b) in enumerate(zip_longest(left, right)):
        if a != b:
            return Divergence(index, a, b, _before(left, a), _before(right, b))
    return None


def _before(records: Sequence[Record], record: Record | None) -> tuple[Record, ...]:
    """What led to a record; for the missing one behind the end of a trace, what led to its last record."""
    if record is None:
        return tuple(story(records, records[-1].seq)) if records else ()
    return tuple(story(records, record.seq)[:-1])
