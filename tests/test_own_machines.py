"""Bringing one's own machine: the page about it, and its worked example."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from random import Random

import msgspec
import pytest
from test_readme import BLOCK, pattern_of

from docs.examples.own_controller import restarting
from docs.examples.own_controller.restarting import MendedRestarting, Restarting
from meshsim.cli import main
from meshsim.drive.conductor import Conductor
from meshsim.explore.finding import Signature
from meshsim.explore.running import Case, explored
from meshsim.explore.space import Space
from meshsim.faults.kinds import Fault, Raise
from meshsim.model.boot import ControllerSetting
from meshsim.model.controllers.own import OwnController
from meshsim.model.messages import CreateOrUpdate, Envelope, KeepAlive
from meshsim.model.notes import ActorStatusChanged, Heard
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.judge import judge
from meshsim.oracle.verdict import Verdict
from meshsim.run import brief_of, program_of
from meshsim.scenario import Plan, load_scenarios, plan
from meshsim.scenario.schema import Scenario, StopActorsOp
from meshsim.sim import SimBackend
from meshsim.trace.records import Record
from meshsim.units import Duration, S

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "own-machines.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "docs" / "examples" / "own_controller"


def world(controller: str, *faults: Fault, stopped_at: Duration | None = None) -> Plan:
    """`plain.toml` under a controller of the example, as a file in the top folder would name it."""
    scenario: Scenario = load_scenarios(EXAMPLE / "plain.toml")[0].scenario
    (actors,) = scenario.topology.actors
    own = msgspec.structs.replace(actors, controller=f"{restarting.__name__}:{controller}")
    operations = [] if stopped_at is None else [StopActorsOp(mesh="trainer", at=stopped_at)]
    topology = msgspec.structs.replace(scenario.topology, actors=[own])
    return plan(msgspec.structs.replace(scenario, topology=topology, faults=list(faults), operations=operations), 0)


def simulated(case: Plan) -> tuple[list[Record], Verdict]:
    conductor = Conductor(case, SimBackend(program_of(case)))
    conductor.run()
    return conductor.records, judge(brief_of(case), conductor.records)


def sent(records: list[Record], kind: type) -> list[tuple[str, int]]:
    """Messages of a kind about stand-ins: receiver, and the second in which they arrived."""
    envelopes = [(record.what, record.at) for record in records if isinstance(record.what, Envelope)]
    return [
        (str(envelope.dest), at // S)
        for envelope, at in envelopes
        if isinstance(envelope.message, kind) and envelope.message.name.endswith("_again")  # type: ignore[attr-defined]
    ]


def copied_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example, as somebody has it who copied the folder."""
    for name in ("restarting.py", "plain.toml", "two-failures.toml"):
        (folder / name).write_bytes((EXAMPLE / name).read_bytes())
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("COLUMNS", "200")


# --- the page ------------------------------------------------------------------------------------------------


