"""Every scenario of the suite `fast`, on both backends: the verdict is green, and the digest depends on the plan alone.

Those of `quirks` are held by `test_quirks.py`, under every profile.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from meshsim.run import RunResult, compared, run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan

SCENARIOS = Path(__file__).parents[2] / "scenarios" / "fast"
#: Wall time that one `meshsim run` over all files may take before something is wrong with it.
PATIENCE_S = 100.0
#: Into how many calls the runs on real processes are divided.
PARTS = 4


def _plans() -> dict[str, Plan]:
    """Every plan of every file by test id: `late-exit-seed7`."""
    return {
        f"{loaded.label}-seed{seed}": plan(loaded, seed)
        for path in discover([SCENARIOS])
        for loaded in load_scenarios(path)
        for seed in loaded.scenario.seeds
    }


PLANS = _plans()
every_plan = pytest.mark.parametrize("name", PLANS)


@functools.cache
def simulated(name: str) -> RunResult:
    return run_plan(PLANS[name], "sim")


@every_plan
def test_a_scenario_passes_and_a_second_run_is_the_same(name: str) -> None:
    """What a scenario expects is what happens, findings included; nothing of a run leaks into the next."""
    first = simulated(name)

    second = run_plan(PLANS[name], "sim")

    assert (first.verdict.outcome, first.verdict.reason) == ("passed", "")
    assert second.digest == first.digest
    assert second.verdict == first.verdict


@pytest.mark.procs
@every_plan
def test_real_processes_tell_the_same_story(name: str) -> None:
    """Processes of the kernel, record for record what the simulation said: the certificate of both."""
    result = compared(simulated(name), run_plan(PLANS[name], "lockstep"))

    assert (result.verdict.outcome, result.verdict.reason) == ("passed", "")
    assert result.digest == simulated(name).digest


def test_a_digest_depends_on_the_plan_alone(tmp_path: Path) -> None:
    """Another interpreter, another hash seed, another working directory: the order of no set and no path is in it."""
    assert _run_elsewhere("1", "sim", [SCENARIOS], tmp_path) == {
        (name, "sim"): simulated(name).digest for name in PLANS if "sim" in PLANS[name].backends
    }


@pytest.mark.procs
@pytest.mark.parametrize("part", range(PARTS))
def test_it_does_so_on_real_processes_too(part: int, tmp_path: Path) -> None:
    """One file of each eight, in parts: that every plan runs alike in both worlds is shown above."""
    files = discover([SCENARIOS])[part :: 8 * PARTS]
    stems = {file.stem for file in files}
    names = [name for name in PLANS if PLANS[name].scenario in stems]

    assert _run_elsewhere("2", "both", files, tmp_path) == {
        (name, world): simulated(name).digest for name in names for world in PLANS[name].backends
    }


def _run_elsewhere(hash_seed: str, backend: str, files: Sequence[Path], folder: Path) -> dict[tuple[str, str], str]:
    """Digests of a `meshsim run` in another process, by test id and backend. Every run passed."""
    command = [sys.executable, "-m", "meshsim", "run", *map(str, files), "--backend", backend, "--json"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    # Some scenarios break rules of configuration on purpose.
    said = [line for line in done.stderr.decode().splitlines() if "warning: " not in line]
    assert (done.returncode, said) == (0, [])
    return _digests(done.stdout)


def _digests(lines: bytes) -> dict[tuple[str, str], str]:
    """Digests that `meshsim run --json` printed, by test id and backend."""
    runs = [json.loads(line) for line in lines.splitlines()]
    return {(_id(run), run["backend"]): run["digest"] for run in runs}


def _id(run: dict[str, Any]) -> str:
    variant = f"[{run['variant']}]" if run["variant"] else ""
    return f"{run['scenario']}{variant}-seed{run['seed']}"
