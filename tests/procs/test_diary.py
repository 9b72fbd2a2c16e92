"""What the lockstep backend writes down for people."""

from __future__ import annotations

import msgspec
import pytest

from meshsim.procs.diary import Diary
from meshsim.run import run_plan
from meshsim.scenario import plan
from meshsim.scenario.decode import decode

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]


def test_a_diary_keeps_facts_as_json_lines_in_order() -> None:
    """Each line is one event with its facts, stamped with the wall time since the run began."""
    diary = Diary()

    diary.log.info("started", node="host0", pid=7)
    diary.log.info("signal", node="host0", signal=9)

    lines = [msgspec.json.decode(line) for line in diary.text().splitlines()]
    assert [{key: value for key, value in line.items() if key != "wall_s"} for line in lines] == [
        {"node": "host0", "pid": 7, "event": "started"},
        {"node": "host0", "signal": 9, "event": "signal"},
    ]
    assert 0 <= lines[0]["wall_s"] <= lines[1]["wall_s"]


def test_a_lockstep_run_tells_of_every_process_it_started_and_waited_for() -> None:
    """Somebody who doubts a run can compare its pids with an audit log."""
    scenario = decode(
        {
            "name": "kill-one",
            "horizon": "5s",
            "topology": {"procs": [{"name": "workers", "per_host": {"gpus": 2}}]},
            "faults": [{"kind": "signal", "target": "workers[1]", "signal": "SIGKILL", "at": "2s"}],
        }
    )

    result = run_plan(plan(scenario, 0), "lockstep")

    lines = [msgspec.json.decode(line) for line in result.diary.splitlines()]
    assert [line["node"] for line in lines if line["event"] == "started"] == [
        "host0",
        "client",
        "host0/workers_0",
        "host0/workers_1",
    ]
    assert [(line["node"], line["by"], line["status"]) for line in lines if line["event"] == "waited for"] == [
        ("host0/workers_1", "host0", "killed by signal 9")
    ]
