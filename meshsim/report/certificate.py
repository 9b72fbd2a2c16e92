"""The certificate as a page, and its rows as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator

from meshsim.run.certify import PROCESSES, Certificate, Certified
from meshsim.units import MS, format_duration

HEADERS = (
    "scenario",
    "seed",
    "sim=lockstep",
    "live",
    "equivalent",
    "inconclusive",
    "red",
    "allowed",
    "replayed",
    "latest",
)
RIGHT = ("seed", "live", "equivalent", "inconclusive", "red", "allowed", "replayed", "latest")

#: Longer reasons are cut on the page; certificate.json has all of them.
_REASON_MAX = 600


def cells(row: Certified) -> tuple[str, ...]:
    """One plan: the columns of `HEADERS`."""
    if row.not_compared:
        return (row.scenario, str(row.seed), *("-",) * (len(HEADERS) - 2))
    latest = row.latest
    return (
        row.scenario,
        str(row.seed),
        {True: "yes", False: "no", None: "?"}[row.twins],
        str(len(row.live)),
        str(row.count("equivalent")),
        str(row.count("inconclusive")),
        str(row.count("red")),
        str(row.outcomes),
        str(row.replayed),
        "-" if latest is None else late_words(latest.late_ns),
    )


def late_words(late_ns: int) -> str:
    """To the millisecond of virtual time."""
    return format_duration(late_ns // MS * MS)


def total_words(certificate: Certificate) -> str:
    """One line: what it comes to."""
    runs = certificate.live_runs
    return (
        f"{len(certificate.rows)} scenarios; "
        f"sim = lockstep: {certificate.twins(True)} yes, {certificate.twins(False)} no; "
        f"{runs} live runs: {certificate.count('equivalent')} equivalent ({100 * certificate.share:.2f} %), "
        f"{certificate.count('inconclusive')} inconclusive, {certificate.count('red')} red"
    )


def missing_words(certificate: Certificate) -> str:
    """What is not in it; empty when all is."""
    return f"interrupted: {certificate.missing} scenarios are missing" if certificate.missing else ""


def exceptions(certificate: Certificate) -> Iterator[str]:
    """Everything that was not found equivalent, with the reason, a line each."""
    for row in certificate.rows:
        name = f"{row.scenario}, seed {row.seed}"
        if row.not_compared:
            yield f"{name}: not compared: {row.not_compared}"
        if row.twins is not True and row.twins_why:
            yield f"{name}: sim and lockstep: {row.twins_why}"
        for number, run in enumerate(row.live):
            if run.outcome != "equivalent":
                yield f"{name}: live run {number}: {run.outcome}: {_one_line(run.reason)}"


def markdown(certificate: Certificate) -> str:
    """The page."""
    machine = certificate.machine
    lines = [
        "# Certificate",
        "",
        "Each scenario in all three worlds: `sim`, `lockstep` and, again and again, `live`. What *equivalent* means",
        "is in [docs/equivalence.md](../docs/equivalence.md).",
        "",
        f"**{total_words(certificate)}.**",
        *([f"\n**{missing_words(certificate)}**"] if certificate.missing else []),
        "",
        "| | |",
        "|---|---|",
        f"| command | `{certificate.command}` |",
        f"| live runs | {certificate.repeats} of each scenario, {certificate.time_scale:g} s of wall time for 1 s of "
        f"virtual time (more where there are more than {PROCESSES} processes), {certificate.jobs} at a time |",
        f"| wall time | {certificate.wall_s / 60:.1f} minutes |",
        f"| machine | {machine.cores} cores, {machine.platform}; load {machine.load_before:g} at the beginning, "
        f"{machine.load_after:g} at the end |",
        f"| versions | {', '.join(f'{name} {version}' for name, version in machine.versions.items())} |",
        f"| as `sim` tells it | {_like(certificate, 'sim')} live runs |",
        f"| as simulations tell it that are as late | {_like(certificate, 'late')} live runs |",
        f"| replayed through the model without a difference | {_replayed(certificate)} |",
        "",
        "*allowed* counts the different accounts that `sim` and simulations as late as the live runs have given: where",
        "it is not 1, things race, or a poll comes before the end of the run or after it. *replayed* counts the live",
        "runs whose every input was fed to the model again, which asked for the same. *latest* is the worst lateness",
        "that was measured in any run, in virtual time.",
        "",
        f"| {' | '.join(HEADERS)} |",
        f"|{'|'.join('---:' if header in RIGHT else '---' for header in HEADERS)}|",
        *(f"| {' | '.join(_escaped(cell) for cell in cells(row))} |" for row in certificate.rows),
        "",
        "## What was not found equivalent, or not compared",
        "",
    ]
    found = [f"- {_escaped(line)}" for line in exceptions(certificate)]
    return "\n".join([*lines, *(found or ["Nothing."]), ""])


def _like(certificate: Certificate, like: str) -> int:
    return sum(run.like == like for row in certificate.rows for run in row.live)


def _replayed(certificate: Certificate) -> str:
    runs = sum(row.replayed for row in certificate.rows)
    inputs = sum(run.replayed or 0 for row in certificate.rows for run in row.live)
    return f"{runs} live runs, {inputs} inputs"


def _one_line(reason: str) -> str:
    text = " ".join(reason.split())
    return text if len(text) <= _REASON_MAX else f"{text[:_REASON_MAX]}…"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