@pytest.mark.procs
@pytest.mark.xdist_group("procs")
def test_the_commands_of_the_page_print_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a copy of the folder, as the page says; one file has a mistake in the name of the class."""
    copied_to(tmp_path, monkeypatch)
    mistyped = (tmp_path / "plain.toml").read_text(encoding="utf-8").replace("plain", "mistyped")
    (tmp_path / "mistyped.toml").write_text(mistyped.replace(":Restarting", ":Restating"), encoding="utf-8")
    commands = BLOCK.findall(PAGE)
    assert len(commands) >= 2

    for command, shown in commands:
        main(shlex.split(command)[1:])
        captured = capfd.readouterr()
        printed = captured.out + captured.err
        assert pattern_of(shown).fullmatch(printed), f"$ {command}\n--- page\n{shown}--- printed\n{printed}"


def test_the_code_on_the_page_is_that_of_the_example() -> None:
    source = (EXAMPLE / "restarting.py").read_text(encoding="utf-8")
    excerpts = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    assert len(excerpts) >= 2
    assert [excerpt for excerpt in excerpts if excerpt not in source] == []


def first_cells(name: str) -> list[str]:
    """What a table of the page is about: the code in its first column."""
    rows = PAGE.partition(f"<!-- {name} -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    return [cell for row in rows for cell in re.findall(r"`([a-zA-Z_]+)", row.split("|")[1])]


def test_the_page_has_every_part_of_the_setting_and_every_place() -> None:
    """A place is a method `on_…` of the base; all else that is public there is a tool."""
    own = {name for name in vars(OwnController) if not name.startswith("_")}
    inherited = {"for_mesh", "accepts", "takes", "handle", "ports"}
    places = {name for name in own if name.startswith("on_")}

    assert first_cells("setting") == list(ControllerSetting.__struct_fields__)
    assert set(first_cells("places")) == places
    assert set(first_cells("tools")) == own - places - inherited | {"config", "mesh"}


def test_the_page_says_which_invariants_read_a_note() -> None:
    rows = PAGE.partition("<!-- notes -->\n")[2].partition("\n\n")[0].splitlines()[2:]
    told = {
        note: re.findall(r"`([a-z-]+)`", row.split("|")[3])
        for row in rows
        for note in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    seen = {
        note: [name for name, kind in INVARIANTS.items() if note in {each.__name__ for each in kind.sees}]
        for note in told
    }

    assert list(told) == ["PollStarted", "PollEnded", "MonitoringEnded", "SubscriberRemoved"]
    assert told == seen


def test_every_file_the_page_names_exists() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE) if "//" not in link]
    modules = re.findall(r"`(meshsim/[\w/]+\.py)`", PAGE)

    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert [module for module in modules if not (ROOT / module).exists()] == []


# --- the example ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("controller", [Restarting.__name__, MendedRestarting.__name__])
def test_one_failure_is_told_and_restarted_by_either_version(controller: str) -> None:
    """What one tries first. The stand-in comes after the pause, is kept alive, and ends with the mesh."""
    failure = Raise(target="trainer[1]", at=Duration(11 * S))

    records, verdict = simulated(world(controller, failure, stopped_at=Duration(58 * S)))

    created = sent(records, CreateOrUpdate)
    assert [second for _, second in created] == [35]
    assert sent(records, KeepAlive) == [(created[0][0], 40), (created[0][0], 50)]
    phases = [
        record.what.phase
        for record in records
        if isinstance(record.what, ActorStatusChanged) and "_again" in record.what.actor
    ]
    assert phases == [ActorPhase.INITIALIZING, ActorPhase.IDLE, ActorPhase.STOPPING, ActorPhase.STOPPED]
    assert verdict.outcome == "passed"


def test_the_mended_version_tells_of_both_failures_and_restarts_one_after_the_other() -> None:
    both = [Raise(target=f"trainer[{rank}]", at=Duration(at * S)) for rank, at in ((0, 11), (2, 12))]

    records, verdict = simulated(world("MendedRestarting", *both))

    heard = [record.what for record in records if isinstance(record.what, Heard)]
    assert [(each.role, each.rank) for each in heard] == [
        ("owner", 0),
        ("owner", 2),
        ("subscriber", 0),
        ("subscriber", 2),
    ]
    assert [second for _, second in sent(records, CreateOrUpdate)] == [35, 50]
    assert verdict.outcome == "passed"


#: Faults of actors and procs. There are others under which no controller could tell of everything.
KINDS = ("raise", "panic", "self_fail", "abort", "stop_itself", "exit", "stall")


def found_in(controller: str, runs: int) -> list[Signature]:
    """What a plain loop finds: up to five faults in each run, anywhere, with no hint of what is wrong."""
    plain = world(controller)
    space = Space.of(plain)
    found: list[Signature] = []
    for seed in range(runs):
        random = Random(seed)
        faults = space.draw(random, count=random.randint(1, 5), kinds=KINDS)
        found += explored(Case(plan=msgspec.structs.replace(plain, faults=faults))).signatures
    return found


def test_drawn_faults_find_the_bug() -> None:
    found = found_in("Restarting", 40)

    assert len(found) >= 3
    assert {(signature.invariant, signature.machine) for signature in found} == {("completeness", "actor")}


def test_drawn_faults_find_nothing_in_the_mended_version() -> None:
    assert found_in("MendedRestarting", 80) == []


def test_the_command_that_explores_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the page says, in the folder of the user, where the class is."""
    copied_to(tmp_path, monkeypatch)
    (command,) = re.findall(r"^meshsim (explore plain\.toml .*)$", PAGE, re.MULTILINE)

    code = main(shlex.split(command))

    assert code == 1
    assert "completeness of actor: actor failed" in capsys.readouterr().out
