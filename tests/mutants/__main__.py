"""Does the fast suite notice when the modelled system is broken? Many small breaks, one at a time.

    python -m tests.mutants [ID…] [--jobs N] [--out FILE]

Each mutant runs the whole suite in simulation under `fixed`, in a process of its own. Prints which scenarios and
invariants killed it. Exit code 1: the suite is not green without a mutant, fewer than 95 % were killed, one lives that
`mutants.toml` does not explain, one was killed that it says lives, or one is a canary that its invariant did not hear.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from rich.progress import track

from meshsim.cli.console import out, table
from tests.mutants.mutant import Mutant, load_mutants
from tests.mutants.trial import Kill, Trial

SUITE = "scenarios/fast"
#: Share of the mutants that must be killed. Source: issue 4.
KILLED_MIN = 0.95
#: Wall time of one trial, seconds: a healthy one takes three.
_TRIAL_S = 600.0


class Result(msgspec.Struct, frozen=True):
    """One mutant and what became of it."""

    mutant: Mutant
    trial: Trial

    @property
    def killed(self) -> bool:
        return bool(self.trial.kills)

    @property
    def by_invariants(self) -> list[str]:
        """Invariants that noticed it without being asked."""
        names = {name for kill in self.trial.kills for name in kill.violated}
        return sorted(name for name in names if "[" not in name)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("ids", nargs="*", help="only these mutants")
    parser.add_argument("--jobs", type=int, default=2, help="mutants that are tried at the same time")
    parser.add_argument("--out", type=Path, help="write the results here, a page in Markdown")
    options = parser.parse_args(arguments)
    mutants = load_mutants()
    unknown = [id for id in options.ids if id not in mutants]
    if unknown:
        parser.error(f"no such mutant: {', '.join(unknown)}")
    chosen = [mutants[id] for id in options.ids] or list(mutants.values())
    healthy = _trial("none")
    if healthy.kills:
        out(f"{SUITE} is not green without a mutant: {', '.join(_words(kill) for kill in healthy.kills)}")
        return 1
    with ThreadPoolExecutor(options.jobs) as pool:
        trials = track(pool.map(lambda mutant: _trial(mutant.id), chosen), "", len(chosen), transient=True)
        results = [Result(mutant, trial) for mutant, trial in zip(chosen, trials, strict=True)]
    _print(results)
    if options.out is not None:
        options.out.write_text("\n".join(_page(results)), encoding="utf-8")
    return 1 if _findings(results) else 0


def _trial(id: str) -> Trial:
    command = [sys.executable, "-m", "tests.mutants.trial", id, SUITE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TRIAL_S, check=False)
    if done.returncode:
        raise RuntimeError(f"the trial of {id} failed:\n{done.stderr}")
    return msgspec.json.decode(done.stdout, type=Trial)


def _words(kill: Kill) -> str:
    return f"{kill.scenario} ({', '.join(kill.violated) or kill.reason})"


def _findings(results: Iterable[Result]) -> list[str]:
    """What must not be."""
    results = list(results)
    found = [f"{each.mutant.id} lives, and nothing explains why" for each in results if _lives_unexplained(each)]
    found += [
        f"{each.mutant.id} was killed, and mutants.toml says that it lives"
        for each in results
        if each.killed and each.mutant.survives
    ]
    found += [
        f"{each.mutant.id} is the canary of {each.mutant.canary}, which stayed silent"
        for each in results
        if each.mutant.canary and each.mutant.canary not in each.by_invariants
    ]
    killed = sum(each.killed for each in results)
    if killed < KILLED_MIN * len(results):
        found.append(f"{killed} of {len(results)} killed, expected at least {KILLED_MIN:.0%}")
    return found


def _lives_unexplained(result: Result) -> bool:
    return not result.killed and not result.mutant.survives


def _print(results: Sequence[Result]) -> None:
    table(
        ("mutant", "killed by", "invariants", "first"),
        [
            (
                each.mutant.id,
                f"{len(each.trial.kills)} of {each.trial.runs} runs" if each.killed else "nobody",
                ", ".join(each.by_invariants) or "-",
                _words(each.trial.kills[0]) if each.killed else each.mutant.survives or "?",
            )
            for each in results
        ],
    )
    out()
    by_invariant = sum(bool(each.by_invariants) for each in results)
    killed = sum(each.killed for each in results)
    out(
        f"{len(results)} mutants: {killed} killed ({killed / len(results):.1%}), {by_invariant} of them by an invariant"
    )
    for line in _findings(results):
        out(line)


def _page(results: Sequence[Result]) -> list[str]:
    killed = sum(each.killed for each in results)
    lines = [
        "# Mutants",
        "",
        f"Made by `make mutants`: {killed} of {len(results)} killed by `{SUITE}` under `fixed`, in simulation.",
        "",
        "| mutant | what is broken | runs that notice | invariants that notice | first |",
        "|---|---|---:|---|---|",
    ]
    for each in results:
        first = _words(each.trial.kills[0]) if each.killed else f"**lives**: {each.mutant.survives or 'unexplained'}"
        cells = (
            f"`{each.mutant.id}`",
            each.mutant.about,
            str(len(each.trial.kills)),
            ", ".join(each.by_invariants),
            first,
        )
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return [*lines, ""]


if __name__ == "__main__":
    sys.exit(main())
