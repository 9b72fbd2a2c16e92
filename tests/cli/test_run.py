"""`meshsim run`: verdicts, exit codes, what is printed and what is kept."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshsim.oracle.verdict import Verdict, Violation
from meshsim.run import RunResult, run_plan, suite

Command = Callable[..., Any]

SLOW_RUN = """
import signal, sys
from meshsim.cli import main
from meshsim.sim import SimBackend

def step(self, node, event, now_ns):
    print("stepping", flush=True)
    while True:
        signal.pause()

SimBackend.step = step
sys.exit(main(["run", "sc", "--out", "out"]))
"""


def replaced(result: RunResult, **fields: Any) -> Callable[..., RunResult]:
    return lambda plan, backend, **_: msgspec.structs.replace(result, plan=plan, backend=backend, **fields)


@pytest.fixture
def kill_one(folder: Path) -> RunResult:
    from meshsim.cli.load import plans_of

    return run_plan(plans_of([Path("sc")])[0], "sim")


def test_a_passed_run_is_a_row_of_a_plain_table(meshsim: Command, folder: Path) -> None:
    """Not a terminal: no colour, no frames, no progress; a script can read the columns."""
    said = meshsim("run", "sc")

    assert (said.code, said.err) == (0, "")
    header, row, blank, summary = said.out.splitlines()
    assert header.split() == ["scenario", "backend", "seed", "verdict", "closest", "virtual", "wall", "digest"]
    assert re.fullmatch(r"kill-one  sim +7  passed +detect +\d+ % +8s +(\d+ms|\d+\.\d\ds)  [0-9a-f]{12}", row)
    assert (blank, summary) == ("", "1 runs: 1 passed, 0 violated, 0 inconclusive")
    assert (folder / "out" / "kill-one" / "sim-seed7" / "trace.jsonl").is_file()


def test_a_violated_run_ends_with_1_and_says_how_to_see_it_again(meshsim: Command, folder: Path) -> None:
    """The reader of a red build needs: what, the records that led to it, one line to copy."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace("times = 1", "times = 3"))

    said = meshsim("run", "sc")

    assert said.code == 1
    lines = said.out.splitlines()
    start = lines.index("violated: kill-one on sim, seed 7")
    assert lines[start + 1].startswith("  expect[0] (")
    assert lines[-4:-2] == [
        "  kept in out/kill-one/sim-seed7",
        "  reproduce: meshsim run sc/kill-one.toml --backend sim --seed 7",
    ]
    assert lines[-1] == "1 runs: 0 passed, 1 violated, 0 inconclusive"


