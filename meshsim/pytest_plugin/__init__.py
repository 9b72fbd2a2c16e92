"""Scenario files as pytest items, and the fixture `meshsim`. Entry point `pytest11`.

This module is loaded in every pytest run of an environment that has meshsim, so it imports pytest alone; the rest
comes with the first scenario file or the first use of the fixture. Files are collected from the folders that the ini
option `meshsim_scenarios` names, and where they are given on the command line; no other file is touched.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from meshsim.pytest_plugin.fixture import Meshsim

INI = "meshsim_scenarios"
SCALE_INI = "meshsim_time_scale"

#: Files of tools, which are no scenarios wherever they lie.
_FILES_OF_TOOLS = frozenset({"pyproject.toml", "pytest.toml", ".pytest.toml"})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(INI, "Folders with scenario files (*.toml) to collect.", type="paths", default=[])
    group = parser.getgroup("meshsim", "scenarios of supervised actor meshes")
    group.addoption(
        "--meshsim-backend",
        choices=("sim", "lockstep", "live", "both", "all"),
        default="both",
        help="where scenarios run: sim on objects, lockstep on real OS processes, live on such that run freely, "
        "all on all three; by default on both of the first, or what the file names",
    )
    parser.addini(SCALE_INI, "As --meshsim-time-scale, which counts more.", default="")
    group.addoption(
        "--meshsim-time-scale",
        metavar="F",
        help=f"wall time for virtual time on live, e.g. 0.1; the ini option {SCALE_INI} otherwise, or 1",
    )
    group.addoption(
        "--meshsim-late-max",
        metavar="D",
        help="a run on live in which something was later than this, in virtual time, is inconclusive; by default a "
        "fifth of the poll period",
    )
    group.addoption("--meshsim-seed", type=int, metavar="SEED", help="run with this seed instead of those in the files")
    group.addoption(
        "--meshsim-seeds",
        type=int,
        metavar="N",
        help="run with N seeds, drawn from --meshsim-seed, or from one drawn anew and named in the header",
    )
    group.addoption(
        "--meshsim-profile", metavar="PROFILE", help="run under this profile instead of the files': 2026-03, fixed, …"
    )
    group.addoption("--meshsim-out", type=Path, metavar="DIR", help="keep every run as a directory below this folder")
    group.addoption(
        "--meshsim-inconclusive",
        choices=("fail", "skip", "pass"),
        default="fail",
        help="what becomes of a run that says nothing, as the machine could not do it; fail by default",
    )


def pytest_configure(config: pytest.Config) -> None:
    from meshsim.pytest_plugin import settings

    settings.configure(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """A hook of pytest-xdist: all workers have to draw the same seeds."""
    from meshsim.pytest_plugin import settings

    settings.tell_worker(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """A hook of pytest-xdist: real processes stay on one worker, with `--dist loadgroup`, and where there are scenarios
    with the distribution that `-n` stands for, too. Whoever asks for another one gets it.
    """
    dist = config.getoption("dist")
    if dist != "loadgroup" and not (dist == "load" and config.getini(INI)):
        return None
    from meshsim.pytest_plugin.scheduling import KeepsProcessesTogether

    return KeepsProcessesTogether(config, log)


def pytest_report_header(config: pytest.Config) -> str | None:
    from meshsim.pytest_plugin import settings

    return settings.header(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix != ".toml" or file_path.name in _FILES_OF_TOOLS:
        return None
    below = any(file_path.is_relative_to(folder) for folder in parent.config.getini(INI))
    if not below and not parent.session.isinitpath(file_path):
        return None
    from meshsim.pytest_plugin.items import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Items of a backend that was not asked for are deselected, and so counted."""
    wanted = config.getoption("meshsim_backend")
    one = wanted not in ("both", "all")
    left_out = {item for item in items if one and getattr(item, "meshsim_backend", wanted) != wanted}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    # Whoever has an inconclusive run has imported this module; all others need not.
    if call.when == "call" and hasattr(item, "meshsim_inconclusive"):
        from meshsim.pytest_plugin.outcome import mark_report

        mark_report(report, call, item.meshsim_inconclusive)
    return report


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> object:
    """Inconclusive is an outcome of its own, whatever the policy makes of it."""
    if hasattr(report, "meshsim_inconclusive"):
        return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports: Iterable[pytest.TestReport] = terminalreporter.stats.get("inconclusive", ())
    if reports:
        terminalreporter.section("inconclusive: these runs say nothing", yellow=True)
    for report in reports:
        terminalreporter.write_line(f"INCONCLUSIVE {report.nodeid}")
        for line in getattr(report, "meshsim_inconclusive", "").splitlines():
            terminalreporter.write_line(f"  {line}")
        for title, text in report.sections:
            terminalreporter.write_sep("-", title)
            terminalreporter.write_line(text)


@pytest.fixture
def meshsim(request: pytest.FixtureRequest) -> Meshsim:
    """Builds and runs scenarios: `meshsim.run("scenarios/late-exit.toml", seed=3).assert_passed()`."""
    from meshsim.pytest_plugin.fixture import Meshsim

    return Meshsim(request.node)
