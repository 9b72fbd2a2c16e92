"""How runs end, and what a reader of pytest's output, of JUnit files and of exit codes learns of it."""

from __future__ import annotations

import os
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from leftovers import processes_with, wait_until
from projects import KILL_ONE, OWN, QUIET, Project, properties

from meshsim.cli import main
from meshsim.procs.launcher import RUN_MARKER
from meshsim.pytest_plugin.outcome import Budget
from meshsim.run import Limits, run_plan
from meshsim.scenario import Scenario, load_scenarios, plan, plan_digest
from meshsim.units import Duration, S

#: An actor that has no memory says nothing about the modelled system.
RAISES = "raise MemoryError('no room for me')"


@pytest.fixture
def red(project: Project) -> Project:
    """One scenario that expects too much."""
    project.scenario(KILL_ONE, times="3", backends='["sim"]')
    return project


def junit_case(project: Project, name: str, *words: str) -> Element:
    return project.junit(*words)[name]


def test_a_violation_is_told_as_meshsim_run_tells_it(red: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """One text for both, from the sentence to the line that runs it again; no traceback."""
    main(["run", "sc/fast/kill-one.toml", "--backend", "sim"])
    told = capsys.readouterr().out.splitlines()
    told = [line for line in told[told.index("violated: kill-one on sim, seed 7") : -2] if "kept in" not in line]

    result = red.pytest()

    assert result.ret == pytest.ExitCode.TESTS_FAILED
    lines = [line.rstrip() for line in result.stdout.lines]
    start = lines.index(told[0])
    assert lines[start : start + len(told)] == told
    assert told[-1] == "  reproduce: meshsim run sc/fast/kill-one.toml --backend sim --seed 7"
    assert "Traceback" not in result.stdout.str()
    assert ".py" not in "".join(lines[start:])
    (summary,) = (line for line in lines if line.startswith("FAILED"))
    sentence = "expect[0]: client heard trainer rank 1 Failed 1 time, expected 3"
    assert summary == f"FAILED sc/fast/kill-one.toml::kill-one[sim-seed7] - {sentence}"


def test_the_end_of_the_trace_is_shown_below(red: Project) -> None:
    """What happened last is often enough to understand."""
    lines = red.pytest().stdout.lines

    start = next(index for index, line in enumerate(lines) if "Captured end of the trace call" in line)
    assert lines[start + 20].split(maxsplit=1)[1].startswith("world          run ends (horizon)")


def test_what_processes_wrote_is_shown_below(project: Project) -> None:
    """What an actor of their own printed, for one."""
    project.scenario(OWN + '[[expect]]\nkind = "hears"\nlistener = "client"\n', backends='["lockstep"]')
    project.actor("print('I was here', flush=True)", "return []")

    lines = project.pytest().stdout.lines

    start = next(index for index, line in enumerate(lines) if "Captured stderr of host0/workers_0 call" in line)
    assert lines[start + 1] == "I was here"


def test_junit_says_how_to_see_a_run_again(project: Project) -> None:
    """Seed, digests, backend and the rest as properties; the violation in a sentence as message."""
    project.scenario(KILL_ONE, times="3", backends='["sim"]')
    (loaded,) = load_scenarios(Path("sc/fast/kill-one.toml"))
    expected = plan(loaded, 7)

    case = junit_case(project, "kill-one[sim-seed7]")

    assert properties(case) == {
        "seed": "7",
        "backend": "sim",
        "profile": "2026-03",
        "plan_digest": plan_digest(expected),
        "digest": run_plan(expected, "sim").digest,
        "virtual_s": "8.000",
        "verdict": "violated",
        "reproduce": "meshsim run sc/fast/kill-one.toml --backend sim --seed 7",
        "closest_margin": "detect of trainer[1]: 1.035s of 3s (34 %)",
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == run_plan(expected, "sim").verdict.reason
    assert (failure.text or "").startswith("violated: kill-one on sim, seed 7\n  expect[0] (")


def test_runs_are_kept_and_options_replace_what_files_say(project: Project) -> None:
    """A folder of run directories, named as `meshsim run` names them; the profile and the seeds are in the header."""
    project.scenario(QUIET)
    words = ("--meshsim-out", "runs", "--meshsim-profile", "fixed", "--meshsim-seed", "5")

    result = project.pytest(*words)

    result.assert_outcomes(passed=1)
    (kept,) = project.path.rglob("meta.json")
    assert str(kept.relative_to(project.path)) == "runs/quiet.fixed/sim-seed5/meta.json"
    assert result.stdout.lines[2].endswith(", profile fixed, seed 5, backend both, inconclusive runs fail")


def test_fresh_seeds_can_be_asked_for_again(project: Project) -> None:
    """The header has the words that do it."""
    project.scenario(QUIET)

    result = project.pytest("--meshsim-seeds", "3", "--collect-only")
    again = result.stdout.lines[2].partition("(again: ")[2].partition(")")[0]

    assert again.split()[::2] == ["--meshsim-seed", "--meshsim-seeds"]
    ids = [line for line in result.stdout.lines if "<ScenarioItem" in line]
    assert len(ids) == 3
    repeated = project.pytest("--collect-only", *again.split())
    assert [line for line in repeated.stdout.lines if "<ScenarioItem" in line] == ids


@pytest.mark.parametrize(
    ("policy", "code", "tag"),
    [("fail", pytest.ExitCode.TESTS_FAILED, "failure"), ("skip", 0, "skipped"), ("pass", 0, None)],
)
def test_inconclusive_is_an_outcome_of_its_own(project: Project, policy: str, code: int, tag: str | None) -> None:
    """Its own letter, its own count, its own section; whether CI is red is a flag."""
    project.scenario(OWN, backends='["sim"]')
    project.scenario(QUIET)
    project.actor(RAISES)
    options = ("--meshsim-inconclusive", policy, "--junitxml", "junit.xml")

    result = project.pytest(*options)

    assert result.ret == code
    assert result.parseoutcomes() == {"inconclusive": 1, "passed": 1}
    lines = result.stdout.lines
    assert lines[next(i for i, line in enumerate(lines) if line.startswith("collected")) + 2].split()[1] == "?"
    start = next(index for index, line in enumerate(lines) if "inconclusive: these runs say nothing" in line)
    assert lines[start + 1 : start + 3] == [
        "INCONCLUSIVE sc/fast/own.toml::own[sim-seed0]",
        "  inconclusive: own on sim, seed 0",
    ]
    assert "    MemoryError: no room for me" in lines[start:]
    assert "  reproduce: meshsim run sc/fast/own.toml --backend sim --seed 0" in [line[2:] for line in lines[start:]]
    case = junit_case(project, "own[sim-seed0]", *options)
    assert properties(case)["verdict"] == "inconclusive"
    assert [child.tag for child in case if child.tag != "properties"][:1] == ([] if tag is None else [tag])


def test_verbose_output_has_the_word(project: Project) -> None:
    project.scenario(OWN, backends='["sim"]')
    project.actor(RAISES)

    lines = project.pytest("-v").stdout.lines

    assert next(line.split()[1] for line in lines if "::own[" in line) == "INCONCLUSIVE"


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_both_worlds_must_agree(project: Project) -> None:
    """An actor that behaves otherwise in a real process: the digests differ, and that is the finding."""
    project.scenario(OWN)
    project.actor(f"return [SetTimer(self.me, 'real', 10**9)] if {RUN_MARKER!r} in os.environ else []")

    result = project.pytest()

    result.assert_outcomes(passed=1, failed=1)
    assert next(line for line in result.stdout.lines if line.startswith("FAILED")).startswith(
        "FAILED sc/fast/own.toml::own[lockstep-seed0] - backends-agree: from record"
    )
    assert "  reproduce: meshsim run sc/fast/own.toml --backend both --seed 0" in result.stdout.lines


def test_a_machine_without_real_processes_skips_them_and_says_why(project: Project) -> None:
    """On a laptop of another make the simulated half of a suite is worth running."""
    project.scenario(OWN)
    project.actor("return []")
    project.write(
        "conftest.py",
        "import meshsim.procs.capabilities as c\nc.missing_for = lambda _: ['Linux: this is a sun dial']\n",
    )

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("meshsim.procs.capabilities.missing_for", lambda _: [])
        result = project.pytest("-rs")

    result.assert_outcomes(passed=1, skipped=1)
    (line,) = (line for line in result.stdout.lines if line.startswith("SKIPPED"))
    assert "lockstep cannot work on this machine: Linux: this is a sun dial (meshsim doctor says more)" in line


# --- the wall clock ----------------------------------------------------------------------------------------


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_a_run_on_live_that_is_too_late_is_inconclusive(project: Project) -> None:
    """Nothing is as punctual as a nanosecond; the number is in the reason, and how late all was is said."""
    project.scenario(KILL_ONE)
    words = ("--meshsim-backend", "live", "--meshsim-time-scale", "0.1", "--meshsim-late-max", "1us")

    result = project.pytest(*words, "--meshsim-inconclusive", "pass")

    text = result.stdout.str()
    assert result.ret == pytest.ExitCode.OK
    assert "INCONCLUSIVE sc/fast/kill-one.toml::kill-one[live-seed7]" in text
    assert "  too late: " in text
    assert "; at most 1us is allowed" in text
    assert "  late by (median, virtual time): " in text
    assert "  reproduce: meshsim run sc/fast/kill-one.toml --backend live --seed 7 --time-scale 0.1" in text


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_the_pace_of_a_project_is_in_its_ini_file(project: Project) -> None:
    """JUnit has the reproduce line with it; the option counts more."""
    project.scenario(KILL_ONE, backends='["live"]')
    words = ("-o", "meshsim_time_scale=0.1", "--meshsim-inconclusive", "pass")

    of_file = properties(project.junit(*words)["kill-one[live-seed7]"])
    of_option = properties(project.junit(*words, "--meshsim-time-scale", "0.2")["kill-one[live-seed7]"])

    assert of_file["backend"] == "live"
    assert of_file["reproduce"].endswith("--backend live --seed 7 --time-scale 0.1")
    assert of_option["reproduce"].endswith("--backend live --seed 7 --time-scale 0.2")


# --- time limits -------------------------------------------------------------------------------------------


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_a_run_that_is_interrupted_leaves_no_process(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """pytest-timeout interrupts with SIGALRM while a process of the run hangs; here the process itself calls for it."""
    monkeypatch.setenv("PLUGIN_TEST", str(project.path))
    monkeypatch.setenv("RUNNER", str(os.getpid()))
    project.scenario(OWN, backends='["lockstep"]')
    project.actor("os.kill(int(os.environ['RUNNER']), signal.SIGALRM)", "while True:", "    signal.pause()")

    result = project.pytest("-p", "pytest_timeout", "--timeout", "1000", "--timeout-method", "signal")

    result.assert_outcomes(failed=1)
    lines = result.stdout.lines
    at = lines.index("Timeout (>1000.0s) from pytest-timeout.")
    assert lines[at + 1] == "  reproduce: meshsim run sc/fast/own.toml --backend lockstep --seed 0"
    assert wait_until(lambda: not processes_with("PLUGIN_TEST", str(project.path), but=os.getpid()))


@pytest.mark.parametrize(
    ("mark", "limit_s"),
    [
        (pytest.mark.timeout(50), 40.0),
        (pytest.mark.timeout(timeout=10), 8.0),
        (pytest.mark.timeout(0), Limits().wall_s),
        (pytest.mark.timeout(10_000), Limits().wall_s),
    ],
)
def test_runs_have_to_be_done_before_an_item_is_interrupted(
    request: pytest.FixtureRequest, mark: pytest.MarkDecorator, limit_s: float
) -> None:
    """Our own limit comes first: it says where the time went. No time limit, or a long one: the usual limit."""
    request.node.add_marker(mark, append=False)

    left_s = Budget(request.node).left_s()

    assert limit_s * 0.1 < left_s <= limit_s


def test_a_run_that_has_no_time_left_is_inconclusive(request: pytest.FixtureRequest) -> None:
    request.node.add_marker(pytest.mark.timeout(1e-9), append=False)

    result = Budget(request.node).run(plan(Scenario(name="quiet", horizon=Duration(S)), 0), "sim")

    assert result.verdict.outcome == "inconclusive"
    assert result.verdict.reason.startswith("limit reached: 0 s of wall time")


# --- pytest-xdist --------------------------------------------------------------------------------------------


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
@pytest.mark.parametrize("words", [("-n", "2"), ("-n", "2", "--dist", "loadgroup")], ids=["plain", "loadgroup"])
def test_workers_agree_and_real_processes_share_one(project: Project, words: tuple[str, ...]) -> None:
    """The same items in the same order on both, fresh seeds included, and no two real runs at once."""
    project.scenario(KILL_ONE)

    result = project.pytest_process(*words, "--meshsim-seeds", "3", "-v")

    result.assert_outcomes(passed=6)
    workers = [line.split()[0] for line in result.stdout.lines if "PASSED" in line and "lockstep" in line]
    assert len(workers) == 3
    assert len(set(workers)) == 1
