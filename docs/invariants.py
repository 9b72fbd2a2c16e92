"""The page about invariants: their own words, what breaks them, and an example of each as a story.

Examples are those that tests/oracle holds (`tests/oracle/examples`).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from meshsim.cli.invariants import breaking_of, judged_of
from meshsim.cli.load import plans_of
from meshsim.model.quirks import DEFAULT_PROFILE, QUIRKS
from meshsim.oracle.invariants import INVARIANTS
from meshsim.trace.directory import Directory
from meshsim.trace.records import Record, RunStarted
from meshsim.trace.story import render

if TYPE_CHECKING:
    from examples import Example

_ROOT = Path(__file__).parents[1]


def invariants_page(made: str) -> str:
    """The whole page; `made` is the sentence that says where it comes from."""
    examples = _examples()
    breaking = breaking_of(plans_of([_ROOT / "scenarios"]))
    prologue = _prologue()
    lines = [
        "# What must hold in every run",
        "",
        made,
        "Every run is judged by these rules, whether its scenario asks for it or not, from its trace alone. A scenario",
        "can list a violation as `known` with the quirk that brings it about, and turn a rule off with `relax`.",
        "`meshsim invariants` prints the table, `meshsim invariants ID` one entry.",
        "",
        "Capital letters are times of the configuration (supervision.md 14): P poll frequency, A and H idle limits of",
        "actor and proc queries, O orphan timeout, W watchdog, S stop of an actor, C cleanup, X process exit, T host",
        "termination, D message delivery.",
        "",
        f"| Invariant | What must hold | Broken under `{DEFAULT_PROFILE}` by |",
        "|---|---|---|",
        *(
            f"| [{each.id}](#{each.id}) | {each.sentence} | {', '.join(breaking[each.id]) or 'nothing'} |"
            for each in INVARIANTS.values()
        ),
        "",
        "The examples are traces written by hand, of one small world that begins like this:",
        "",
        *_story(prologue, 0),
    ]
    for each in INVARIANTS.values():
        lines += ["", f"## {each.id}", "", f"**{each.sentence}**", "", f"Needs: {each.needs}", "", judged_of(each)]
        lines += ["", *_broken(breaking[each.id])]
        lines += _example(examples[each.id], prologue)
    return "\n".join(lines) + "\n"


def _broken(breaking: dict[str, list[str]]) -> list[str]:
    if not breaking:
        return [f"No shipped scenario breaks it under `{DEFAULT_PROFILE}`."]
    lines = [f"Broken under `{DEFAULT_PROFILE}` by", ""]
    for quirk, names in breaking.items():
        scenarios = ", ".join(f"[{name}](../{_path_of(name)})" for name in names)
        lines.append(f"- {quirk} ({QUIRKS[quirk].sentence}) in {scenarios}")
    return lines


def _example(example: Example, prologue: Sequence[Record]) -> list[str]:
    return [
        "",
        "Holds:",
        "",
        *_story(example.holds, _common(example.holds, prologue)),
        "",
        f"Breaks, with the finding *{example.finding}*:",
        "",
        *_story(example.breaks, _common(example.breaks, prologue)),
    ]


def _common(records: Sequence[Record], prologue: Sequence[Record]) -> int:
    """How many records a trace has in common with the beginning of all."""
    pairs = zip(records, prologue, strict=False)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), len(prologue))


def _story(records: Sequence[Record], start: int) -> list[str]:
    directory = Directory.of(records)
    told = [record for record in records[start:] if not isinstance(record.what, RunStarted)]
    return ["```text", *(render(record, directory).rstrip() for record in told), "```"]


def _path_of(scenario: str) -> str:
    path = next((_ROOT / "scenarios").rglob(f"{scenario}.toml"))
    return str(path.relative_to(_ROOT))


def _import_tests() -> None:
    """The examples and the builder of traces are modules of the tests."""
    place = str(_ROOT / "tests" / "oracle")
    if place not in sys.path:
        sys.path.insert(0, place)


def _examples() -> dict[str, Example]:
    _import_tests()
    from examples import EXAMPLES

    return EXAMPLES


def _prologue() -> list[Record]:
    _import_tests()
    from trace_builder import TraceBuilder

    return TraceBuilder().bring_up().records