def test_an_inconclusive_run_ends_with_3(
    meshsim: Command, kill_one: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine could not: CI decides what that means, and can tell it from a red."""
    verdict = Verdict(outcome="inconclusive", reason="cannot fork: no memory")
    monkeypatch.setattr(suite, "run_plan", replaced(kill_one, verdict=verdict))

    said = meshsim("run", "sc")

    assert said.code == 3
    assert "  cannot fork: no memory" in said.out.splitlines()


def test_json_is_one_object_a_line_and_nothing_else(meshsim: Command) -> None:
    """Programs read standard output line by line; the keys are a contract."""
    said = meshsim("run", "sc", "--json", "--seed", "3")

    assert said.err == ""
    (line,) = [json.loads(line) for line in said.out.splitlines()]
    assert {
        key: line[key]
        for key in ("schema", "scenario", "profile", "backend", "seed", "verdict", "violations", "run_dir")
    } == {
        "schema": 1,
        "scenario": "kill-one",
        "profile": "2026-03",
        "backend": "sim",
        "seed": 3,
        "verdict": "passed",
        "violations": [],
        "run_dir": "out/kill-one/sim-seed3",
    }
    assert set(line) == {
        "schema", "scenario", "variant", "profile", "backend", "seed", "verdict", "reason", "violations", "margins",
        "digest", "virtual_ns", "wall_s", "run_dir",
    }  # fmt: skip
    assert (len(line["digest"]), line["virtual_ns"]) == (64, 8_000_000_000)


def test_another_profile_is_named_wherever_a_run_is(meshsim: Command, folder: Path) -> None:
    """Table, finding, reproduce line, run directory and page: nobody takes it for the modelled system as it is."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace("times = 1", "times = 3"))

    said = meshsim("run", "sc", "--profile", "fixed", "--report", "page")

    lines = said.out.splitlines()
    assert said.code == 1
    assert lines[1].startswith("kill-one (fixed)  sim ")
    assert "violated: kill-one (fixed) on sim, seed 7" in lines
    assert lines[-5:-3] == [
        "  kept in out/kill-one.fixed/sim-seed7",
        "  reproduce: meshsim run sc/kill-one.toml --backend sim --seed 7 --profile fixed",
    ]
    assert "kill-one (fixed)" in (folder / "page" / "index.html").read_text()
    meta = json.loads((folder / "out" / "kill-one.fixed" / "sim-seed7" / "meta.json").read_text())
    assert meta["profile"] == "fixed"


def test_profiles_of_one_scenario_are_kept_beside_each_other(meshsim: Command) -> None:
    """A run without quirks must not replace the one with them, and a page shows both as plans of their own."""
    runs = [json.loads(meshsim("run", "sc", "--json", "--profile", name).out) for name in ("2026-03", "fixed")]

    said = meshsim("report", "out", "--out", "page")

    assert [(run["profile"], run["run_dir"]) for run in runs] == [
        ("2026-03", "out/kill-one/sim-seed7"),
        ("fixed", "out/kill-one.fixed/sim-seed7"),
    ]
    page = Path("page/index.html").read_text()
    assert said.code == 0
    assert "2 runs of 2 plans" in page
    assert ('id="kill-one-7"' in page, 'id="kill-one-fixed-7"' in page) == (True, True)


def test_backends_are_compared_and_a_difference_is_a_violation(
    meshsim: Command, folder: Path, kill_one: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both worlds pass on their own, but did not do the same: that is a finding."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('["sim"]', '["lockstep", "sim"]'))
    shifted = msgspec.structs.replace(kill_one, records=kill_one.records[:-1], digest="0" * 64)
    results = {"sim": replaced(kill_one), "lockstep": replaced(shifted)}
    monkeypatch.setattr(suite, "run_plan", lambda plan, backend, **_: results[backend](plan, backend))

    said = meshsim("run", "sc")

    assert said.code == 1
    assert [line.split()[1:4] for line in said.out.splitlines()[1:3]] == [
        ["sim", "7", "passed"],
        ["lockstep", "7", "violated"],
    ]
    assert "  backends-agree (safety) at 8.000s: " in said.out
    assert "  reproduce: meshsim run sc/kill-one.toml --backend both --seed 7" in said.out.splitlines()
    kept = json.loads((folder / "out" / "kill-one" / "lockstep-seed7" / "verdict.json").read_text())
    assert kept["outcome"] == "violated"


def test_a_red_pair_with_equal_digests_is_told_once(
    meshsim: Command, folder: Path, kill_one: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both worlds broke the same rule by the same records: reading it twice teaches nothing."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('["sim"]', '["sim", "lockstep"]'))
    violation = Violation(invariant="accuracy", subject="client", message="heard of a healthy rank", at=0, records=(3,))
    verdict = Verdict(outcome="violated", violations=(violation, violation))
    monkeypatch.setattr(suite, "run_plan", replaced(kill_one, verdict=verdict))

    lines = meshsim("run", "sc").out.splitlines()

    assert lines.count("  accuracy (safety) at 0.000s: heard of a healthy rank") == 2
    assert lines.count("    (the same records)") == 1
    assert lines[lines.index("violated: kill-one on lockstep, seed 7") + 1] == (
        "  the same as on sim, record for record"
    )


def test_nothing_runs_when_any_file_is_bad(meshsim: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files are checked before the first process starts: no half campaign because of a typo."""
    (folder / "sc" / "bad.toml").write_text("name = ")
    monkeypatch.setattr(suite, "run_plan", lambda *_, **__: pytest.fail("started"))

    said = meshsim("run", "sc")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("meshsim: sc/bad.toml: not TOML: ")
    assert len(said.err.splitlines()) == 1
    assert not (folder / "out").exists()


def test_a_backend_that_a_scenario_does_not_name_is_refused(meshsim: Command) -> None:
    """Asked for real processes and given none would look like a pass."""
    said = meshsim("run", "sc", "--backend", "lockstep")

    assert said == (
        2,
        "",
        "meshsim: sc/kill-one.toml: not run: it is for sim, not for lockstep\n"
        "meshsim: --backend lockstep: none of the scenarios is for it\n",
    )


@pytest.mark.parametrize(
    ("own", "profile", "line"),
    [
        ("2025-11", "fixed", "it is of revision 2025-11, not of 2026-03"),
        ("2026-03", "2025-11", "it is of revision 2026-03, not of 2025-11"),
    ],
)
def test_a_scenario_of_another_revision_is_left_out(
    own: str, profile: str, line: str, meshsim: Command, folder: Path
) -> None:
    """What it expects is about another system: neither green nor red would say anything."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('horizon = "8s"', f'horizon = "8s"\nprofile = "{own}"'))

    alone = meshsim("run", "sc", "--profile", profile)
    (folder / "sc" / "idle.toml").write_text(f'name = "idle"\nhorizon = "1s"\nprofile = "{profile}"\n')
    beside = meshsim("run", "sc", "--profile", profile, "--backend", "sim")

    left_out = f"meshsim: sc/kill-one.toml: not run: {line}\n"
    none = f"meshsim: --profile {profile}: none of the scenarios is of its revision, {line.rpartition(' ')[2]}\n"
    assert alone == (2, "", left_out + none)
    assert (beside.code, beside.err) == (0, left_out)
    assert "1 runs: 1 passed" in beside.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("run", "sc", "--seed", "x"), r"meshsim: .*--seed.*x.*"),
        (("run", "sc", "--sed", "3"), r"meshsim: .*--sed.*--seed.*"),
        (("run", "sc", "--backend", "real"), r"meshsim: .*real.*lockstep.*"),
        (
            ("run", "sc", "--time-scale", "0.1"),
            r"meshsim: --time-scale: only where something runs on `live`, see --backend",
        ),
        (("run", "sc", "--backend", "live", "--time-scale", "0"), r"meshsim: --time-scale: expected .* got 0"),
        (("run", "sc", "--late-max", "1s"), r"meshsim: --late-max: only where something runs on `live`, see --backend"),
        (("run", "sc", "--profile", "2025"), r"meshsim: .*2025.*fixed.*"),
        (("rum", "sc"), r"meshsim: .*rum.*run.*"),
        (("run", "sc", "--seed", "-1"), r"meshsim: .*seed.*-1.*"),
        (("trace", "out", "--since", "soon"), r"meshsim: .*out.*No such file.*"),
    ],
)
def test_bad_usage_is_one_line_and_ends_with_2(meshsim: Command, words: tuple[str, ...], line: str) -> None:
    """What was expected, what came; never a traceback or a page of help."""
    said = meshsim(*words)

    assert (said.code, said.out) == (2, "")
    assert re.fullmatch(line + "\n", said.err)


def test_an_output_folder_that_takes_no_files_is_found_before_the_first_run(
    meshsim: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour of runs that cannot be kept is an hour lost."""
    (folder / "taken").write_text("mine")
    monkeypatch.setattr(suite, "run_plan", lambda *_, **__: pytest.fail("started"))

    said = meshsim("run", "sc", "--out", "taken")

    assert said == (2, "", "meshsim: taken: cannot write runs there: File exists\n")


def test_a_full_disk_ends_with_2_and_one_line(meshsim: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk fills up in the middle: say so, in one line."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("meshsim.run.directory.write_trace", full)

    assert meshsim("run", "sc") == (2, "", "meshsim: out: cannot write runs there: No space left on device\n")


def test_a_report_is_written_and_its_path_printed(meshsim: Command, folder: Path) -> None:
    """`make demo` ends with the path of the page."""
    said = meshsim("run", "sc", "--report", "reports/demo.html")

    assert said.code == 0
    assert said.out.splitlines()[-1] == "report: reports/demo.html"
    assert "kill-one" in (folder / "reports" / "demo.html").read_text()
    assert (folder / "out" / "kill-one" / "sim-seed7" / "timeline.svg").is_file()


def test_a_report_of_kept_runs_is_the_same_page(meshsim: Command, folder: Path) -> None:
    """A page can be made again from the run directories, byte by byte."""
    meshsim("run", "sc", "--report", "one")

    said = meshsim("report", "out", "--out", "two")

    assert said == (0, "report: two/index.html\n", "")
    assert (folder / "two" / "index.html").read_bytes() == (folder / "one" / "index.html").read_bytes()


def test_a_report_of_nothing_is_refused(meshsim: Command) -> None:
    """An empty page would look like an empty campaign."""
    assert meshsim("report", "sc") == (2, "", "meshsim: sc: no runs there\n")


def test_an_interrupted_run_ends_with_130_and_leaves_nothing_half_done(folder: Path) -> None:
    """Ctrl-C in the middle of a run, to the real command: one line, no traceback, no half run directory."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_RUN],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(suite.__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stepping\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert err == "meshsim: interrupted: the processes of the run have ended, runs that were complete are kept\n"
    assert os.listdir(folder / "out") == []


def test_a_red_run_names_the_quirks_that_may_be_behind_it(meshsim: Command, folder: Path) -> None:
    """A newcomer's first kill is heard at every poll; the tool says that this is known, and what to write."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('horizon = "8s"', 'horizon = "15s"').replace("times = 1", "at_least = 1"))

    said = meshsim("run", "sc")

    assert said.code == 1
    assert (
        "  at-most-once: perhaps a quirk of the modelled system\n"
        "    Q18: A dead proc is reported again at every poll, and only the one with the lowest rank.\n"
    ) in said.out


def test_the_hint_of_a_red_run_is_toml_that_can_be_pasted(meshsim: Command, folder: Path) -> None:
    file = folder / "sc" / "kill-one.toml"
    text = file.read_text().replace('horizon = "8s"', 'horizon = "15s"').replace("times = 1", "at_least = 1")
    file.write_text(text)

    hints = meshsim("run", "sc", "--backend", "sim").out.split("say so in the scenario:\n")[1:]
    pasted = [line for hint in hints for line in hint.splitlines()[:4]]
    file.write_text("\n".join([text, *pasted, ""]))

    assert meshsim("run", "sc", "--backend", "sim").code == 0


def test_a_red_run_shows_how_the_process_had_ended(meshsim: Command, folder: Path) -> None:
    """What was heard is explained by what waitid said, though no chain of causes leads there."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace('horizon = "8s"', 'horizon = "15s"').replace("times = 1", "at_least = 1"))

    assert "process was waited for by host0: killed by signal 9" in meshsim("run", "sc").out


def test_a_file_without_the_wanted_variant_is_named(meshsim: Command, folder: Path) -> None:
    """Nothing is left out in silence."""
    text = (folder / "sc" / "kill-one.toml").read_text()
    matrix = '\n[matrix]\n"faults.0.signal" = ["SIGKILL", "SIGTERM"]\n'
    (folder / "sc" / "both.toml").write_text(text.replace("kill-one", "both") + matrix)

    said = meshsim("run", "sc", "--variant", "signal=SIGTERM")

    assert said.err == "meshsim: sc/kill-one.toml: not run: it has no variant signal=SIGTERM\n"
    assert said.out.count("both [signal=SIGTERM]") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_output_that_takes_nothing_is_one_line(folder: Path) -> None:
    """A full disk behind standard output: exit code 2, no traceback."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "meshsim", "list", "sc"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (done.returncode, done.stderr) == (2, "meshsim: standard output: No space left on device\n")


def test_a_closed_output_is_no_error(folder: Path) -> None:
    """`meshsim list >&-`: there is nobody to tell."""
    command = f"exec {sys.executable} -m meshsim list sc >&-"
    done = subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
