"""Sweeps: the same table however they are run, killed or not."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from meshsim.run import sweep as sweep_module
from meshsim.run.directory import OutputError
from meshsim.run.sweep import Sweep, Swept, run_sweep
from meshsim.run.table import TableError, TableWriter, read_table
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import Plan, plan

SCENARIO = """\
name = "small"
horizon = "12s"

[topology]
procs = [{ name = "workers", per_host = { gpus = 2 } }]
actors = [{ name = "trainer", procs = "workers" }]

[[faults]]
kind = "raise"
at = "4s"
within = "2s"
target = "trainer[1]"
"""

#: What `make` does, and dies of SIGKILL by its own hand, as from the out-of-memory killer, after three runs.
KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[1]]
from test_sweep import make
done = []
def over(plan):
    done.append(plan)
    if len(done) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
make(Path(sys.argv[2]), Path(sys.argv[3]), workers=2, over=over)
"""


def asked(folder: Path, *, seeds: int = 4, periods: tuple[str, ...] = ("1s", "3s")) -> Sweep:
    file = folder / "small.toml"
    if not file.exists():
        file.write_text(SCENARIO)
    settings = {"supervision_poll_frequency": list(periods)}
    plans = [plan(each, seed) for each in load_scenarios(file, settings) for seed in range(seeds)]
    plans = [msgspec.structs.replace(each, source="small.toml") for each in plans]
    return Sweep(plans=plans, backend="sim", settings=settings, seed=0, seeds=seeds)


def make(folder: Path, table: Path, *, workers: int = 1, over: Callable[[Plan], None] = lambda _: None) -> Swept:
    return run_sweep(asked(folder), table, workers=workers, over=over)


@pytest.fixture
def alone(tmp_path: Path) -> bytes:
    """The table of a sweep that nothing happens to."""
    make(tmp_path, tmp_path / "alone.jsonl")
    return (tmp_path / "alone.jsonl").read_bytes()


def test_a_row_for_each_setting_and_seed(tmp_path: Path, alone: bytes) -> None:
    """Settings in the order of the arguments, seeds in theirs; longer periods find later."""
    header, rows = read_table(tmp_path / "alone.jsonl")

    assert header.settings == {"supervision_poll_frequency": ["1s", "3s"]}
    assert [(row.label, row.seed) for row in rows] == [
        (f"supervision_poll_frequency={period}", seed) for period in ("1s", "3s") for seed in range(4)
    ]
    assert {row.clock for row in rows} == {"virtual"}
    assert max(row.numbers.detect_ns[0] for row in rows[:4] if row.numbers) <= 1_010_000_000


def test_several_processes_make_the_same_bytes(tmp_path: Path, alone: bytes) -> None:
    """The order in which they finish is no part of the result."""
    make(tmp_path, tmp_path / "three.jsonl", workers=3)

    assert (tmp_path / "three.jsonl").read_bytes() == alone


def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path: Path, alone: bytes) -> None:
    """SIGKILL in the middle: what was over is in the table and is not run again, and no worker outlives it."""
    table = tmp_path / "killed.jsonl"
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path), str(table)]
    ended = subprocess.run(words, check=False)
    assert ended.returncode == -signal.SIGKILL
    before = [row.plan_digest for row in read_table(table)[1]]
    again: list[Plan] = []

    swept = make(tmp_path, table, workers=2, over=again.append)

    assert 3 <= len(before) < 8
    assert (swept.before, len(again), len(swept.rows)) == (len(before), 8 - len(before), 8)
    assert table.read_bytes() == alone
    assert [each for each in psutil.process_iter(["cmdline"]) if str(table) in (each.info["cmdline"] or [])] == []


def test_a_line_that_was_torn_is_run_again(tmp_path: Path, alone: bytes) -> None:
    """A writer that dies within a line leaves the others whole, and its header, too."""
    table = tmp_path / "torn.jsonl"
    for cut in (len(alone) - 7, 20, 0):
        table.write_bytes(alone[:cut])
        swept = make(tmp_path, table)
        assert swept.before == (7 if cut > 20 else 0)
        assert table.read_bytes() == alone


def test_a_sweep_that_is_done_runs_nothing(tmp_path: Path, alone: bytes) -> None:
    again: list[Plan] = []

    swept = make(tmp_path, tmp_path / "alone.jsonl", over=again.append)

    assert (swept.before, again) == (8, [])
    assert (tmp_path / "alone.jsonl").read_bytes() == alone


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seeds": 5}, "--seeds 4, not 5"),
        ({"periods": ("1s", "2s")}, "--set supervision_poll_frequency=1s,3s, not supervision_poll_frequency=1s,2s"),
    ],
)
def test_the_table_of_another_sweep_is_left_alone(
    tmp_path: Path, alone: bytes, change: dict[str, object], says: str
) -> None:
    """Rows of two sweeps in one file would be averaged as one. The error says what differs."""
    table = tmp_path / "alone.jsonl"

    with pytest.raises(TableError) as raised:
        run_sweep(asked(tmp_path, **change), table)  # type: ignore[arg-type]

    assert str(raised.value) == f"{table}: the table of another sweep, {says}; give another --out or remove it"
    assert table.read_bytes() == alone


def test_a_scenario_that_was_changed_is_another_sweep(tmp_path: Path, alone: bytes) -> None:
    """The same words on the command line, another file: the digest of the plans tells."""
    (tmp_path / "small.toml").write_text(SCENARIO.replace("4s", "5s"))

    with pytest.raises(TableError, match="made when the scenario file said something else"):
        make(tmp_path, tmp_path / "alone.jsonl")


def test_what_is_no_table_is_left_alone(tmp_path: Path) -> None:
    for text in ("", "name = 1\n"):
        file = tmp_path / "other.toml"
        file.write_text(f"# mine{text}")
        with pytest.raises(TableError, match="not a table of a sweep"):
            make(tmp_path, file)
        assert file.read_text() == f"# mine{text}"


def test_two_sweeps_do_not_write_one_table(tmp_path: Path, alone: bytes) -> None:
    """The second is told; the lock goes with its process."""
    table = tmp_path / "alone.jsonl"
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path), str(table)]

    with TableWriter(table, read_table(table)[0]):
        ended = subprocess.run(words, check=False, capture_output=True, text=True)

    assert ended.stderr.endswith(f"TableError: {table}: another sweep is writing it\n")
    assert table.read_bytes() == alone


def test_a_place_that_takes_no_files_is_said_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match="cannot be written"):
        make(tmp_path, tmp_path / "file" / "sweep.jsonl")


def test_a_run_that_kills_its_worker_is_not_in_the_table(
    tmp_path: Path, alone: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of it: it comes again with the next start."""
    run_plan = sweep_module.run_plan

    def deadly(plan: Plan, backend: str, **keys: object) -> object:
        if plan.seed == 2:
            psutil.Process().kill()
        return run_plan(plan, backend, **keys)  # type: ignore[arg-type]

    table = tmp_path / "lost.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(sweep_module, "run_plan", deadly)
        swept = make(tmp_path, table, workers=2)
    assert (swept.lost, len(swept.rows)) == (2, 6)

    assert make(tmp_path, table).before == 6
    assert table.read_bytes() == alone
