"""`meshsim faults`: the menu, and the runs that show that each fault does what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshsim.faults.menu import MENU
from meshsim.model.tags import tag_of

Command = Callable[..., Any]

KINDS = [tag_of(kind) for kind in MENU]


@pytest.fixture
def signal(folder: Path) -> Path:
    """A scenario that is called after the kind that it shows."""
    file = folder / "sc" / "signal.toml"
    (folder / "sc" / "kill-one.toml").rename(file)
    file.write_text(file.read_text().replace("kill-one", "signal"))
    return file


@pytest.fixture
def shipped(signal: Path, folder: Path) -> Path:
    """The folder that is run when none is given: one kind has a scenario in it."""
    (folder / "scenarios" / "faults").mkdir(parents=True)
    return signal.rename(folder / "scenarios" / "faults" / "signal.toml")


def test_every_kind_is_a_row(meshsim: Command) -> None:
    """Also where no scenarios are."""
    said = meshsim("faults")

    header, *rows, blank, more = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert header.split()[:3] == ["kind", "on", "strikes"]
    assert [row.split()[0] for row in rows] == KINDS
    assert (blank, more) == ("", "`meshsim faults KIND` says more of one kind, with an example to paste")


def test_one_kind_says_all_that_there_is_to_say(meshsim: Command, folder: Path) -> None:
    """Words, target, moment, backends, what is real, keys, and lines to be pasted."""
    assert meshsim("faults", "exit") == (
        0,
        """\
exit: The process of the target calls `_exit(code)`.
  on a process: `host0`, `client`, `workers[1]`, or `trainer[1]` for the process that an actor lives in
  strikes at a time or at a record, once or again
  backends: sim, lockstep, live
  on real processes: it calls _exit(code); waitid in its parent gives the code

key   may be  default  meaning
code  0..255  1        What it exits with.

