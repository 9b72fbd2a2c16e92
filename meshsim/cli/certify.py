"""`meshsim certify`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from time import perf_counter
from typing import Annotated

import msgspec
from cyclopts import Parameter

from meshsim.cli import INCONCLUSIVE, INTERRUPTED, PASSED, VIOLATED
from meshsim.cli.bar import bar
from meshsim.cli.console import err, table
from meshsim.cli.console import out as say
from meshsim.cli.errors import UsageError
from meshsim.cli.load import plans_of
from meshsim.cli.values import duration_ns, positive
from meshsim.report.certificate import HEADERS, RIGHT, cells, exceptions, markdown, missing_words, total_words
from meshsim.run import Limits, check_writable, write_whole
from meshsim.run.certify import Certificate, Certified, Order, measured_machine
from meshsim.run.certify import certify as certify_plans
from meshsim.units import S

#: Live runs at a time for each core: they mostly wait.
_JOBS_PER_CORE = 6


def certify(
    *paths: Path,
    repeats: int = 1,
    time_scale: float = 0.1,
    jobs: int | None = None,
    out: Path | None = None,
    max_wall: str = "5m",
    verbose: Annotated[bool, Parameter(alias="-v")] = False,
) -> int:
    """Run scenarios in all three worlds and say whether they are equivalent.

    `sim` and `lockstep` must leave the same trace. A live run must tell what `sim` tells, or what simulations tell that
    are as late as it was; else it is red, or inconclusive when lateness moves what is different. docs/equivalence.md
    has the whole relation. Exit code 1 when a run is red or two traces differ, 3 when a live run is inconclusive.

    Parameters
    ----------
    paths
        Scenario files, or folders of them; the folder `scenarios` when none is given.
    repeats
        How many live runs each variant and seed gets.
    time_scale
        Wall time for virtual time of live runs: at 0.1 a run of 35 s takes 3.5 s, and every delay counts ten times.
        Scenarios with more than 8 processes run slower, in proportion.
    jobs
        How many scenarios are at work at the same time; 6 for each core when not given.
    out
        A folder for `certificate.md`, `certificate.json` and the live runs that were not equivalent; or a file, `.md`
        or `.json`, beside which the other one is written.
    max_wall
        Give a run up after this wall time.
    verbose
        A line on standard error for each scenario that is done.
    """
    if not 0.001 <= time_scale <= 1000:
        raise UsageError(f"--time-scale: expected a number from 0.001 to 1000, got {time_scale:g}")
    page, keep = _places(out)
    order = Order(
        repeats=positive("--repeats", repeats),
        time_scale=time_scale,
        jobs=_JOBS_PER_CORE * (os.cpu_count() or 1) if jobs is None else positive("--jobs", jobs),
        limits=Limits(wall_s=duration_ns("--max-wall", max_wall) / S),
        keep=keep,
    )
    plans = plans_of(paths or (Path("scenarios"),))
    if page is not None:
        check_writable(page)
    done: dict[int, Certified] = {}
    is_whole = False
    began = perf_counter()
    with measured_machine() as machine_now, bar(len(plans)) as show:

        def over(index: int, row: Certified) -> None:
            done[index] = row
            show(len(done))
            if verbose:
                err(f"{len(done)}/{len(plans)} after {perf_counter() - began:.0f}s: {' '.join(cells(row))}")

        try:
            certify_plans(plans, order, over, lambda: show(len(done)))
            is_whole = True
        except KeyboardInterrupt:
            pass
        machine, wall_s = machine_now()
    certificate = Certificate(
        command=shlex.join(["meshsim", "certify", *map(str, paths), *_options(order)]),
        repeats=repeats,
        time_scale=time_scale,
        jobs=order.jobs,
        wall_s=round(wall_s, 1),
        machine=machine,
        missing=len(plans) - len(done),
        rows=[done[index] for index in sorted(done)],
    )
    _print(certificate)
    if page is not None:
        write_whole(page, markdown(certificate))
        write_whole(page.with_suffix(".json"), msgspec.json.format(msgspec.json.encode(certificate)).decode() + "\n")
        say(f"certificate: {page}")
    return exit_code(certificate) if is_whole else INTERRUPTED


def _places(out: Path | None) -> tuple[Path | None, Path | None]:
    """The page, and the folder for runs."""
    if out is None:
        return None, None
    if out.suffix in (".md", ".json"):
        return out.with_suffix(".md"), None
    if out.suffix:
        raise UsageError(f"--out: expected a folder, or a file .md or .json, got {str(out)!r}")
    return out / "certificate.md", out / "runs"


def _options(order: Order) -> list[str]:
    return ["--repeats", str(order.repeats), "--time-scale", f"{order.time_scale:g}", "--jobs", str(order.jobs)]


def _print(certificate: Certificate) -> None:
    table(HEADERS, [cells(row) for row in certificate.rows], right=RIGHT)
    for line in exceptions(certificate):
        say(line)
    say("")
    if words := missing_words(certificate):
        say(words)
    say(total_words(certificate))


def exit_code(certificate: Certificate) -> int:
    """1 when a run is red or two traces differ, 3 when somebody could not tell."""
    if certificate.count("red") or certificate.twins(False):
        return VIOLATED
    is_unsure = any(row.twins is None and not row.not_compared for row in certificate.rows)
    return INCONCLUSIVE if is_unsure or certificate.count("inconclusive") else PASSED
