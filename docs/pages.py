"""What the generated pages say: from the tables of the model, and from what `sections.toml` and
`reference_tests.toml` say holds them.

    model.md            each section and table of the specification: module, tests, scenarios
    machines.md         a diagram of every machine that has a table of transitions
    reference-tests.md  each test of the reference, and its like here
    bounds.md           bounds and rules of configuration, for the defaults
    coverage.md         transitions that scenarios reach, and why the others cannot be reached
    invariants.md       each invariant: what it judges, what breaks it, an example
    records.md          kinds of records and messages, with their fields
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

from docs.bounds_page import bounds_page
from docs.diagrams import machines_page
from docs.invariants import invariants_page
from docs.records import records_page
from meshsim.cli.coverage import both_ways, summary
from meshsim.cli.load import plans_of
from meshsim.run.charts import CHARTS, EVERY
from meshsim.run.tally import HOLES, tally
from meshsim.scenario.load import discover

ROOT = Path(__file__).parents[1]

_MADE = "*Made by `make docs`; a test compares it with what it is made from.*\n"
_DOCUMENTS = {
    "supervision": "Supervision and lifecycle (supervision.md)",
    "mesh_model": "Mesh data model and messaging (mesh_model.md)",
}

#: What a section is about, modules below meshsim/, and tests below tests/ or scenarios by name.
Section = tuple[str, list[str], list[str]]


def sections() -> dict[str, dict[str, Section]]:
    """`sections.toml`, by document and number."""
    data = tomllib.loads((ROOT / "docs" / "sections.toml").read_text(encoding="utf-8"))
    return {document: {number: tuple(entry) for number, entry in rows.items()} for document, rows in data.items()}


def reference_tests() -> dict[str, dict[str, tuple[str, list[str]]]]:
    """`reference_tests.toml`: by section, name of the reference's test -> (what it shows, what holds it here)."""
    data = tomllib.loads((ROOT / "docs" / "reference_tests.toml").read_text(encoding="utf-8"))
    return {section: {name: tuple(entry) for name, entry in rows.items()} for section, rows in data.items()}


def scenario_paths() -> dict[str, str]:
    """Every shipped scenario, by name: its path from the top of the repository."""
    return {path.stem: str(path.relative_to(ROOT)) for path in discover([ROOT / "scenarios"])}


def model_page() -> str:
    scenarios = scenario_paths()
    lines = [
        "# The specification, section by section",
        "",
        _MADE,
        "Where each numbered section and table of the two specifications of the modelled system is implemented, and",
        "what holds it: tests (below `tests/`) and scenarios (below `scenarios/`). Quirks are in `meshsim quirks`.",
    ]
    for document, rows in sections().items():
        lines += ["", f"## {_DOCUMENTS[document]}", "", "| Section | About | Module | Held by |", "|---|---|---|---|"]
        for number, (about, modules, held) in rows.items():
            where = ", ".join(_link(f"meshsim/{module}", module.removeprefix("model/")) for module in modules)
            lines.append(f"| {number} | {about} | {where} | {_holders(held, scenarios)} |")
    return "\n".join(lines) + "\n"


def reference_tests_page() -> str:
    scenarios = scenario_paths()
    lines = [
        "# Tests of the reference, and their like here",
        "",
        _MADE,
        "Each test that supervision.md 15.3 to 15.7 lists, by name: what it shows, and the scenario or test that shows",
        "the same here.",
    ]
    for section, rows in reference_tests().items():
        lines += ["", f"## {section}", "", "| Test | Shows | Held by |", "|---|---|---|"]
        lines += [f"| `{name}` | {shows} | {_holders(held, scenarios)} |" for name, (shows, held) in rows.items()]
    return "\n".join(lines) + "\n"


def coverage_page() -> str:
    found = tally(both_ways(plans_of([ROOT / "scenarios"])))
    lines = [
        "# Transitions that scenarios reach",
        "",
        _MADE,
        "Pairs of a state and an event, of the machines that must be covered whole. A machine was told the event while",
        "it was in the state, in some simulated run of the scenarios in `scenarios/`; `meshsim coverage --all` names",
        "the first one for each. The events of a process are the marks that its host asks for. A pair that no scenario",
        "can reach is excused by the first reason that fits.",
        "",
        "| Machine | Pairs | Reached | Unreachable | Holes |",
        "|---|---|---|---|---|",
        *(f"| {machine} | {' | '.join(map(str, counts))} |" for machine, *counts in summary(found)),
    ]
    lines += [f"\nHole: {row.machine}, {row.state}, {row.event}" for row in found.with_verdict(*HOLES)]
    for chart in CHARTS:
        lines += ["", f"## {chart.machine}", "", "| State | Event | Why not |", "|---|---|---|"]
        lines += [f"| {_any_of(excuse.states)} | {_any_of(excuse.events)} | {excuse.why} |" for excuse in chart.excuses]
    return "\n".join(lines) + "\n"


def _any_of(names: tuple[str, ...]) -> str:
    return "any" if names == EVERY else ", ".join(f"`{name}`" for name in names)


def _holders(held: list[str], scenarios: dict[str, str]) -> str:
    return ", ".join(_holder(name, scenarios) for name in held)


def _holder(name: str, scenarios: dict[str, str]) -> str:
    if name in scenarios:
        return _link(scenarios[name], name)
    file, _, test = name.partition("::")
    return _link(f"tests/{file}", f"{Path(file).name}::{test}" if test else file)


def _link(path: str, text: str) -> str:
    return f"[{text}](../{path})"


def missing() -> Iterator[str]:
    """What the two tables name that is not there, and entries that name nothing."""
    scenarios = scenario_paths()
    for document, rows in sections().items():
        for number, (about, modules, held) in rows.items():
            where = f"{document} {number}"
            if not (about and modules and held):
                yield f"{where}: nothing"
            yield from (f"{where}: {module}" for module in modules if not (ROOT / "meshsim" / module).is_file())
            yield from (f"{where}: {name}" for name in held if not _exists(name, scenarios))
    for section, tests in reference_tests().items():
        for test, (shows, held) in tests.items():
            if not (shows and held):
                yield f"{section} {test}: nothing"
            yield from (f"{section} {test}: {name}" for name in held if not _exists(name, scenarios))


def _exists(name: str, scenarios: dict[str, str]) -> bool:
    if name in scenarios:
        return True
    file, _, test = name.partition("::")
    path = ROOT / "tests" / file
    return path.is_file() and (not test or f"\ndef {test}(" in path.read_text(encoding="utf-8"))


PAGES: dict[str, Callable[[], str]] = {
    "model.md": model_page,
    "machines.md": machines_page,
    "bounds.md": bounds_page,
    "reference-tests.md": reference_tests_page,
    "coverage.md": coverage_page,
    "invariants.md": lambda: invariants_page(_MADE),
    "records.md": lambda: records_page(_MADE),
}
