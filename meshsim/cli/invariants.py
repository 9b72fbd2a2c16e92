"""`meshsim invariants`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path

import msgspec

from meshsim.cli import PASSED
from meshsim.cli.console import out as say
from meshsim.cli.console import table
from meshsim.cli.errors import UsageError
from meshsim.cli.load import plans_of
from meshsim.oracle.invariants import INVARIANTS, Invariant
from meshsim.scenario.plan import Plan

#: Where scenarios are, seen from the folder that `meshsim` is called in.
_SHIPPED = Path("scenarios")
_JSON_SCHEMA = 1
_NONE = "-"

#: By invariant and quirk: the scenarios that break it, in the order of the plans.
Breaking = dict[str, dict[str, list[str]]]


def invariants(invariant: str | None = None, /, *, json: bool = False) -> int:
    """Say what must hold in every run: each invariant, and the quirks of the modelled system that break it.

    Parameters
    ----------
    invariant
        The id of one, such as `at-most-once`: what exactly it judges, what it excuses, and which scenarios of the
        folder `scenarios` break it.
    json
        One JSON object a line.
    """
    if invariant is not None and invariant not in INVARIANTS:
        raise UsageError(f"invariants: {invariant!r} is none; there are {', '.join(INVARIANTS)}")
    chosen = list(INVARIANTS.values()) if invariant is None else [INVARIANTS[invariant]]
    breaking = breaking_of(plans_of([_SHIPPED]) if _SHIPPED.is_dir() else [])
    if json:
        for each in chosen:
            say(_line(each, breaking[each.id]))
    elif invariant is None:
        rows = [(each.id, each.sentence, ", ".join(_suspects(each, breaking[each.id])) or _NONE) for each in chosen]
        table(("invariant", "what must hold", "quirks that may break it"), rows)
    else:
        _say(chosen[0], breaking[invariant])
    return PASSED


def breaking_of(plans: Iterable[Plan]) -> Breaking:
    """Which scenarios list which quirks as known to break which invariant; the quirks in the invariant's order."""
    breaking: Breaking = {each.id: {} for each in INVARIANTS.values()}
    for plan in plans:
        for known in plan.known:
            names = breaking[known.invariant].setdefault(known.quirk, [])
            if plan.scenario not in names:
                names.append(plan.scenario)
    for each in INVARIANTS.values():
        order = {quirk: index for index, quirk in enumerate(each.quirks)}
        quirks = sorted(breaking[each.id], key=lambda quirk: order.get(quirk, len(order)))
        breaking[each.id] = {quirk: breaking[each.id][quirk] for quirk in quirks}
    return breaking


def judged_of(invariant: type[Invariant]) -> str:
    """What exactly an invariant judges and excuses: its docstring, in paragraphs."""
    return inspect.cleandoc(invariant.__doc__ or "")


def _suspects(invariant: type[Invariant], breaking: dict[str, list[str]]) -> list[str]:
    """Quirks that may break it: those that it names itself, which needs no scenarios at hand, and those found here."""
    return list(dict.fromkeys((*invariant.quirks, *breaking)))


def _say(invariant: type[Invariant], breaking: dict[str, list[str]]) -> None:
    say(f"{invariant.id}: {invariant.sentence}")
    say(f"  needs: {invariant.needs}")
    for quirk, scenarios in breaking.items():
        say(f"  broken by {quirk} in {', '.join(scenarios)}")
    if others := [quirk for quirk in _suspects(invariant, breaking) if quirk not in breaking]:
        say(f"  may be broken by {', '.join(others)}, in no scenario here")
    say("")
    for line in judged_of(invariant).splitlines():
        say(f"  {line}".rstrip())


def _line(invariant: type[Invariant], breaking: dict[str, list[str]]) -> str:
    value = {
        "schema": _JSON_SCHEMA,
        "id": invariant.id,
        "sentence": invariant.sentence,
        "needs": invariant.needs,
        "judged": judged_of(invariant),
        "quirks": invariant.quirks,
        "broken_by": breaking,
    }
    return msgspec.json.encode(value).decode()
