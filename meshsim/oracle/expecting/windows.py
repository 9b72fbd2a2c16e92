"""Moments of a run, and the part of it that lies between two of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.faults.matching import Matcher
from meshsim.oracle.describing import hearing_of, moment_words
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import Moment, Window
from meshsim.oracle.expecting.heard import matching
from meshsim.trace.records import Record
from meshsim.units import format_duration


class VoidError(Exception):
    """A window begins or ends with something that never happened; the text says what."""


class Span(msgspec.Struct, frozen=True):
    """Records `after_seq` < seq < `before_seq`, made at `from_ns` <= at <= `until_ns`; the whole run by default."""

    after_seq: int = -1
    before_seq: int | None = None
    from_ns: int = 0
    until_ns: int | None = None

    def has(self, record: Record) -> bool:
        return (
            record.seq > self.after_seq
            and record.at >= self.from_ns
            and (self.before_seq is None or record.seq < self.before_seq)
            and (self.until_ns is None or record.at <= self.until_ns)
        )


def moment_record(moment: Moment, evidence: Evidence, records: Sequence[Record]) -> Record | None:
    """The record of a moment; none when it never came."""
    if moment.fault is not UNSET:
        found = evidence.strike_records.get(moment.fault, [])
    elif moment.record is not UNSET:
        matcher = Matcher(moment.record, moment.where, evidence.world.directory)
        found = [record for record in records if matcher.matches(record)]
    else:
        found = [record for record, _ in matching(hearing_of(moment), evidence)]
    return found[moment.count - 1] if len(found) >= moment.count else None


def span_of(window: Window | UnsetType, evidence: Evidence, records: Sequence[Record]) -> Span:
    """What a window stands for in this run.

    Raises:
        VoidError: what it begins or ends with never came.
    """
    if window is UNSET:
        return Span()
    begins = [
        _needed(edge, "from which the window counts", evidence, records)
        for edge in (_strike(window.after_fault), window.after)
        if edge is not UNSET
    ]
    ends = [
        _needed(edge, "before which the window ends", evidence, records)
        for edge in (_strike(window.before_fault), window.before)
        if edge is not UNSET
    ]
    from_ns = max([0 if window.from_ is UNSET else int(window.from_), *(record.at for record in begins)])
    untils = [record.at for record in ends]
    untils += [] if window.until is UNSET else [int(window.until)]
    untils += [] if window.within is UNSET else [from_ns + int(window.within)]
    return Span(
        after_seq=max((record.seq for record in begins), default=-1),
        before_seq=min((record.seq for record in ends), default=None),
        from_ns=from_ns,
        until_ns=min(untils, default=None),
    )


def _strike(fault: int | UnsetType) -> Moment | UnsetType:
    return UNSET if fault is UNSET else Moment(fault=fault)


def _needed(edge: Moment | UnsetType, what: str, evidence: Evidence, records: Sequence[Record]) -> Record:
    assert edge is not UNSET
    record = moment_record(edge, evidence, records)
    if record is None:
        never = "never struck" if edge.fault is not UNSET and edge.count == 1 else "never came"
        raise VoidError(f"{moment_words(edge)}, {what}, {never}")
    return record


def time_words(at_ns: int) -> str:
    return format_duration(at_ns)
