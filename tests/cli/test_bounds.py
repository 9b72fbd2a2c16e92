"""`meshsim bounds`, and warnings about configurations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

WATCHED_BADLY = """\
name = "{name}"
horizon = "8s"
backends = ["sim"]
config = {{ supervision_watchdog_timeout = "{watchdog}" }}

[topology]
procs = [{{ name = "workers" }}]
actors = [{{ name = "trainer", procs = "workers" }}]
"""


def write(folder: Path, name: str, watchdog: str = "20s") -> None:
    (folder / "sc" / f"{name}.toml").write_text(WATCHED_BADLY.format(name=name, watchdog=watchdog))


def test_bounds_says_how_long_and_why(meshsim: Command) -> None:
    """Formula, numbers, section; the letters with their values; and the rules that are broken."""
    said = meshsim("bounds", "sc/kill-one.toml")
    lines = said.out.splitlines()

    assert (said.code, said.err) == (0, "")
    assert lines[0] == "kill-one, profile 2026-03  (sc/kill-one.toml)"
    assert lines[2] == "trainer: polling controller, 2 ranks"
    [detect] = [line for line in lines if line.startswith("detect  ")]
    assert "4m 3s  P + n H + 2 n A + d" in detect
    assert "2s + 2 × 1m + 4 × 30s + 1s" in detect
    assert detect.endswith("14.1, 14.2      Q10, Q19")
    assert "P          2s  supervision_poll_frequency" in lines
    assert any(line.startswith("  keepalive-outlasts-a-poll: ") and line.endswith("; so by default") for line in lines)


def test_bounds_as_json_are_one_object_a_variant(meshsim: Command, folder: Path) -> None:
    file = folder / "sc" / "kill-one.toml"
    matrix = '[matrix]\n"config.supervision_poll_frequency" = ["2s", "3s"]\n'
    file.write_text(file.read_text().replace("seeds = [7]", "seeds = [7, 8]") + matrix)

    values = [json.loads(line) for line in meshsim("bounds", "sc", "--json").out.splitlines()]

    assert [value["config_ns"]["P"] for value in values] == [2_000_000_000, 3_000_000_000]
    assert set(values[0]) == {
        "schema", "scenario", "variant", "source", "profile", "config_ns", "groups", "warnings",
    }  # fmt: skip
    prompt = values[1]["groups"][0]["bounds"][0]
    assert (prompt["id"], prompt["formula"], prompt["total_ns"]) == ("detect-prompt", "P + d", 4_000_000_000)
    assert sum(term["times"] * term["each_ns"] for term in prompt["terms"]) == prompt["total_ns"]


def test_bounds_of_another_profile_are_those_without_its_quirks(meshsim: Command) -> None:
    said = meshsim("bounds", "sc", "--profile", "fixed")
    assert "stop              22s  2 X + m + d" in said.out
    assert "Q19" not in said.out


def test_a_run_says_how_close_it_came(meshsim: Command) -> None:
    """In the table, as JSON, and later from its directory."""
    assert meshsim("run", "sc").code == 0
    lines = meshsim("bounds", "--run", "out/kill-one/sim-seed7").out.splitlines()
    margins = [
        json.loads(line) for line in meshsim("bounds", "--run", "out/kill-one/sim-seed7", "--json").out.splitlines()
    ]

    assert [line.partition(":")[0] for line in lines] == ["detect", "report", "wait"]
    assert [margin["kind"] for margin in margins] == ["detect", "report", "wait"]
    assert all(0 <= margin["took_ns"] <= margin["bound_ns"] for margin in margins)


def test_a_run_without_anything_due_says_so(meshsim: Command, folder: Path) -> None:
    (folder / "sc" / "empty.toml").write_text('name = "empty"\nhorizon = "1s"\nbackends = ["sim"]\n')
    assert "empty     sim         0  passed   -        " in meshsim("run", "sc/empty.toml").out
    assert meshsim("bounds", "--run", "out/empty/sim-seed0").out == "nothing in this run had a bound\n"


@pytest.mark.parametrize("words", [(), ("sc", "--run", "out")])
def test_bounds_of_nothing_or_of_two_things_is_a_mistake(meshsim: Command, words: tuple[str, ...]) -> None:
    said = meshsim("bounds", *words)
    assert said.code == 2
    assert said.err == "meshsim: bounds: expected a scenario, or --run with the directory of a run\n"


@pytest.mark.parametrize("command", ["check", "run"])
def test_a_broken_rule_is_a_warning_and_nothing_more(meshsim: Command, folder: Path, command: str) -> None:
    """The exit code stays; the line has both numbers and what happens."""
    write(folder, "watched-badly")
    said = meshsim(command, "sc/watched-badly.toml")

    assert said.code == 0
    assert said.err.splitlines()[0] == (
        "meshsim: sc/watched-badly.toml: warning: watchdog-outlasts-a-poll: W >= P + H + A, but 20s against "
        "10s + 1m + 30s = 1m 40s: subscribers take a controller that waits for replies for dead (section 12.3)"
    )
    assert said.err.splitlines()[-1] == (
        "meshsim: warning: P is supervision_poll_frequency, A is get_actor_state_max_idle, "
        "H is get_proc_state_max_idle, W is supervision_watchdog_timeout"
    )


def test_many_files_have_one_warning_for_each_rule(meshsim: Command, folder: Path) -> None:
    """A suite that breaks rules on purpose does not bury its results."""
    for number in range(4):
        write(folder, f"badly-{number}")
    said = meshsim("check", "sc")

    assert said.err.splitlines() == [
        "meshsim: warning: watchdog-outlasts-a-poll: A watchdog waits for longer than a poll with one silent host and "
        "one silent agent. Not so in sc/badly-0.toml: 20s against 10s + 1m + 30s = 1m 40s, and 3 more: "
        "`meshsim bounds FILE` has their numbers"
    ]


def test_what_the_defaults_break_is_said_by_bounds_alone(meshsim: Command, folder: Path) -> None:
    write(folder, "as-usual", "2m")
    assert meshsim("check", "sc/as-usual.toml").err == ""
    assert "so by default" in meshsim("bounds", "sc/as-usual.toml").out
