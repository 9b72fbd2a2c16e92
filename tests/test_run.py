"""Running a plan, and the directory that a run leaves behind."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path

import msgspec
import pytest

from meshsim.drive.backend import BackendError
from meshsim.faults.kinds import Signal
from meshsim.oracle.expectations import Hears
from meshsim.oracle.verdict import Verdict
from meshsim.run import (
    Limits,
    OutputError,
    RunError,
    RunResult,
    compared,
    find_runs,
    read_run,
    reproduce_line,
    run_plan,
    write_run,
)
from meshsim.run import directory as run_directory
from meshsim.scenario.plan import Plan, plan, with_profile
from meshsim.scenario.schema import Actors, Procs, Scenario, Topology
from meshsim.sim import SimBackend
from meshsim.trace.digest import digest
from meshsim.units import Duration, S

SCENARIO = Scenario(
    name="kill-one",
    horizon=Duration(15 * S),
    topology=Topology(
        procs=[Procs(name="workers", per_host={"gpus": 2})], actors=[Actors(name="trainer", procs="workers")]
    ),
    faults=[Signal(target="workers[1]", at=Duration(5 * S), signal="SIGKILL")],
    expect=[Hears(listener="client", mesh="trainer", rank=1, times=1)],
)


@pytest.fixture(scope="module")
def kill_one() -> Plan:
    return msgspec.structs.replace(plan(SCENARIO, 7), source="scenarios/fast/kill-one.toml")


@pytest.fixture(scope="module")
def result(kill_one: Plan) -> RunResult:
    return run_plan(kill_one, "sim")


def files_below(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_a_run_is_judged_and_carries_its_digest(result: RunResult) -> None:
    """One plan in, one result out: records, their digest, the verdict, and both kinds of time."""
    assert result.verdict.outcome == "passed"
    assert result.digest == digest(result.records)
    assert result.virtual_ns == 15 * S
    assert result.wall_s > 0


def test_a_backend_that_cannot_makes_the_run_inconclusive(kill_one: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's trouble is never a red and never a green; nothing of this machine is in the reason."""

    def refuse(self: SimBackend, *_: object) -> None:
        raise BackendError(f"host0 did not answer, see {os.getcwd()}/log")

    monkeypatch.setattr(SimBackend, "step", refuse)

    result = run_plan(kill_one, "sim")

    assert result.verdict == Verdict(outcome="inconclusive", reason="host0 did not answer, see ./log")


def test_a_run_over_its_wall_limit_is_given_up(kill_one: Plan) -> None:
    """A run that never ends would block a whole CI job; being slow says nothing about the modelled system."""
    result = run_plan(kill_one, "sim", limits=Limits(wall_s=0))

    assert result.verdict.outcome == "inconclusive"
    assert result.verdict.reason.startswith("limit reached: 0 s of wall time, at ")


