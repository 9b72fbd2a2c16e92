"""What each strategy finds unaided: the plain scenarios, the full menu of faults, some minutes of all cores each.

    python -m benchmarks.explorations [--minutes 10] [--jobs 2] [--profile 2026-03] [--out reports]

Nothing here knows the quirks: findings are told apart by signature, shrunk, and only then asked which quirks they are
of, by turning those off one at a time. Writes `explorations.md` and `explorations.json` (with another profile than the
usual one `explorations-PROFILE`), and every finding as a scenario file below `--keep`.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from meshsim.explore.explorer import Exploration, Task, explore
from meshsim.explore.finding import Finding, Signature
from meshsim.explore.strategies import STRATEGIES
from meshsim.explore.understanding import NotUnderstood, Understood, understand
from meshsim.model.quirks import DEFAULT_PROFILE, QUIRKS
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import plan, with_profile

PLAIN = Path(__file__).parents[1] / "scenarios" / "explore"
SCENARIOS = ("plain", "plain-stopped", "plain-slice")

#: Source: issue 6.
QUIRKS_AIM, FAULTS_AIM = 30, 3


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy did."""

    strategy: str
    runs: int
    seconds: float
    outcomes: dict[str, int]
    coverage: int
    lost: list[str]
    #: Its findings: number of the run and wall seconds of the first, by signature.
    first: dict[str, tuple[int, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explorations", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", default=DEFAULT_PROFILE)
    parser.add_argument("--out", type=Path, default=Path("reports"))
    parser.add_argument("--keep", type=Path, default=Path("out/explorations"))
    options = parser.parse_args(arguments)
    plans = tuple(
        with_profile(plan(load_scenarios(PLAIN / f"{name}.toml")[0], 0), options.profile) for name in SCENARIOS
    )
    load = os.getloadavg()[0]
    shares: list[Share] = []
    found: dict[Signature, Finding] = {}
    for name in STRATEGIES:
        task = Task(plans=plans, strategy=name, seed=options.seed, time_s=60 * options.minutes, jobs=options.jobs)
        result = explore(task)
        shares.append(_share(name, result))
        for signature, each in result.found.items():
            found.setdefault(signature, each.finding)
        _say(f"{name}: {result.runs} runs, {len(result.found)} findings, {len(found)} by all so far")
    small = understand(
        list(found.values()), jobs=options.jobs, tell=lambda done: _say(f"{done} of {len(found)} shrunk")
    )
    lines = page(shares, small, options, load)
    name = "explorations" if options.profile == DEFAULT_PROFILE else f"explorations-{options.profile}"
    (options.out / f"{name}.md").write_text("\n".join(lines), encoding="utf-8")
    numbers = {"shares": shares, "findings": [_numbers(each) for each in small]}
    (options.out / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=1) + b"\n")
    options.keep.mkdir(parents=True, exist_ok=True)
    for each in small:
        if isinstance(each, Understood):
            (options.keep / f"{each.name}.toml").write_text(each.text, encoding="utf-8")
    sys.stdout.write("\n".join(lines))
    return 0


def _share(name: str, result: Exploration) -> Share:
    return Share(
        strategy=name,
        runs=result.runs,
        seconds=result.elapsed_s,
        outcomes=result.outcomes,
        coverage=len(result.coverage),
        lost=[f"run {lost.run} of {lost.scenario}: {lost.why}" for lost in result.lost],
        first={str(signature): (each.run, each.after_s) for signature, each in result.found.items()},
    )


def page(
    shares: Sequence[Share],
    small: Sequence[Understood | NotUnderstood],
    options: argparse.Namespace,
    load: float,
) -> list[str]:
    """The report in lines of Markdown."""
    done = [each for each in small if isinstance(each, Understood)]
    quirks = {str(each.signature): each.quirks.quirks for each in done}
    named = sorted({quirk for of in quirks.values() for quirk in of}, key=list(QUIRKS).index)
    of_none = [each for each in done if not each.quirks.quirks]
    lines = [
        f"# What exploring finds under `{options.profile}`",
        "",
        f"Three plain scenarios ({', '.join(f'`{name}`' for name in SCENARIOS)}), the full menu of faults, "
        f"{options.minutes:g} minutes on {options.jobs} cores for each strategy, seed {options.seed}. Made by "
        f"`python -m benchmarks.explorations --minutes {options.minutes:g} --jobs {options.jobs} --profile "
        f"{options.profile}` (Python {platform.python_version()}, load {load:.1f} before it began). Nobody told it of "
        "quirks: findings are told apart by signature, shrunk, and then asked which quirks they are of, by turning "
        "those off.",
        "",
        "| strategy | runs | runs/s | violated | findings | quirk ids | of no quirk | features reached | lost |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for share in shares:
        own = {quirk for signature in share.first for quirk in quirks.get(signature, ())}
        none = sum(1 for each in of_none if str(each.signature) in share.first)
        lines.append(
            f"| `{share.strategy}` | {share.runs:,} | {share.runs / share.seconds:.0f} "
            f"| {share.outcomes.get('violated', 0):,} | {len(share.first)} | {len(own)} | {none} "
            f"| {share.coverage:,} | {len(share.lost)} |"
        )
    faults = [each.faults for each in done]
    lines += [
        "",
        f"Together {len(small)} distinct findings, of {len(named)} quirk ids (aim: {QUIRKS_AIM}): {', '.join(named)}.",
    ]
    if faults:
        over = sum(1 for count in faults if count > FAULTS_AIM)
        lines.append(
            f"Shrunk to {median(faults):g} faults in the median, {max(faults)} at most; {over} need more than "
            f"{FAULTS_AIM}. Shrinking one took {median(each.took_s for each in done):.1f} s in the median."
        )
    lines += ["", "| finding | first in run (s) | faults | decisions | quirks |", "|---|---|--:|--:|---|"]
    for each in done:
        first = ", ".join(
            f"{share.strategy} {share.first[str(each.signature)][0]} ({share.first[str(each.signature)][1]:.0f} s)"
            for share in shares
            if str(each.signature) in share.first
        )
        lines.append(f"| {each.signature} | {first} | {each.faults} | {each.decisions} | {each.quirks} |")
    lines += ["", *(f"Not shrunk: {each.signature}: {each.why}." for each in small if isinstance(each, NotUnderstood))]
    lines += [f"Lost, {share.strategy}: {lost}." for share in shares for lost in share.lost]
    return [*lines, ""]


def _numbers(each: Understood | NotUnderstood) -> dict[str, object]:
    if isinstance(each, NotUnderstood):
        return {"signature": str(each.signature), "why": each.why}
    return {
        "signature": str(each.signature),
        "faults_before": each.faults_before,
        "faults": each.faults,
        "decisions": each.decisions,
        "is_minimal": each.is_minimal,
        "quirks": each.quirks.quirks,
        "together": each.quirks.together,
        "runs": each.runs,
        "seconds": each.took_s,
        "trouble": each.trouble,
    }


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
