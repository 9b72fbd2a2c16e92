"""`meshsim replay`: directories of live runs in, what the model does otherwise out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]

pytestmark = [pytest.mark.procs, pytest.mark.xdist_group("procs")]


@pytest.fixture
def live(meshsim: Command, folder: Path) -> Path:
    """A live run that was kept, whatever it came to."""
    scenario = folder / "sc" / "kill-one.toml"
    scenario.write_text(scenario.read_text().replace('["sim"]', '["sim", "lockstep"]'))
    meshsim("run", "sc", "--backend", "live", "--time-scale", "0.1", "--late-max", "1h", "--keep", "all")
    return Path("out/kill-one/live-seed7")


def test_a_live_run_is_as_recorded(meshsim: Command, live: Path) -> None:
    """Runs of other backends in the same folder are counted and left out."""
    meshsim("run", "sc", "--backend", "sim", "--keep", "all")

    said = meshsim("replay", "out")

    assert (said.code, said.err) == (0, "")
    header, row, _, summary = said.out.splitlines()
    assert header.split() == ["run", "nodes", "inputs", "outputs", "replay"]
    assert row.split()[:2] == [str(live), "4"]
    assert row.endswith("as recorded")
    assert summary == "1 live runs replayed: 1 as recorded, 0 differ; 1 of other backends left out"


def test_a_difference_is_red_and_shown_with_what_led_there(meshsim: Command, live: Path) -> None:
    """The child's end as its host noted it is another one."""
    trace = live / "trace.jsonl"
    whole = trace.read_text()
    assert '"text":"Killed(sig=9)"' in whole
    trace.write_text(whole.replace('"text":"Killed(sig=9)"', '"text":"Killed(sig=8)"', 1))

    said = meshsim("replay", str(live))

    assert (said.code, said.err) == (1, "")
    lines = said.out.splitlines()
    assert lines[1].endswith("differs")
    assert lines[3].startswith(f"{live}: input ")
    assert " of host0, at " in lines[3]
    assert any("FAULT 0: signal workers[1] SIGKILL" in line for line in lines[4:])
    model, recorded = lines[-4:-2]
    assert model == "  model     workers[1]: Ready -> Killed(sig=9)"
    assert recorded == "  recorded  workers[1]: Ready -> Killed(sig=8)"
    assert lines[-1] == "1 live runs replayed: 0 as recorded, 1 differ"


def test_what_cannot_be_replayed_is_one_line(meshsim: Command, live: Path) -> None:
    meshsim("run", "sc", "--backend", "sim", "--keep", "all")
    in_sim = "out/kill-one/sim-seed7"
    for words, complaint in (
        ([], "replay: expected the directory of a live run, or a folder of them"),
        ([in_sim], f"{in_sim}: expected a live run, got one of sim: run it again for the same trace"),
        (["sc"], "sc: no live runs there"),
    ):
        said = meshsim("replay", *words)
        assert (said.code, said.out, said.err) == (2, "", f"meshsim: {complaint}\n")


def test_a_run_without_its_recording_is_one_line(meshsim: Command, live: Path) -> None:
    """Of what is missing, and of what an older version left out."""
    timing = live / "timing.json"
    timing.write_text(timing.read_text().replace('"outputs"', '"left"'))
    older = meshsim("replay", str(live))
    timing.unlink()
    missing = meshsim("replay", str(live))

    what = "its timing.json does not say what the nodes asked for: it was made by an older version"
    assert (older.code, older.err) == (2, f"meshsim: {live}: cannot be replayed: {what}\n")
    assert (missing.code, missing.err) == (2, f"meshsim: {live}: cannot be replayed: it has no timing.json\n")
