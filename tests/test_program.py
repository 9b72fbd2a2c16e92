"""Actors and controllers that a scenario brings."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.cli import main
from meshsim.model.notes import Heard, Heartbeat, OperationEnded
from meshsim.run import program_of, run_plan
from meshsim.scenario import ScenarioError, plan
from meshsim.scenario.plan import Plan, decode_plan, encode_plan
from meshsim.scenario.schema import Actors, Procs, Scenario, Subscriber, Topology
from meshsim.units import Duration, S

OWN = """
from meshsim.model.actors.plain import TestActor
from meshsim.model.boot import ConstructorError
from meshsim.model.commands import Fail, SetTimer
from meshsim.model.controllers.own import OwnController
from meshsim.model.controllers.streaming import StreamingController
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


class Beeping(OwnController):
    def on_begin(self, now_ns):
        return [self.alarm("beep", 1_000_000_000 * self.params["every"])]

    def on_alarm(self, key, now_ns):
        return [*self._tell_subscribers(None), self.alarm(key, 1_000_000_000 * self.params["every"])]


class Strict(OwnController):
    @classmethod
    def for_mesh(cls, setting):
        raise ConstructorError("every: expected seconds")


class Raising(OwnController):
    @classmethod
    def for_mesh(cls, setting):
        return 1 // 0


class Stuttering(OwnController):
    def on_change(self, change):
        raise ZeroDivisionError("a mistake of mine")


class Pushed(StreamingController):
    pass


class Mute:
    @classmethod
    def for_mesh(cls, setting):
        return cls()

    def handle(self, event, now_ns):
        return []


THING = 7
"""


def plan_with(actor: str) -> Plan:
    topology = Topology(procs=[Procs(name="workers")], actors=[Actors(name="own", procs="workers", actor=actor)])
    return plan(Scenario(name="own", horizon=Duration(15 * S), topology=topology), 0)


def plan_under(controller: str, actor: str = "TestActor", **params: int) -> Plan:
    """The same under a controller, with somebody who subscribes, and without the quirks."""
    actors = Actors(name="own", procs="workers", actor=actor, controller=controller, controller_params=params)
    topology = Topology(
        clients=["client", "observer"],
        procs=[Procs(name="workers")],
        actors=[actors],
        subscribers=[Subscriber(mesh="own", by="observer")],
    )
    return plan(Scenario(name="own", horizon=Duration(15 * S), topology=topology, profile="fixed"), 0)


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


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
@pytest.mark.parametrize(
    ("kind", "params", "beats", "heard"),
    [("Beeping", {"every": 2}, [2, 4, 6, 8, 10, 10, 12, 14], [10, 10]), ("Pushed", {}, [10], [3, 3])],
)
def test_a_controller_of_the_user_runs_in_both_worlds(
    own_module: str, kind: str, params: dict[str, int], beats: list[int], heard: list[int]
) -> None:
    """On the base for it, or on one of the model's; with parameters, which the scenario gives it."""
    mine = plan_under(f"{own_module}:{kind}", f"{own_module}:Fragile", **params)

    sim, lockstep = run_plan(mine, "sim"), run_plan(mine, "lockstep")

    assert [record.at // S for record in sim.records if isinstance(record.what, Heartbeat)] == beats
    assert [record.at // S for record in sim.records if isinstance(record.what, Heard)] == heard
    assert sim.verdict.outcome == "passed"
    assert lockstep.digest == sim.digest


def test_a_controller_that_refuses_its_parameters_is_a_spawn_that_failed(own_module: str) -> None:
    """As an actor that cannot be constructed: the caller is told, and nothing raises."""
    result = run_plan(plan_under(f"{own_module}:Strict"), "sim")

    errors = [record.what.error for record in result.records if isinstance(record.what, OperationEnded)]
    (spawn,) = [
        error for error in errors if error and error.startswith("error spawning controller actor for mesh own-")
    ]
    assert spawn.startswith("error spawning controller actor for mesh own-")
    assert spawn.endswith(": every: expected seconds")


@pytest.mark.parametrize(
    ("kind", "what"),
    [("Raising", "ZeroDivisionError: integer division"), ("Stuttering", "ZeroDivisionError: a mistake of mine")],
)
def test_a_controller_that_raises_ends_the_run_and_says_where(own_module: str, kind: str, what: str) -> None:
    """When it is made, or later."""
    verdict = run_plan(plan_under(f"{own_module}:{kind}", f"{own_module}:Fragile"), "sim").verdict

    assert verdict.outcome == "violated"
    assert verdict.reason.startswith("code-returns: client ")
    assert f'{own_module}.py", line ' in verdict.reason
    assert what in verdict.reason


@pytest.mark.parametrize(
    ("controller", "why"),
    [
        ("no_such_module_at_all:Thing", "cannot be imported: ModuleNotFoundError"),
        ("{own}:Missing", "cannot be imported: AttributeError"),
        ("{own}_broken:Thing", "cannot be imported: ZeroDivisionError"),
        ("{own}:THING", "expected a class with a class method for_mesh(setting)"),
        ("{own}:Fragile", "expected a class with a class method for_mesh(setting)"),
        ("{own}:Mute", "expected a machine, this one has no busy, accepts, takes, binds"),
    ],
)
def test_a_class_that_is_no_controller_is_refused_with_the_reason(own_module: str, controller: str, why: str) -> None:
    with pytest.raises(ScenarioError) as refused:
        program_of(plan_under(controller.format(own=own_module)))

    assert str(refused.value).startswith("actors own.controller: ")
    assert why in str(refused.value)


def test_a_plan_with_a_controller_of_the_user_is_data(own_module: str) -> None:
    """It is made, written and read back without the class being looked for."""
    mine = plan_under("nowhere.at_all:Thing", every=2)

    assert decode_plan(encode_plan(mine)) == mine


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
