"""Rows of the page's tables, as text."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.report.latencies import KINDS, Latency, summaries
from meshsim.report.lives import Hearing, Life, lives_of
from meshsim.trace.records import Record
from meshsim.trace.story import time_text
from meshsim.units import format_duration

#: Ranks that the page tells of; those with a story first. Source: chosen here.
LIVES_MAX = 40


class LatencyRow(msgspec.Struct, frozen=True):
    """All latencies of one kind."""

    kind: str
    about: str
    count: str
    least: str
    median: str
    most: str
    closest: str
    over: str


class LifeRow(msgspec.Struct, frozen=True):
    rank: str
    proc: str
    begun: str
    ended: str
    end: str
    #: How long after the end who first heard of it, and how often; or who heard of it before.
    heard: str


class LivesView(msgspec.Struct, frozen=True):
    rows: tuple[LifeRow, ...]
    #: Ranks that the table leaves out.
    left_out: int


def latency_rows(latencies: Sequence[Latency]) -> list[LatencyRow]:
    """A row for each kind that was measured."""
    return [
        LatencyRow(
            kind=each.kind,
            about=KINDS[each.kind],
            count=str(each.count),
            least=format_duration(each.least_ns),
            median=format_duration(each.median_ns),
            most=format_duration(each.most_ns) if not each.over else "over",
            closest=f"{100 * each.closest:.0f} %" if not each.over else "over",
            over=str(each.over or ""),
        )
        for each in summaries(latencies)
    ]


def lives_view(records: Sequence[Record], rows_max: int = LIVES_MAX) -> LivesView:
    """The lives of a run's ranks; with too many ranks, those whose life was like that of most are left out first."""
    lives = lives_of(records)
    dull = {life.rank for life in lives if life.ended_ns is None and not life.heard} if len(lives) > rows_max else set()
    shown = sorted(lives, key=lambda life: life.rank in dull)[:rows_max]
    kept = {id(life) for life in shown}
    rows = tuple(_life_row(life) for life in lives if id(life) in kept)
    return LivesView(rows, len(lives) - len(rows))


def _life_row(life: Life) -> LifeRow:
    return LifeRow(
        rank=life.rank,
        proc=life.proc,
        begun="never" if life.begun_ns is None else time_text(life.begun_ns),
        ended="lives" if life.ended_ns is None else time_text(life.ended_ns),
        end=life.end,
        heard="; ".join(_heard_text(heard, life.ended_ns) for heard in life.heard) or "nobody",
    )


def _heard_text(heard: Hearing, ended_ns: int | None) -> str:
    """`client (owner) after 1.051s, 9 times`."""
    since = None if ended_ns is None else heard.first_ns - ended_ns
    when = f"at {time_text(heard.first_ns)}" if since is None or since < 0 else f"after {time_text(since)}"
    return f"{heard.listener} ({heard.role}) {when}" + (f", {heard.times} times" if heard.times > 1 else "")
