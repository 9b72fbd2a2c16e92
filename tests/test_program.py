"""Actor types that a scenario brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.cli import main
from meshsim.run import program_of, run_plan
from meshsim.scenario import ScenarioError, plan
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import Actors, Procs, Scenario, Topology
from meshsim.units import Duration, S

OWN = """
from meshsim.model.actors.plain import TestActor
from meshsim.model.commands import Fail, SetTimer
from meshsim.model.events import Started, TimerFired
from meshsim.model.supervision import Generic


class Fragile(TestActor):
    def handle(self, event, now_ns):
        match event:
            case Started():
                return [SetTimer(self.me, "break", 3_000_000_000)]
            case TimerFired(key="break"):
                return [Fail(Generic("broke by itself"))]
            case _:
                return super().handle(event, now_ns)


class Broken(TestActor):
    def handle(self, event, now_ns):
        raise ZeroDivisionError("a mistake of mine")


THING = 7
"""


def plan_with(actor: str) -> Plan:
    topology = Topology(procs=[Procs(name="workers")], actors=[Actors(name="own", procs="workers", actor=actor)])
    return plan(Scenario(name="own", horizon=Duration(15 * S), topology=topology), 0)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's, beside the scenario: found because it lies in the current directory."""
    name = f"own_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(OWN, encoding="utf-8")
    (tmp_path / f"{name}_broken.py").write_text("1 / 0", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *__import__("sys").path])
    return name


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_an_actor_type_of_the_user_runs_in_both_worlds(own_module: str) -> None:
    """The same class, unchanged, as an object and in a real process: the code travels by dill, once."""
    mine = plan_with(f"{own_module}:Fragile")

    sim, lockstep = run_plan(mine, "sim"), run_plan(mine, "lockstep")

    heard = [record.what for record in sim.records if record.what.__struct_config__.tag == "heard"]
    assert [(each.status, each.text) for each in heard] == [("Failed", "failed: broke by itself")]
    assert lockstep.digest == sim.digest


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
@pytest.mark.parametrize("backend", ["sim", "lockstep"])
def test_an_actor_of_the_user_that_raises_ends_the_run_and_says_where(own_module: str, backend: str) -> None:
    """A mistake in their code is a finding, and no traceback of the program."""
    result = run_plan(plan_with(f"{own_module}:Broken"), backend)

    assert result.verdict.outcome == "violated"
    assert result.verdict.reason.startswith("code-returns: host0/workers_0 ")
    assert f'{own_module}.py", line ' in result.verdict.reason
    assert result.verdict.reason.endswith("ZeroDivisionError: a mistake of mine")


@pytest.mark.parametrize(
    ("actor", "why"),
    [
        ("no_such_module_at_all:Thing", "cannot be imported: ModuleNotFoundError"),
        ("{own}:Missing", "cannot be imported: AttributeError"),
        ("{own}_broken:Thing", "cannot be imported: ZeroDivisionError"),
        ("{own}:THING", "expected a class with a class method construct(setting, params)"),
        ("collections:OrderedDict", "expected a class with a class method construct(setting, params)"),
    ],
)
def test_a_class_that_is_no_actor_type_is_refused_with_the_reason(own_module: str, actor: str, why: str) -> None:
    """The file is right, the code it names is not: still one line."""
    with pytest.raises(ScenarioError) as refused:
        program_of(plan_with(actor.format(own=own_module)))

    assert str(refused.value).startswith("actors own.actor: ")
    assert why in str(refused.value)


def test_the_command_line_finds_out_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, one line with the file, no traceback, no run directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.toml").write_text(
        'name = "own"\nhorizon = "15s"\n[topology]\nprocs = [{ name = "workers" }]\n'
        'actors = [{ name = "mine", procs = "workers", actor = "nowhere.at_all:Thing" }]\n',
        encoding="utf-8",
    )

    code = main(["run", "own.toml"])

    captured = capsys.readouterr()
    assert (code, captured.out, (tmp_path / "out").exists()) == (2, "", False)
    assert captured.err.startswith("meshsim: own.toml: actors mine.actor: cannot be imported: ModuleNotFoundError")
    assert captured.err.count("\n") == 1
