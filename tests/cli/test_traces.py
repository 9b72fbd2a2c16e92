"""`meshsim trace` and `meshsim diff`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

RUN = "out/kill-one/sim-seed7"


@pytest.fixture
def ran(meshsim: Command) -> None:
    assert meshsim("run", "sc").code == 0


@pytest.mark.usefixtures("ran")
def test_trace_prints_what_was_heard(meshsim: Command) -> None:
    """The first question after a run: who heard what, when."""
    said = meshsim("trace", RUN, "--type", "heard")

    assert said.code == 0
    assert len(said.out.splitlines()) == 1
    assert "HEARD by client (owner): trainer rank 1 Failed: " in said.out


@pytest.mark.usefixtures("ran")
def test_filters_narrow_each_other(meshsim: Command) -> None:
    """From thousands of records to the few that matter."""
    everything = meshsim("trace", RUN).out.splitlines()
    window = meshsim("trace", RUN, "--since", "5s", "--until", "5.5s").out.splitlines()
    few = meshsim(
        "trace", RUN, "--since", "5s", "--until", "5.5s", "--grep", "PROCESS", "--limit", "1"
    ).out.splitlines()

    assert window == [line for line in everything if 5 <= float(line.split("s")[0]) <= 5.5]
    assert few == [line for line in window if "process" in line.lower()][:1]
    assert few


@pytest.mark.usefixtures("ran")
def test_records_can_be_chosen_by_process_and_actor(meshsim: Command) -> None:
    """Names are those of the scenario file."""
    by_node = meshsim("trace", RUN, "--node", "workers[1]").out.splitlines()
    by_actor = meshsim("trace", RUN, "--actor", "trainer.controller", "--type", "poll_started").out.splitlines()

    assert by_node
    assert all(line.split()[1] == "workers[1]" for line in by_node)
    assert by_actor
    assert all("trainer.controller starts poll" in line for line in by_actor)


@pytest.mark.usefixtures("ran")
def test_json_prints_records_as_they_are_in_the_trace(meshsim: Command, folder: Path) -> None:
    """What is piped on must be the bytes the digest was taken over."""
    said = meshsim("trace", RUN, "--json")

    assert said.out == (folder / RUN / "trace.jsonl").read_text()
    assert json.loads(said.out.splitlines()[0])["what"]["scenario"] == "kill-one"


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--type", "herd"), "--type: expected the type of a record or a message, got 'herd'; did you mean heard?"),
        (("--limit", "-1"), "--limit: expected 0 or more, got -1"),
        (("--node", "host7"), "--node: expected a process of this run, got 'host7'"),
        (("--since", "soon"), "--since: expected a duration such as \"1.5s\", got 'soon'"),
    ],
)
def test_a_filter_that_cannot_match_is_refused(meshsim: Command, words: tuple[str, ...], line: str) -> None:
    """A typo must not look like "nothing happened"."""
    assert meshsim("trace", RUN, *words) == (2, "", f"meshsim: {line}\n")


@pytest.mark.usefixtures("ran")
def test_equal_runs_have_one_digest(meshsim: Command) -> None:
    """The same plan twice: no difference, and the digest to quote."""
    meshsim("run", "sc", "--out", "again")

    said = meshsim("diff", RUN, "again/kill-one/sim-seed7")

    assert said.code == 0
    assert said.out.startswith("equal: ")


@pytest.mark.usefixtures("ran")
def test_the_first_difference_is_shown_with_what_led_to_it(meshsim: Command, folder: Path) -> None:
    """Two versions of a scenario: where do they part?"""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('signal = "SIGKILL"', 'signal = "SIGTERM"').replace("times = 1", ""))
    meshsim("run", "sc", "--out", "again")
    one, other = folder / RUN / "trace.jsonl", folder / "again" / "kill-one" / "sim-seed7" / "trace.jsonl"
    for path in (one, other):
        head, _, rest = path.read_text().partition("\n")
        path.write_text(
            json.dumps({**json.loads(head), "what": {**json.loads(head)["what"], "plan_digest": ""}}) + "\n" + rest
        )

    said = meshsim("diff", RUN, "again/kill-one/sim-seed7")

    assert said.code == 1
    marked = [line for line in said.out.splitlines() if line.startswith("  > ")]
    assert ["SIGKILL" in marked[0], "SIGTERM" in marked[1]] == [True, True]


def test_a_path_that_is_no_run_is_refused(meshsim: Command) -> None:
    """One line with the file that is not there."""
    said = meshsim("trace", "nosuch")

    assert said == (2, "", "meshsim: nosuch: cannot be read: No such file or directory\n")


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize("words", [("trace", "out"), ("diff", "out", RUN)])
def test_a_folder_of_runs_is_refused_with_the_runs_in_it(meshsim: Command, words: tuple[str, ...]) -> None:
    """The folder of a scenario has a run for each backend and seed: which one is meant?"""
    said = meshsim(*words)

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("meshsim: out: expected the directory of one run, such as out/kill-one/")
    assert said.err.count("\n") == 1
