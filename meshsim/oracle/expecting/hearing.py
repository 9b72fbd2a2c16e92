"""What somebody hears, and never hears."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from meshsim.model.notes import Heard
from meshsim.oracle.describing import window_words
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import Hears, NeverHears
from meshsim.oracle.expecting.heard import matching
from meshsim.oracle.expecting.problems import (
    Judged,
    Limits,
    Problem,
    count_problem,
    is_too_few,
    seqs_of,
    times_words,
    void,
)
from meshsim.oracle.expecting.windows import VoidError, span_of, time_words
from meshsim.oracle.invariants.hearing import sentence_of
from meshsim.trace.records import Record
from meshsim.units import format_duration

#: Things heard that a message lists before it says "and so on".
_LISTED_MAX = 5


def judge_hears(expectation: Hears, evidence: Evidence, records: Sequence[Record]) -> Judged:
    """The number of matches in the window is `times`, or within the limits; without any of them at least one.

    With `within`, the first match behind the moment at which fault `fault` struck comes within that time.
    """
    listener = expectation.listener
    try:
        span = span_of(expectation.window, evidence, records)
    except VoidError as never:
        return void(listener, str(never))
    everywhere = matching(expectation, evidence)
    matches = [match for match in everywhere if span.has(match[0])]
    limits: Limits = (expectation.times, expectation.at_least, expectation.at_most)
    if problem := count_problem(len(matches), limits):
        message = f"{listener} heard {_described(expectation)} {problem}{_instead(expectation, evidence, everywhere)}"
        shown = matches or everywhere
        return Judged(listener, [Problem(listener, message, seqs_of(shown), is_too_few(len(matches), limits))])
    late = (
        [] if expectation.within is None or not matches else _late(expectation, evidence, matches, expectation.within)
    )
    return Judged(listener, late, seqs_of(matches))


def judge_never_hears(expectation: NeverHears, evidence: Evidence, records: Sequence[Record]) -> Judged:
    """Nothing in the window matches."""
    listener = expectation.listener
    try:
        span = span_of(expectation.window, evidence, records)
    except VoidError as never:
        return void(listener, str(never))
    matches = [match for match in matching(expectation, evidence) if span.has(match[0])]
    if not matches:
        return Judged(listener)
    said = sentence_of(evidence.world, matches[0][1])
    message = f"{listener} heard {_described(expectation)} {times_words(len(matches))}, expected never: {said}"
    return Judged(listener, [Problem(listener, message, seqs_of(matches))])


def _late(expectation: Hears, evidence: Evidence, matches: list[tuple[Record, Heard]], within_ns: int) -> list[Problem]:
    struck = evidence.struck.get(expectation.fault)
    if struck is None:
        message = f"fault {expectation.fault}, from which `within` counts, never struck"
        return [Problem(expectation.listener, message, is_missing=True, is_void=True)]
    first = next((record for record, _ in matches if record.seq > struck.seq), None)
    if first is not None and first.at - struck.at <= within_ns:
        return []
    when = "never after it" if first is None else f"after {format_duration(first.at - struck.at)}"
    message = (
        f"{expectation.listener} heard {_described(expectation)} {when}, "
        f"expected within {format_duration(within_ns)} of fault {expectation.fault}"
    )
    return [Problem(expectation.listener, message, (struck.seq, *seqs_of(matches)), is_missing=True)]


def _described(expectation: Hears | NeverHears) -> str:
    """The keys of a hearing in words: `trainer rank 2 Failed "Killed"`, `anything`."""
    words = [] if expectation.mesh is None else [expectation.mesh]
    words += [] if expectation.rank is None else [f"rank {expectation.rank}"]
    words += [] if expectation.status is None else [expectation.status]
    words += [] if expectation.text is None else [f'"{expectation.text}"']
    words += [] if expectation.text_is is UNSET else [f'exactly "{expectation.text_is}"']
    words += [] if expectation.text_matches is UNSET else [f"/{expectation.text_matches}/"]
    words += [] if expectation.role is None else [f"as {expectation.role}"]
    window = window_words(expectation.window).removeprefix(", ")
    return (" ".join(words) or "anything") + (f" ({window})" if window else "")


def _instead(expectation: Hears, evidence: Evidence, everywhere: list[tuple[Record, Heard]]) -> str:
    """What was heard in place of it: the same at other times, or else."""
    if expectation.window is not UNSET and everywhere:
        times = ", ".join(time_words(record.at) for record, _ in everywhere[:_LISTED_MAX])
        return f"; in the whole run {times_words(len(everywhere))}, at {times}"
    return "" if everywhere else f"; it heard: {_all_heard(expectation, evidence)}"


def _all_heard(expectation: Hears, evidence: Evidence) -> str:
    listener = evidence.world.directory.actor(expectation.listener)
    heard = list(
        dict.fromkeys(sentence_of(evidence.world, heard) for _, heard in evidence.heard if heard.listener == listener)
    )
    if not heard:
        return "nothing"
    more = "; …" if len(heard) > _LISTED_MAX else ""
    return "; ".join(heard[:_LISTED_MAX]) + more
