"""What judging one expectation yields, and the words for numbers in it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.trace.records import Record


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with an expectation."""

    subject: str
    message: str
    #: Records that show it.
    records: tuple[int, ...] = ()
    #: Something good is missing, rather than something bad there.
    is_missing: bool = False
    #: Nothing can be said of the expectation, nor of its negation.
    is_void: bool = False


class Judged(msgspec.Struct, frozen=True):
    """All that is wrong with an expectation; and what shows that it is met, where nothing is."""

    subject: str
    problems: list[Problem] = []
    shown: tuple[int, ...] = ()


def void(subject: str, why: str) -> Judged:
    """Nothing can be said, as something did not happen."""
    return Judged(subject, [Problem(subject, why, is_missing=True, is_void=True)])


#: How often: exactly, at least, at most; each may be missing.
Limits = tuple[int | UnsetType | None, int | UnsetType | None, int | UnsetType | None]


def count_problem(count: int, limits: Limits) -> str:
    """`3 times, expected 1`, or nothing when the count is right; without any limit it is at least 1."""
    times, at_least, at_most = (None if limit is UNSET else limit for limit in limits)
    if times is None and at_least is None and at_most is None:
        at_least = 1
    if times is not None and count != times:
        return f"{times_words(count)}, expected {times}"
    if at_least is not None and count < at_least:
        return f"{times_words(count)}, expected at least {at_least}"
    if at_most is not None and count > at_most:
        return f"{times_words(count)}, expected at most {at_most}"
    return ""


def is_too_few(count: int, limits: Limits) -> bool:
    """Whether a wrong count is one that something is missing for."""
    times, _, at_most = limits
    if isinstance(times, int):
        return count < times
    return not isinstance(at_most, int) or count <= at_most


def times_words(count: int) -> str:
    return f"{count} time" if count == 1 else f"{count} times"


def seqs_of(records: Sequence[tuple[Record, object]]) -> tuple[int, ...]:
    return tuple(record.seq for record, _ in records)
