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
from meshsim.explore.strategies import STRATEGIES
from meshsim.explore.understanding import Lead, NotUnderstood, Understood, understand
from meshsim.model.quirks import DEFAULT_PROFILE, SWITCHES
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import plan, with_profile

PLAIN = Path(__file__).parents[1] / "scenarios" / "explore"
SCENARIOS = ("plain", "plain-stopped", "plain-slice")

#: Source: issue 6.
QUIRKS_AIM, FAULTS_AIM = 30, 3
#: In how many ways each finding is shrunk, if faults of so many kinds came to it. Source: chosen here.
WAYS = 4


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one strategy did."""

    strategy: str
    runs: int
    seconds: float
    outcomes: dict[str, int]
    coverage: int
    lost: tuple[str, ...]
    #: Its findings: number of the run and wall seconds of the first, by signature.
    first: dict[str, tuple[int, float]]
    #: Each of them in its smallest form, in each way that was found.
    small: tuple[Understood | NotUnderstood, ...]

    @property
    def done(self) -> tuple[Understood, ...]:
        return tuple(each for each in self.small if isinstance(each, Understood))

    @property
    def quirks(self) -> frozenset[str]:
        return frozenset(quirk for each in self.done for quirk in each.quirks.quirks)


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
    options.out.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    shares: list[Share] = []
    for name in STRATEGIES:
        task = Task(plans=plans, strategy=name, seed=options.seed, time_s=60 * options.minutes, jobs=options.jobs)
        result = explore(task)
        _say(f"{name}: {result.runs} runs, {len(result.found)} findings")
        leads = [Lead(each.finding, tuple(each.others.cases)) for each in result.found.values()]
        small = understand(leads, ways=WAYS, jobs=options.jobs)
        shares.append(_share(name, result, small))
        _keep(shares[-1], options.keep)
        _say(f"{name}: {len(small)} ways, {len(shares[-1].quirks)} quirks")
    lines = page(shares, options, load)
    name = "explorations" if options.profile == DEFAULT_PROFILE else f"explorations-{options.profile}"
    (options.out / f"{name}.md").write_text("\n".join(lines), encoding="utf-8")
    numbers = [{**msgspec.to_builtins(_without(each)), "ways": list(map(_numbers, each.small))} for each in shares]
    (options.out / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(numbers), indent=1) + b"\n")
    sys.stdout.write("\n".join(lines))
    return 0


def _share(name: str, result: Exploration, small: Sequence[Understood | NotUnderstood]) -> Share:
    return Share(
        strategy=name,
        runs=result.runs,
        seconds=result.elapsed_s,
        outcomes=result.outcomes,
        coverage=len(result.coverage),
        lost=tuple(f"run {lost.run} of {lost.scenario}: {lost.why}" for lost in result.lost),
        first={str(signature): (each.run, each.after_s) for signature, each in result.found.items()},
        small=tuple(small),
    )


def _keep(share: Share, folder: Path) -> None:
    """Its findings as scenario files, as soon as they are known: another strategy takes as long again."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in share.done:
        (folder / f"{each.name}.toml").write_text(each.text, encoding="utf-8")


def page(shares: Sequence[Share], options: argparse.Namespace, load: float) -> list[str]:
    """The report in lines of Markdown."""
    named = sorted({quirk for share in shares for quirk in share.quirks}, key=list(SWITCHES).index)
    distinct = {signature for share in shares for signature in share.first}
    lines = [
        f"# What exploring finds under `{options.profile}`",
        "",
        f"Three plain scenarios ({', '.join(f'`{name}`' for name in SCENARIOS)}), the full menu of faults, "
        f"{options.minutes:g} minutes on {options.jobs} cores for each strategy, seed {options.seed}. Made by "
        f"`python -m benchmarks.explorations --minutes {options.minutes:g} --jobs {options.jobs} --profile "
        f"{options.profile}` (Python {platform.python_version()}, load {load:.1f} before it began). Nobody told it of "
        f"quirks: findings are told apart by signature, shrunk in up to {WAYS} ways if faults of other kinds led to "
        "them, and then asked which quirks they are of, by turning those off.",
        "",
        "| strategy | runs | runs/s | violated | findings | quirk ids | of no quirk | features reached | lost |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for share in shares:
        of_none = {str(each.signature) for each in share.done if not each.quirks.quirks}
        lines.append(
            f"| `{share.strategy}` | {share.runs:,} | {share.runs / share.seconds:.0f} "
            f"| {share.outcomes.get('violated', 0):,} | {len(share.first)} | {len(share.quirks)} | {len(of_none)} "
            f"| {share.coverage:,} | {len(share.lost)} |"
        )
    aim = f" (aim: {QUIRKS_AIM})" if options.profile == DEFAULT_PROFILE else ""
    quirks = f"{len(named)} quirk ids{aim}{': ' if named else ''}{', '.join(named)}"
    lines += ["", "A run is violated also where a fault made an operation fail, which is no finding."]
    lines += ["", f"Together {len(distinct)} distinct findings, of {quirks}."]
    faults = [each.faults for share in shares for each in share.done]
    if faults:
        over = sum(1 for count in faults if count > FAULTS_AIM)
        took_s = median(each.took_s for share in shares for each in share.done)
        lines.append(
            f"Shrunk to {median(faults):g} faults in the median, {max(faults)} at most; {over} need more than "
            f"{FAULTS_AIM}. Shrinking one took {took_s:.1f} s in the median."
        )
        lines += ["", "| finding | first in run (s) | faults, decisions: quirks, for each way |", "|---|---|---|"]
        lines += [_row(signature, shares) for signature in dict.fromkeys(s for share in shares for s in share.first)]
    lines.append("")
    for share in shares:
        lines += [f"Not shrunk: {each.signature}: {each.why}." for each in share.small if each not in share.done]
        lines += [f"Lost, {share.strategy}: {lost}." for lost in share.lost]
    return [*lines, ""]


def _row(signature: str, shares: Sequence[Share]) -> str:
    """A finding: who found it when, and the ways to it that are of different quirks, the smallest of each."""
    first = ", ".join(
        f"{share.strategy} {share.first[signature][0]} ({share.first[signature][1]:.0f} s)"
        for share in shares
        if signature in share.first
    )
    ways: dict[str, str] = {}
    done = [each for share in shares for each in share.done if str(each.signature) == signature]
    for each in sorted(done, key=lambda each: (each.faults, each.decisions)):
        ways.setdefault(str(each.quirks), f"{each.faults}, {each.decisions}: {each.quirks}")
    return f"| {signature} | {first} | {'; '.join(ways.values())} |"


def _without(share: Share) -> Share:
    return msgspec.structs.replace(share, small=())


def _numbers(each: Understood | NotUnderstood) -> dict[str, object]:
    if isinstance(each, NotUnderstood):
        return {"signature": str(each.signature), "why": each.why}
    return {
        "signature": str(each.signature),
        "way": each.way,
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
