"""Why a run was violated, in lines: what it needs, how the runs without that ended, and what led to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshsim.explore.causes import Chain
from meshsim.explore.why import Trial, Why
from meshsim.trace.directory import Directory
from meshsim.trace.records import Record
from meshsim.trace.story import render, time_text


def why_lines(why: Why, chain: Chain, records: Sequence[Record]) -> list[str]:
    """All of it, in three parts."""
    violation = why.violation
    lines = [f"{violation.invariant} ({violation.kind}) at {time_text(violation.at)}: {violation.message}", ""]
    lines += _needs(why)
    lines += ["", "What led to it (* is what the invariant names)"]
    lines += _told(chain, Directory.of(records))
    return lines


def needed_text(why: Why) -> str:
    """What the violation needs, in one sentence."""
    if not why.events:
        return "Nothing was injected: the scenario alone shows it."
    if not why.needed:
        return "None of the injected events is needed: without all of them it is still there."
    sets = [" and ".join(event.name for event in trial.without) for trial in why.needed]
    if len(why.needed[0].without) == 1:
        return f"Gone without {sets[0]} alone." if len(sets) == 1 else f"Gone without any of {', '.join(sets)}."
    words = f"Gone without {' or without '.join(sets)}; without no single event."
    return words if why.is_smallest else f"{words} Whether fewer are enough was not tried."


def _needs(why: Why) -> Iterator[str]:
    if why.events:
        yield "Injected, and how the run ended without each"
        everything, *alone = why.trials
        width = max(len(event.name) for event in why.events)
        for trial in alone:
            (event,) = trial.without
            yield f"  {event.name:<{width}}  {event.words}"
            yield f"  {'':<{width}}    without it {_outcome(trial)}"
        if len(alone) > 1:
            yield f"  without all of them {_outcome(everything)}"
    yield needed_text(why)
    if why.needed and len(why.needed[0].without) > 1:
        yield from (
            f"  without {' and '.join(e.name for e in trial.without)}: {_outcome(trial)}" for trial in why.needed
        )


def _outcome(trial: Trial) -> str:
    return f"{'gone' if trial.flips else 'still there'}: {trial.outcome}"


def _told(chain: Chain, directory: Directory) -> Iterator[str]:
    for place, link in enumerate(chain.links):
        if chain.hidden and place == chain.hidden_behind:
            yield f"       ({chain.hidden} records between)"
        mark = "*" if link.is_evidence else " "
        yield f"{mark} {place + 1:>2} {render(link.record, directory)}{_from(link.causes, link.found, place)}"


def _from(causes: Sequence[int], found: Sequence[int], place: int) -> str:
    """Where a record comes from, when that is not the line above it."""
    words = [f"from {cause + 1}" for cause in causes if cause != place - 1]
    words += [f"tells of {each + 1}" for each in found]
    return f"  ({', '.join(words)})" if words else ""
