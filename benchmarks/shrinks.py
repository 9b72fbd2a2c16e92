"""How small findings become, and how quickly: fifty findings of twelve faults around the plain scenarios.

    python -m benchmarks.shrinks [--findings 50] [--faults 12] [--out reports]

Aims: at most 3 faults in the median, under 5 s on one core, and 1-minimal: whatever fault or decision is left out of
what is left, the finding is gone. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from random import Random
from statistics import median
from time import process_time

import msgspec
from rich.progress import track

from meshsim.explore.finding import Finding, Signature, findings_of, signatures_of
from meshsim.explore.shrinking import Shrunk, shrunk
from meshsim.explore.shrinking.shrinker import planned
from meshsim.explore.space import Space
from meshsim.run import run_plan
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import Scenario

PLAIN = Path(__file__).parents[1] / "scenarios" / "explore"
#: Source: issue 6.
FAULTS_MAX, SECONDS_MAX = 3, 5.0
#: At least ten, says issue 6.
FAULTS = 12


class Row(msgspec.Struct):
    """One finding, shrunk."""

    finding: Finding
    small: Shrunk
    took_s: float
    #: Faults and decisions that could still go.
    could_go: int


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shrinks", description=__doc__)
    parser.add_argument("--findings", type=int, default=50)
    parser.add_argument("--faults", type=int, default=FAULTS)
    parser.add_argument("--out", type=Path, default=Path("reports"))
    options = parser.parse_args(arguments)
    drawn = list(islice(found(options.faults), options.findings))
    rows = [_shrunk(finding) for finding in track(drawn, "", transient=True)]
    lines = page(rows, options.faults)
    (options.out / "shrinking.md").write_text("\n".join(lines), encoding="utf-8")
    sys.stdout.write("\n".join(lines))
    return 1 if missed(rows) else 0


def found(faults: int = FAULTS) -> Iterator[Finding]:
    """One finding after the other, each with another signature and so many faults; always the same ones."""
    plans = [plan(load_scenarios(path)[0], 0) for path in sorted(PLAIN.glob("plain*.toml"))]
    worlds = [(each, Space.of(each)) for each in plans]
    seen: set[Signature] = set()
    for seed in count():
        world, space = worlds[seed % len(worlds)]
        case = msgspec.structs.replace(world, faults=space.draw(Random(seed), count=faults))
        result = run_plan(case, "sim")
        if len(case.faults) < faults:
            continue
        for finding in findings_of(case, result.records, result.verdict):
            if finding.signature not in seen:
                seen.add(finding.signature)
                yield finding


def _shrunk(finding: Finding) -> Row:
    started = process_time()
    small = shrunk(finding)
    took_s = process_time() - started
    could_go = sum(_shows(less, finding.signature) for less in _without_one(small.scenario))
    return Row(finding, small, took_s, could_go)


def _without_one(scenario: Scenario) -> Iterator[Scenario]:
    for key in ("faults", "decisions"):
        parts = getattr(scenario, key)
        for index in range(len(parts)):
            yield msgspec.structs.replace(scenario, **{key: parts[:index] + parts[index + 1 :]})


def _shows(scenario: Scenario, signature: Signature) -> bool:
    try:
        return signature in signatures_of(planned(scenario))
    except ScenarioError:
        return False


def missed(rows: Sequence[Row]) -> list[str]:
    """The aims that were missed."""
    aims = {
        f"at most {FAULTS_MAX} faults in the median": median(map(_left, rows)) <= FAULTS_MAX,
        f"under {SECONDS_MAX:g} s in the median": median(row.took_s for row in rows) < SECONDS_MAX,
        "1-minimal": not any(row.could_go or not row.small.is_minimal for row in rows),
    }
    return [aim for aim, is_met in aims.items() if not is_met]


def _left(row: Row) -> int:
    return len(row.small.scenario.faults) + len(row.small.scenario.decisions)


def page(rows: Sequence[Row], faults: int) -> list[str]:
    """The report, as Markdown."""
    left, took, runs = [_left(row) for row in rows], [row.took_s for row in rows], [row.small.runs for row in rows]
    return [
        "# Shrinking",
        "",
        f"{len(rows)} findings of {faults} faults each, around the plain scenarios, shrunk one after the other on one",
        f"core (Python {platform.python_version()}, `make shrinks`). Faults that are left include decisions.",
        "",
        "| | median | largest |",
        "|---|---|---|",
        f"| faults left, of {faults} | {median(left):g} | {max(left)} |",
        f"| CPU seconds | {median(took):.2f} | {max(took):.2f} |",
        f"| runs | {median(runs):g} | {max(runs)} |",
        "",
        f"Aims: at most {FAULTS_MAX} faults and under {SECONDS_MAX:g} s in the median, 1-minimal: "
        f"{'; '.join(f'missed: {each}' for each in missed(rows)) or 'all met'}.",
        "",
        "| finding | faults left | hosts | runs | CPU seconds |",
        "|---|---|---|---|---|",
        *(
            f"| {row.finding.signature} | {_left(row)} | {row.small.scenario.topology.hosts} | {row.small.runs} "
            f"| {row.took_s:.2f} |"
            for row in sorted(rows, key=lambda row: str(row.finding.signature))
        ),
        "",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
