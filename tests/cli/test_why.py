"""`meshsim why`: a run in, what its violation needs and what led to it out."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

NEEDED = """\
Injected, and how the run ended without each
  fault 0  signal workers[1], signal SIGKILL at 5s
             without it gone: passed
Gone without fault 0 alone.
"""


@pytest.fixture
def told_again(folder: Path) -> str:
    """As `kill-one` without its expectation, for longer: the dead process is told of again and again."""
    text = (folder / "sc" / "kill-one.toml").read_text().partition("[[expect]]")[0]
    place = folder / "sc" / "told-again.toml"
    place.write_text(text.replace("kill-one", "told-again").replace('"8s"', '"12s"'))
    return "sc/told-again.toml"


def test_a_scenario_file_is_run_and_explained(meshsim: Command, told_again: str) -> None:
    said = meshsim("why", told_again)

    assert (said.code, said.err) == (0, "")
    title, violation, *_ = said.out.splitlines()
    assert title == "told-again, seed 7, violated on sim"
    assert violation.startswith("at-most-once (safety) at ")
    assert NEEDED in said.out
    assert "   FAULT 0: signal workers[1] SIGKILL\n" in said.out.replace("world          ", "   ")
    assert "ends poll 3: proc_dead" in said.out
    assert "HEARD by client (owner): trainer rank 1 Failed" in said.out


def test_a_run_directory_is_explained_as_its_file_is(meshsim: Command, told_again: str) -> None:
    assert meshsim("run", told_again).code == 1

    assert meshsim("why", "out/told-again/sim-seed7") == meshsim("why", told_again)


def test_what_a_file_wants_to_be_caught_by_is_explained(meshsim: Command, folder: Path, told_again: str) -> None:
    caught = 'caught_by = ["at-most-once"]\nrelax = [{ invariant = "views-agree", reason = "-" }]\n'
    (folder / "sc" / "canary.toml").write_text(caught + Path(told_again).read_text().replace("told-again", "canary"))

    said = meshsim("why", "sc/canary.toml")

    assert (said.code, said.out.splitlines()[0]) == (0, "canary, seed 7, passed on sim")
    assert NEEDED in said.out


def test_the_figure_is_the_same_every_time(meshsim: Command, told_again: str) -> None:
    """It has the words of the list, and is well-formed."""
    assert meshsim("why", told_again, "--figure", "one.svg").out.endswith("\nfigure: one.svg\n")
    meshsim("why", told_again, "--figure", "two.svg")

    figure = Path("one.svg").read_text()
    assert figure == Path("two.svg").read_text()
    assert "FAULT 0: signal workers[1] SIGKILL" in figure
    assert "trainer.controller ends poll 3: proc_dead" in figure
    assert ET.fromstring(figure).tag.endswith("svg")


def test_one_of_several_violations_is_asked_for(meshsim: Command, told_again: str) -> None:
    Path(told_again).write_text(Path(told_again).read_text().replace('"12s"', '"60s"'))
    first = meshsim("why", told_again)
    (more,) = [line for line in first.out.splitlines() if line.startswith("More in this run (--invariant): ")]
    other = more.partition(": ")[2].split(", ")[0]

    second = meshsim("why", told_again, "--invariant", other)

    assert second.out.splitlines()[1].startswith(f"{other} (")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["sc/kill-one.toml"], "sc/kill-one.toml: passed; there is no violation to explain"),
        (["nowhere.toml"], "nowhere.toml: no such file or folder"),
        (["sc"], "sc: not a run directory: No such file or directory: meta.json"),
        (["sc", "--seed", "3"], "--seed: expected a scenario file to go with it, got the run directory sc"),
        (
            ["sc/told-again.toml", "--invariant", "accuracy"],
            "--invariant: expected one that was violated in this run (at-most-once), got 'accuracy'",
        ),
        (["sc/told-again.toml", "--figure", "sc"], "sc: cannot be written: it is a folder"),
    ],
)
@pytest.mark.usefixtures("told_again")
def test_what_cannot_be_is_one_line(meshsim: Command, words: list[str], complaint: str) -> None:
    assert meshsim("why", *words) == (2, "", f"meshsim: {complaint}\n")


def test_what_does_not_come_again_is_not_explained(meshsim: Command, told_again: str) -> None:
    """A run directory may be of another world, or of older code."""
    assert meshsim("run", told_again).code == 1
    verdict = Path("out/told-again/sim-seed7/verdict.json")
    verdict.write_text(verdict.read_text().replace('"subject": "client"', '"subject": "nobody"'))

    said = meshsim("why", "out/told-again/sim-seed7")

    assert (said.code, said.err) == (
        2,
        "meshsim: out/told-again/sim-seed7: at-most-once of nobody does not come again in virtual time\n",
    )