def test_the_backend_is_closed_when_a_run_is_interrupted(kill_one: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C anywhere in a run must not leave processes."""
    closed = []

    def interrupt(self: SimBackend, *_: object) -> None:
        raise KeyboardInterrupt

    def close(self: SimBackend) -> None:
        closed.append(self)

    monkeypatch.setattr(SimBackend, "step", interrupt)
    monkeypatch.setattr(SimBackend, "close", close)

    with pytest.raises(KeyboardInterrupt):
        run_plan(kill_one, "sim")

    assert closed


def test_worlds_that_agree_leave_the_verdict_alone(result: RunResult) -> None:
    """Equal digests are the certificate that both worlds did the same."""
    lockstep = msgspec.structs.replace(result, backend="lockstep")

    assert compared(result, lockstep) is lockstep


def test_worlds_that_differ_are_a_violation_with_the_first_difference(result: RunResult) -> None:
    """A difference is a finding about the model or the machine: the record is shown, and both are run again."""
    records = [*result.records]
    records[3] = msgspec.structs.replace(records[3], at=records[3].at + 1)
    lockstep = msgspec.structs.replace(result, backend="lockstep", records=records, digest=digest(records))

    red = compared(result, lockstep)

    assert red.verdict.outcome == "violated"
    assert red.verdict.violations[0].invariant == "backends-agree"
    assert red.verdict.violations[0].message.startswith("from record 3 on, sim has '")
    assert reproduce_line(red) == "meshsim run scenarios/fast/kill-one.toml --backend both --seed 7"


def test_an_inconclusive_half_is_not_compared(result: RunResult) -> None:
    """Half a trace differs from a whole one, which says nothing."""
    lockstep = msgspec.structs.replace(
        result, backend="lockstep", digest="0", verdict=Verdict(outcome="inconclusive", reason="no memory")
    )

    assert compared(result, lockstep) is lockstep


def test_the_reproduce_line_names_the_variant(kill_one: Plan, result: RunResult) -> None:
    """One line, copied into a shell, runs exactly this plan again."""
    variant = msgspec.structs.replace(kill_one, variant={"faults.0.at": "5 s"})

    line = reproduce_line(msgspec.structs.replace(result, plan=variant))

    assert line == "meshsim run scenarios/fast/kill-one.toml --backend sim --seed 7 --variant 'at=5 s'"


def test_a_run_directory_reads_back_as_what_was_written(result: RunResult, tmp_path: Path) -> None:
    """The directory is the unit of exchange: report and judge work from it alone."""
    noisy = msgspec.structs.replace(result, wall_s=0.5, stderr={"host0/workers_1": b"oh no\n", "client": b""})

    place = write_run(noisy, tmp_path)

    assert place == tmp_path / "kill-one" / "sim-seed7"
    assert files_below(tmp_path) == [
        f"kill-one/sim-seed7/{name}"
        for name in (
            "meta.json",
            "plan.json",
            "stderr/client.txt",
            "stderr/host0/workers_1.txt",
            "trace.jsonl",
            "verdict.json",
        )
    ]
    assert read_run(place) == noisy
    assert find_runs(tmp_path) == [place]


def test_a_variant_has_a_directory_of_its_own(kill_one: Plan, result: RunResult, tmp_path: Path) -> None:
    """Variants of one scenario must not replace each other; odd characters do not leave the folder."""
    variant = msgspec.structs.replace(kill_one, variant={"a.code": 1, "b.text": "../x y"})

    place = write_run(msgspec.structs.replace(result, plan=variant), tmp_path)

    assert place.parent.parent == tmp_path
    assert place.parent.name.startswith("kill-one[code=1,text=")


def test_profiles_of_a_plan_never_share_a_directory(kill_one: Plan, result: RunResult, tmp_path: Path) -> None:
    """With and without quirks, a variant or not: four runs, four directories, and each is read back as what it was."""
    variant = msgspec.structs.replace(kill_one, variant={"code": 1})
    plans = [with_profile(each, profile) for each in (kill_one, variant) for profile in ("2026-03", "fixed")]

    places = [write_run(msgspec.structs.replace(result, plan=each), tmp_path) for each in plans]

    assert [place.relative_to(tmp_path).as_posix() for place in places] == [
        "kill-one/sim-seed7",
        "kill-one.fixed/sim-seed7",
        "kill-one[code=1]/sim-seed7",
        "kill-one[code=1].fixed/sim-seed7",
    ]
    assert [read_run(place).plan for place in places] == plans
    assert [json.loads((place / "meta.json").read_text())["profile"] for place in places] == ["2026-03", "fixed"] * 2


def test_the_reproduce_line_names_a_profile_that_the_file_alone_would_not_give(
    kill_one: Plan, result: RunResult
) -> None:
    """Copied as it is, it runs the same again: also when the usual profile has replaced another one."""
    fixed = msgspec.structs.replace(kill_one, profile="fixed")
    plans = (kill_one, fixed, with_profile(kill_one, "fixed"), with_profile(fixed, "2026-03"))

    lines = [reproduce_line(msgspec.structs.replace(result, plan=each)) for each in plans]

    start = "meshsim run scenarios/fast/kill-one.toml --backend sim --seed 7"
    assert lines == [start, f"{start} --profile fixed", f"{start} --profile fixed", f"{start} --profile 2026-03"]


def test_nothing_in_a_run_directory_names_this_machine(result: RunResult, tmp_path: Path) -> None:
    """Run directories are attached to public bug reports."""
    place = write_run(result, tmp_path)

    content = b"".join((place / name).read_bytes() for name in files_below(place))
    for secret in (str(Path.cwd()), str(tmp_path), str(Path.home()), os.uname().nodename):
        assert secret.encode() not in content


def test_meta_says_what_made_the_run(result: RunResult, tmp_path: Path) -> None:
    """Two directories can be told apart, and each made again, from this file alone."""
    meta = msgspec.json.decode((write_run(result, tmp_path) / "meta.json").read_bytes())

    assert {key: meta[key] for key in ("schema", "scenario", "seed", "backend", "verdict", "command", "digest")} == {
        "schema": 1,
        "scenario": "kill-one",
        "seed": 7,
        "backend": "sim",
        "verdict": "passed",
        "command": "meshsim run scenarios/fast/kill-one.toml --backend sim --seed 7",
        "digest": result.digest,
    }
    assert list(meta["versions"]) == ["python", "meshsim", "simpy", "msgspec", "dill", "multiprocess"]


def test_a_run_of_the_same_name_is_replaced_as_a_whole(result: RunResult, tmp_path: Path) -> None:
    """No file of the old run survives beside the new one, and no temporary directory either."""
    place = write_run(result, tmp_path)
    (place / "timeline.svg").write_text("old")

    write_run(msgspec.structs.replace(result, wall_s=2.0), tmp_path)

    assert files_below(place) == ["meta.json", "plan.json", "trace.jsonl", "verdict.json"]
    assert read_run(place).wall_s == 2.0
    assert os.listdir(tmp_path) == ["kill-one"]


def test_a_writer_that_fails_leaves_the_old_run(
    result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle of writing: the run of yesterday is still there, whole, and nothing else."""
    place = write_run(msgspec.structs.replace(result, wall_s=1.0), tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("meshsim.run.directory.write_trace", full)

    with pytest.raises(OutputError, match=r"cannot write runs there: No space left on device$"):
        write_run(msgspec.structs.replace(result, wall_s=2.0), tmp_path)

    assert read_run(place).wall_s == 1.0
    assert os.listdir(tmp_path) == ["kill-one"]


def test_what_a_dead_writer_left_is_swept_and_a_live_one_left_alone(result: RunResult, tmp_path: Path) -> None:
    """SIGKILL while writing leaves a temporary directory, unlocked by the kernel; a parallel run's is still locked."""
    dead, alive = tmp_path / ".writing-1-0", tmp_path / ".writing-2-0"
    dead.mkdir()
    (dead / "trace.jsonl").write_text("half")
    alive.mkdir()
    lock = os.open(alive, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    write_run(result, tmp_path)

    assert sorted(os.listdir(tmp_path)) == [".writing-2-0", "kill-one"]
    os.close(lock)


def test_who_sweeps_late_takes_nothing_from_the_next_writer(
    result: RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that takes an older one's place leaves that under its temporary name, unlocked. Who sweeps has looked at
    it, and removes what goes by that name when the writer is at its next run.
    """
    names: list[Path] = []

    def noted(directory: Path, place: Path) -> None:
        for each in names:
            shutil.rmtree(each, ignore_errors=True)
        names.append(directory)
        put(directory, place)

    put = run_directory._put
    monkeypatch.setattr(run_directory, "_put", noted)

    for _ in range(3):
        assert read_run(write_run(result, tmp_path)).digest == result.digest
    assert len(set(names)) == 3


def test_an_output_folder_that_is_a_file_is_refused(result: RunResult, tmp_path: Path) -> None:
    """`--out` pointing at a file is the user's slip: one line says so."""
    place = tmp_path / "out"
    place.write_text("mine")

    with pytest.raises(OutputError, match=r"out: cannot write runs there: File exists$"):
        write_run(result, place)

    assert place.read_text() == "mine"


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    """`meshsim report` over the wrong folder says which file it missed."""
    with pytest.raises(RunError, match=r"not a run directory: No such file or directory: meta\.json$"):
        read_run(tmp_path)


def test_a_damaged_run_is_refused(result: RunResult, tmp_path: Path) -> None:
    """A cut file is named; it is never read as a shorter run."""
    place = write_run(result, tmp_path)
    (place / "verdict.json").write_text("{")

    with pytest.raises(RunError, match=r"sim-seed7: not a run directory: "):
        read_run(place)
