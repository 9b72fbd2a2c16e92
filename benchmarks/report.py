"""Measurements as a table on the terminal, as Markdown and as JSON. Nothing names the machine or a place on it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from benchmarks.comparison import Comparison
from meshsim.cli.console import table
from meshsim.versions import versions

REPORT_SCHEMA = 1
HEADERS = ("what", "meshsim", "baseline", "ratio", "min", "max", "aim", "met")
RIGHT = ("meshsim", "ratio", "min", "max")

_INTRODUCTION = """# Benchmark

Written by `make bench`. Each row was measured beside its baseline in the same run, in alternating rounds; values are
medians over the rounds, ratios are meshsim by baseline of the same round: median, smallest, largest. Absolute numbers
belong to the machine and the moment; compare ratios.

- **sim**: delivered messages of a steadily polled mesh, trace and digest on, bring-up left out; beside bare SimPy with
  as many processes as there are ranks, each looping over `yield env.timeout(1)`. CPU time.
- **lockstep**: a state query to the process of a host agent or proc agent, handled there by the real node, and its
  answer; beside a ping-pong of ready-made bytes of the same length over a socketpair. All on one core. Wall time.
- **procs**: on up to 8 hosts, the real node in each, from nothing (start of the zygote included) until the last has
  handled its first event; beside a fresh interpreter forking as many children through multiprocess. Private memory is
  USS. Wall time.
- **live**: the same hosts and procs as a live run has them, each free-running, an actor on each: from nothing until the
  client has its actors; one is killed, and a poll finds it; the client stops all, and the hosts have ended them; the
  run ends. The run breaks off if a proc is left then, or a process of it. Beside the same fork. Wall time.
"""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    schema: int
    versions: dict[str, str]
    cores: int
    #: Load average of the last minute, before and after.
    load_before: float
    load_after: float
    wall_s: float
    comparisons: list[Comparison]

    @classmethod
    def of(cls, comparisons: list[Comparison], *, load_before: float, wall_s: float) -> Report:
        return cls(
            schema=REPORT_SCHEMA,
            versions=versions(),
            cores=os.cpu_count() or 1,
            load_before=round(load_before, 2),
            load_after=round(os.getloadavg()[0], 2),
            wall_s=round(wall_s, 1),
            comparisons=comparisons,
        )


def show(report: Report) -> None:
    """Print the table: with colours on a terminal, plain elsewhere."""
    table(HEADERS, [_row(comparison) for comparison in report.comparisons], right=RIGHT)


def write(report: Report, folder: Path) -> list[Path]:
    """Write `benchmark.md` and `benchmark.json`, and return where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"benchmark.md": _markdown(report), "benchmark.json": _json(report)}
    for name, text in texts.items():
        folder.joinpath(name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _row(comparison: Comparison) -> tuple[str, ...]:
    ratios = comparison.ratios
    return (
        comparison.name,
        f"{_number(comparison.value)} {comparison.unit}",
        f"{_number(_median_bare(comparison))} {comparison.bare_name}" if ratios else "",
        *(f"{ratio:.2f}" if ratio is not None else "" for ratio in _spread(comparison)),
        "" if comparison.aim is None else str(comparison.aim),
        {None: "", True: "yes", False: "no"}[comparison.met],
    )


def _spread(comparison: Comparison) -> tuple[float | None, float | None, float | None]:
    ratios = comparison.ratios
    return (comparison.ratio, min(ratios), max(ratios)) if ratios else (None, None, None)


def _median_bare(comparison: Comparison) -> float:
    return msgspec.structs.replace(comparison, ours=comparison.bare).value


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _markdown(report: Report) -> str:
    machine = ", ".join(f"{package} {version}" for package, version in report.versions.items())
    lines = [
        _INTRODUCTION,
        f"{machine}; {report.cores} cores, load average {report.load_before:g} before and {report.load_after:g} after; "
        f"{report.wall_s:g} s in all.",
        "",
        _line(HEADERS),
        _line(["--:" if header in RIGHT else "---" for header in HEADERS]),
        *(_line(_row(comparison)) for comparison in report.comparisons),
    ]
    return "\n".join(lines) + "\n"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _json(report: Report) -> str:
    """Every round's values, and beside them what the table shows."""
    data = msgspec.to_builtins(report)
    for entry, comparison in zip(data["comparisons"], report.comparisons, strict=True):
        entry.update(value=comparison.value, ratio=comparison.ratio, ratios=comparison.ratios, met=comparison.met)
    return msgspec.json.format(msgspec.json.encode(data)).decode() + "\n"