[[faults]]
kind = "exit"
target = "workers[1]"
at = "5s"
code = 3
""",
        "",
    )


def test_a_kind_without_keys_of_its_own_has_no_table(meshsim: Command, shipped: Path) -> None:
    """And where its scenario is there, it is named."""
    lines = meshsim("faults", "never_ready").out.splitlines()

    assert "[[faults]]" in lines
    assert not [line for line in lines if line.startswith("key ")]
    assert "  shown by scenarios/faults/signal.toml" in meshsim("faults", "signal").out.splitlines()


def test_programs_read_the_same(meshsim: Command) -> None:
    """One object a line."""
    (line,) = map(json.loads, meshsim("faults", "late_polls", "--json").out.splitlines())
    lines = meshsim("faults", "--json").out.splitlines()

    assert [json.loads(each)["kind"] for each in lines] == KINDS
    assert line["schema"] == 1
    assert line["on"] == "a controller"
    assert line["backends"] == ["sim", "lockstep", "live"]
    assert [(each["name"], each["default"]) for each in line["parameters"]] == [("by", None), ("times", "")]


def test_an_unknown_kind_is_refused(meshsim: Command) -> None:
    """One line that names those that there are."""
    said = meshsim("faults", "exits")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("meshsim: faults: 'exits' is none; there are raise, panic, ")
    assert len(said.err.splitlines()) == 1


def test_a_page_needs_runs(meshsim: Command) -> None:
    assert meshsim("faults", "--page", "x.md") == (2, "", "meshsim: --page: needs --run\n")


# --- runs -----------------------------------------------------------------------------------------------------


def test_a_run_is_a_row(meshsim: Command, signal: Path) -> None:
    """Whom it struck, and nothing of a kernel that had no part in it."""
    said = meshsim("faults", "sc", "--run", "--backend", "sim")

    header, row, *rest = said.out.splitlines()
    assert said.code == 0
    assert header.split() == ["kind", "on", "sim", "struck", "the", "kernel"]
    assert row.split("  ") == ["signal", "a process", "passed", "workers[1] SIGKILL"]
    assert rest == ["", "1 runs: 1 passed, 0 violated, 0 inconclusive"]


@pytest.mark.procs
def test_on_real_processes_the_kernel_says_so(meshsim: Command, signal: Path) -> None:
    signal.write_text(signal.read_text().replace('backends = ["sim"]\n', ""))

    said = meshsim("faults", "sc", "--run", "--json")

    cells = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 0
    assert [(each["backend"], each["outcome"], each["kernel"]) for each in cells] == [
        ("sim", "passed", []),
        ("lockstep", "passed", ["waitid: killed by signal 9 (workers[1])"]),
    ]


def test_a_fault_that_does_not_strike_has_shown_nothing(meshsim: Command, signal: Path) -> None:
    """Whatever its scenario expects; why is said."""
    text = signal.read_text().partition("[[expect]]")[0]
    signal.write_text(text.replace('at = "5s"', 'when = { record = "poll_started", where = { count = 99 } }'))

    said = meshsim("faults", "sc", "--run", "--backend", "sim")

    assert said.code == 3
    assert said.out.splitlines()[1].split("  ")[2] == "inconclusive"
    assert said.out.splitlines()[1].endswith("sim: fault 0 on workers[1] never struck")


def test_what_a_scenario_expects_must_follow(meshsim: Command, signal: Path) -> None:
    signal.write_text(signal.read_text().replace("times = 1", "times = 2"))

    said = meshsim("faults", "sc", "--run", "--backend", "sim")

    assert said.code == 1
    assert said.out.splitlines()[1].split("  ")[2] == "violated"
    assert any(line.startswith("violated: signal on sim, seed 7") for line in said.out.splitlines())


def test_the_shipped_folder_has_to_have_every_kind(meshsim: Command, shipped: Path) -> None:
    """A kind that is forgotten is red; one that is asked for alone is not held against the others."""
    every = meshsim("faults", "--run", "--backend", "sim", "--json")
    one = meshsim("faults", "signal", "--run", "--backend", "sim", "--json")

    outcomes = {line["kind"]: line["outcome"] for line in map(json.loads, every.out.splitlines())}
    assert every.code == 1
    assert outcomes == {**dict.fromkeys(KINDS, "no scenario"), "signal": "passed"}
    assert (one.code, [json.loads(line)["kind"] for line in one.out.splitlines()]) == (0, ["signal"])


def test_a_scenario_is_called_after_its_kind(meshsim: Command, signal: Path) -> None:
    """Which cell would it be otherwise?"""
    exit_file = signal.rename(signal.with_name("exit.toml"))
    exit_file.write_text(exit_file.read_text().replace('name = "signal"', 'name = "exit"'))
    wrong = meshsim("faults", "sc", "--run")
    exit_file.rename(signal.with_name("mine.toml"))
    file = signal.with_name("mine.toml")
    file.write_text(file.read_text().replace('name = "exit"', 'name = "mine"'))
    unknown = meshsim("faults", "sc", "--run")

    assert wrong == (2, "", "meshsim: sc/exit.toml: it is called exit, and has no such fault\n")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err.startswith("meshsim: sc/mine.toml: 'mine' is no kind of fault; there are raise, ")


def test_results_become_a_page(meshsim: Command, signal: Path, folder: Path) -> None:
    said = meshsim("faults", "sc", "--run", "--backend", "sim", "--page", "docs/faults.md")

    page = (folder / "docs" / "faults.md").read_text()
    assert said.code == 0
    assert "| [`signal`](#signal) | a process | passed | workers[1] SIGKILL |  |" in page.splitlines()
    assert "### signal" in page


def test_a_page_that_cannot_be_written_is_named_before_anything_runs(meshsim: Command, signal: Path) -> None:
    said = meshsim("faults", "sc", "--run", "--page", "sc")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("meshsim: sc: cannot be written")


def test_a_folder_that_is_asked_for_must_be_there(meshsim: Command) -> None:
    missing = (2, "", "meshsim: nosuch: no such file or folder\n")

    assert meshsim("faults", "nosuch", "--run") == missing
