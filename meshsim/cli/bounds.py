"""`meshsim bounds`, and the warnings that `run` and `check` print about configurations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from meshsim.cli import PASSED
from meshsim.cli.console import err, out, table
from meshsim.cli.errors import UsageError
from meshsim.cli.load import plans_of
from meshsim.model.quirks import ProfileName
from meshsim.oracle.bounds import COUNTS, SYMBOLS
from meshsim.oracle.derivation import Bound
from meshsim.report.margins import margin_words
from meshsim.run import read_run
from meshsim.scenario.bounding import Group, bounds_of, config_of, warnings_of
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, plan_label
from meshsim.units import format_duration

#: Version of the lines that `--json` prints.
JSON_SCHEMA = 1

#: Files whose warnings are printed one by one; of more, one line for each rule. Source: chosen here.
_FILES_MAX = 3


def bounds(
    path: Path | None = None,
    /,
    *,
    run: Path | None = None,
    variant: str | None = None,
    profile: ProfileName | None = None,
    json: bool = False,
) -> int:
    """Say how long things may take at most in a scenario, and why.

    Each bound is a sum: in the letters of the specification, with the numbers of this configuration, and the section
    it comes from. Rules of configuration that are broken follow, those that the defaults break included.

    Parameters
    ----------
    path
        A scenario file, or a folder of them.
    run
        Instead: the directory of one run, and how close it came to its bounds.
    variant
        Only the variant of the scenario's matrix with this label, e.g. `poll=1s`.
    profile
        The bounds under this profile instead of the file's.
    json
        One JSON object a line: one for each variant, or one for each margin of a run.
    """
    if (path is None) == (run is None):
        raise UsageError("bounds: expected a scenario, or --run with the directory of a run")
    if run is not None:
        return _print_margins(run, json=json)
    assert path is not None, "one of the two is there"
    plans = {(plan.source, plan_label(plan)): plan for plan in plans_of([path], variant=variant, profile=profile)}
    for number, plan in enumerate(plans.values()):
        if json:
            out(msgspec.json.encode(_value(plan)).decode())
            continue
        if number:
            out()
        _print(plan)
    return PASSED


def warn(plans: Sequence[Plan]) -> None:
    """Name on standard error the rules of configuration that scenarios break and the defaults do not, or not as much.

    Of few files each warning is a line, and the last line says what their letters are; of many each rule is one.
    """
    lines: dict[str, str] = {}
    sources: dict[str, dict[str, str]] = {}
    for plan in {(each.source, plan_label(each)): each for each in plans}.values():  # Seeds change nothing.
        for warning in warnings_of(plan):
            if not warning.by_default:
                lines.setdefault(f"{plan.source}: warning: {warning.text}", warning.formula)
                numbers = sources.setdefault(f"{warning.rule}: {warning.sentence}", {})
                numbers.setdefault(plan.source, warning.numbers)
    if len({source for found in sources.values() for source in found}) <= _FILES_MAX:
        for line in lines:
            err(line)
        letters = _attributes(" ".join(lines.values()))
        if letters:
            err(f"warning: {', '.join(f'{letter} is {name}' for letter, name in letters.items())}")
        return
    for rule, found in sources.items():
        source, those = next(iter(found.items()))
        more = f", and {len(found) - 1} more: `meshsim bounds FILE` has their numbers" if len(found) > 1 else ""
        err(f"warning: {rule} Not so in {source}: {those}{more}")


def _print(plan: Plan) -> None:
    out(f"{plan_label(plan)}, profile {plan.profile}  ({plan.source})")
    groups = bounds_of(plan)
    for group in groups:
        out()
        out(group.title)
        table(
            ("bound", "at most", "formula", "with numbers", "section", "not with"),
            [_row(bound) for bound in group.bounds],
            right=("at most",),
        )
    out()
    table(("letter", "value", "what it is"), _letters(plan, groups), right=("value",))
    warnings = warnings_of(plan)
    if warnings:
        out()
        out("rules that are broken")
    for warning in warnings:
        out(f"  {warning.text}{'; so by default' if warning.by_default else ''}")


def _row(bound: Bound) -> tuple[str, ...]:
    return (
        bound.id,
        format_duration(bound.total_ns),
        bound.formula,
        bound.numbers,
        bound.source,
        ", ".join(bound.holes),
    )


def _letters(plan: Plan, groups: Sequence[Group]) -> list[tuple[str, str, str]]:
    """The letters of these bounds: attributes with their values, then what is counted."""
    used = " ".join(bound.formula for group in groups for bound in group.bounds)
    config = config_of(plan)
    attributes = [(letter, format_duration(getattr(config, name)), name) for letter, name in _attributes(used).items()]
    return attributes + [(letter, "", about) for letter, about in COUNTS.items() if letter in _words(used)]


def _attributes(formulas: str) -> dict[str, str]:
    """The attributes of the configuration that formulas name, by letter."""
    return {letter: name.lower() for letter, name in SYMBOLS.items() if letter in _words(formulas)}


def _words(formulas: str) -> set[str]:
    return set(formulas.replace("(", " ").replace(")", " ").replace(",", " ").split())


def _value(plan: Plan) -> dict[str, Any]:
    config = config_of(plan)
    return {
        "schema": JSON_SCHEMA,
        "scenario": plan.scenario,
        "variant": variant_label(plan.variant),
        "source": plan.source,
        "profile": plan.profile,
        "config_ns": {letter: getattr(config, name.lower()) for letter, name in SYMBOLS.items()},
        "groups": [
            {"title": group.title, "bounds": [_bound_value(bound) for bound in group.bounds]}
            for group in bounds_of(plan)
        ],
        "warnings": warnings_of(plan),
    }


def _bound_value(bound: Bound) -> dict[str, Any]:
    computed = {"formula": bound.formula, "numbers": bound.numbers, "total_ns": bound.total_ns}
    return msgspec.structs.asdict(bound) | computed


def _print_margins(run: Path, *, json: bool) -> int:
    margins = read_run(run).verdict.margins
    for margin in margins:
        if json:
            out(msgspec.json.encode({"schema": JSON_SCHEMA, **msgspec.structs.asdict(margin)}).decode())
        else:
            out(f"{margin_words(margin)}, record {margin.record}")
    if not margins and not json:
        out("nothing in this run had a bound")
    return PASSED
