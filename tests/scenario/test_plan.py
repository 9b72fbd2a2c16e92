"""From a scenario and a seed to a plan: everything decided, saved and read back, the same everywhere."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from meshsim.faults.kinds import Exit
from meshsim.model.config import defaults
from meshsim.model.quirks import DEFAULT_PROFILE, PROFILES, QUIRKS, SWITCHES
from meshsim.oracle.expectations import Hears
from meshsim.scenario import Plan, Scenario, ScenarioError, Step, decode_plan, encode_plan, load_scenarios, plan
from meshsim.scenario.plan import plan_digest, plan_label, with_profile
from meshsim.scenario.schema import (
    Actors,
    Link,
    Network,
    Procs,
    SpawnActorsOp,
    SpawnProcsOp,
    StopActorsOp,
    SubscribeOp,
    Subscriber,
    Topology,
)
from meshsim.units import MS, Duration, S

LATENT = PROFILES[DEFAULT_PROFILE]
SCENARIO = Scenario(
    name="built-in-python",
    horizon=Duration(20 * S),
    config={"supervision_poll_frequency": "500ms"},
    topology=Topology(
        hosts=3,
        clients=["client", "observer"],
        procs=[Procs(name="workers", hosts=["host2", "host0"], per_host={"zones": 2, "gpus": 3})],
        actors=[
            Actors(name="trainer", procs="workers", actor="own:Type", params={"depth": 2}),
            Actors(name="child", procs="workers", owner="trainer[3]", display="Child", actor="SleepActor"),
        ],
        subscribers=[Subscriber(mesh="trainer", by="observer")],
    ),
    operations=[StopActorsOp(mesh="child", by="trainer[3]", at=Duration(5 * S))],
    faults=[Exit(target="workers[2]", at=Duration(1500 * MS))],
    expect=[Hears(listener="client", mesh="trainer", within=Duration(2 * S))],
)


def test_the_topology_becomes_the_first_operations() -> None:
    """Procs, then actors by their owners, then subscribers, then what the scenario asks for."""
    steps = plan(SCENARIO, 7).steps

    assert steps == (
        Step(
            index=0,
            operation=SpawnProcsOp(name="workers", hosts=["host2", "host0"], per_host={"zones": 2, "gpus": 3}),
            bring_up=True,
        ),
        Step(
            index=1,
            operation=SpawnActorsOp(name="trainer", procs="workers", actor="own:Type", params={"depth": 2}),
            bring_up=True,
        ),
        Step(
            index=2,
            operation=SpawnActorsOp(
                name="child", procs="workers", by="trainer[3]", display="Child", actor="SleepActor"
            ),
            bring_up=True,
        ),
        Step(index=3, operation=SubscribeOp(mesh="trainer", by="observer"), bring_up=True),
        Step(
            index=4,
            operation=StopActorsOp(mesh="child", by="trainer[3]", at=Duration(5 * S)),
            bring_up=False,
        ),
    )


def test_every_attribute_is_resolved() -> None:
    """Nothing is left to look up during the run: defaults are in the plan, under the attributes' names."""
    assert plan(SCENARIO, 7).config == defaults() | {"SUPERVISION_POLL_FREQUENCY": 500 * MS}


def test_hosts_have_names() -> None:
    """The number of the scenario becomes names, as traces use them."""
    assert plan(SCENARIO, 7).hosts == ("host0", "host1", "host2")


def test_links_name_processes() -> None:
    """Rank 8 of 2 hosts with 6 procs each is the third proc on the second host, which is host0."""
    network = Network(links=[Link(src="workers[8]", dst="*", loss=0.5), Link(src="trainer[0]", dst="host1", loss=1.0)])

    links = plan(msgspec.structs.replace(SCENARIO, network=network), 7).network.links

    assert [(link.src, link.dst) for link in links] == [("host0/workers_2", "*"), ("host2/workers_0", "host1")]


def test_a_plan_is_read_back_as_it_was_written() -> None:
    """`plan.json` of a run directory is enough to run it again."""
    made = plan(SCENARIO, 7)

    assert decode_plan(encode_plan(made)) == made


def test_the_order_of_dimensions_survives() -> None:
    """`zones` before `gpus` decides which rank is where; sorted keys would swap them."""
    read = decode_plan(encode_plan(plan(SCENARIO, 7)))

    assert list(read.topology.procs[0].per_host) == ["zones", "gpus"]
    assert isinstance(read.steps[0].operation, SpawnProcsOp)
    assert list(read.steps[0].operation.per_host) == ["zones", "gpus"]


def test_durations_are_written_as_people_write_them() -> None:
    """A plan is read by people too."""
    raw = msgspec.json.decode(encode_plan(plan(SCENARIO, 7)))

    assert (raw["horizon"], raw["faults"][0]["at"], raw["network"]["latency"]) == ("20s", "1.5s", "1ms")


def test_something_else_is_not_read_as_a_plan() -> None:
    """A trace or half a plan given by mistake."""
    with pytest.raises(msgspec.ValidationError):
        decode_plan(b'{"scenario": "x"}')


def test_the_digest_tells_plans_apart_but_not_folders() -> None:
    """Seed and every value count; where the file lay does not."""
    made = plan(SCENARIO, 7)
    moved = msgspec.structs.replace(made, source="elsewhere/built-in-python.toml")
    other_seed = plan(SCENARIO, 8)
    other_time = msgspec.structs.replace(made, horizon=Duration(21 * S))

    assert plan_digest(moved) == plan_digest(made)
    assert len({plan_digest(each) for each in (made, other_seed, other_time)}) == 3


def test_the_usual_profile_turns_off_what_is_latent_alone() -> None:
    """A scenario that says nothing runs the modelled system as it is."""
    made = plan(SCENARIO, 7)

    assert (made.profile, made.quirks, made.quirks_off, plan_label(made)) == ("2026-03", {}, LATENT, "built-in-python")


def test_fixed_turns_off_every_switch_but_those_that_the_scenario_keeps() -> None:
    """Single switches count whatever the profile says, in both directions."""
    keeps = msgspec.structs.replace(SCENARIO, profile="fixed", quirks={SWITCHES[1]: True})
    loses = msgspec.structs.replace(SCENARIO, quirks={SWITCHES[1]: False, SWITCHES[0]: False})

    assert plan(keeps, 7).quirks_off == (SWITCHES[0], *SWITCHES[2:])
    assert plan(loses, 7).quirks_off == (*SWITCHES[:2], *LATENT)
    assert set(SWITCHES) <= set(QUIRKS)


def test_a_profile_from_outside_replaces_that_of_the_scenario() -> None:
    """It is the plan that the scenario would have made with that profile: the same digest, wherever it comes from."""
    loses = msgspec.structs.replace(SCENARIO, quirks={SWITCHES[0]: False})
    asks = msgspec.structs.replace(loses, profile="fixed")

    there = with_profile(plan(loses, 7), "fixed")
    back = with_profile(there, "2026-03")

    assert (there.profile, there.quirks_off, plan_label(there)) == ("fixed", SWITCHES, "built-in-python (fixed)")
    assert (back.profile, back.quirks_off) == ("2026-03", (*SWITCHES[:1], *LATENT))
    assert (there.replaced_profile, back.replaced_profile) == ("2026-03", "2026-03")
    assert plan_digest(there) == plan_digest(plan(asks, 7))
    assert plan_digest(back) == plan_digest(plan(loses, 7)) != plan_digest(there)
    assert decode_plan(encode_plan(there)) == there


def test_what_only_a_scenario_turns_on_is_off_on_the_other_side() -> None:
    """A latent quirk has no profile that it is on in; other switches count in any."""
    plain = plan(msgspec.structs.replace(SCENARIO, quirks={LATENT[0]: True, SWITCHES[0]: True}), 7)

    sides = [LATENT[0] in with_profile(plain, profile).quirks_off for profile in ("2026-03", "fixed")]
    assert (LATENT[0] in plain.quirks_off, sides) == (False, [False, True])
    assert SWITCHES[0] not in with_profile(plain, "fixed").quirks_off


def test_an_older_revision_has_defaults_of_its_own() -> None:
    """What the scenario does not set is the default of its revision, whether it asks for it or the command does."""
    old = msgspec.structs.replace(SCENARIO, profile="2025-11")

    config = plan(old, 7).config
    changed = {name: value for name, value in config.items() if value != plan(SCENARIO, 7).config[name]}

    expected = {"GET_ACTOR_STATE_MAX_IDLE": 60 * S, "SUPERVISION_POLL_FREQUENCY": 3 * S}
    assert changed == {name: value for name, value in expected.items() if name.lower() not in SCENARIO.config}
    assert with_profile(plan(SCENARIO, 7), "2025-11").config == config
    assert with_profile(plan(old, 7), "fixed").config == plan(SCENARIO, 7).config


PROGRAM = """
import sys
from pathlib import Path
from meshsim.scenario import load_scenarios, plan, plan_digest
print(*(plan_digest(plan(loaded, 3)) for loaded in load_scenarios(Path(sys.argv[1]))))
"""

FILE = """
name = "stable"
horizon = "20s"
[topology]
procs = [{ name = "p", per_host = { b = 2, a = 2 } }]
actors = [{ name = "a", procs = "p", actor = "own:Type", params = { z = 1, y = "x", x = true } }]
[matrix]
"network.loss" = [0.1, 0.25]
"""


def test_a_digest_is_the_same_in_every_process_and_folder(tmp_path: Path) -> None:
    """Hash seeds, working folders and ways to write the path: one scenario, one digest."""
    file = tmp_path / "stable.toml"
    file.write_text(FILE)
    root = str(Path(__file__).parents[2])

    def digests(hash_seed: str, folder: Path, path: str) -> str:
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": root}
        command = [sys.executable, "-c", PROGRAM, path]
        return subprocess.run(command, env=env, cwd=folder, check=True, capture_output=True, text=True).stdout

    here = digests("0", tmp_path, "stable.toml")

    assert len(set(here.split())) == 2
    assert digests("1", tmp_path.parent, f"{tmp_path.name}/stable.toml") == here
    assert digests("2", Path("/"), str(file)) == here


def test_the_source_of_a_plan_is_never_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run directories are sent around; they do not tell where somebody's home is."""
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "stable.toml"
    file.write_text(FILE)
    monkeypatch.chdir(tmp_path)

    def source(path: Path) -> str:
        return plan(load_scenarios(path)[0], 0).source

    assert source(file) == "in/stable.toml"
    assert source(Path("in") / "stable.toml") == "in/stable.toml"
    monkeypatch.chdir("/")
    assert source(file) == file.relative_to("/").as_posix()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert source(file) == "../in/stable.toml"


def test_a_plan_keeps_the_values_of_its_variant(tmp_path: Path) -> None:
    """What a run directory says about which of a file's scenarios it was."""
    file = tmp_path / "stable.toml"
    file.write_text(FILE)

    plans = [plan(loaded, 0) for loaded in load_scenarios(file)]

    assert [(each.variant, each.network.loss) for each in plans] == [
        ({"network.loss": 0.1}, 0.1),
        ({"network.loss": 0.25}, 0.25),
    ]


# --- scenarios built in Python -----------------------------------------------------------------------------


def refusal(scenario: Scenario, seed: int = 0) -> str:
    with pytest.raises(ScenarioError) as caught:
        plan(scenario, seed)
    return str(caught.value)


def test_a_scenario_built_in_python_is_checked() -> None:
    """The same lines as for a file, without the file."""
    wrong = msgspec.structs.replace(SCENARIO, faults=[Exit(target="workers[12]", at=Duration(S))])

    assert refusal(wrong) == ('faults[0].target: rank out of range, workers has ranks 0..11, got "workers[12]"')


def test_types_are_checked_in_python_too() -> None:
    """Constructors of structs look at nothing; the plan does."""
    bad_rank = Hears(listener="client", rank="1")  # type: ignore[arg-type]

    assert refusal(Scenario(name="x", horizon=Duration(S), expect=[bad_rank])) == (
        'expect[0].rank: expected a whole number, got "1"'
    )
    assert refusal(Scenario(name="x", horizon=20)) == (  # type: ignore[arg-type]
        'horizon: expected a duration such as "1.5s", got 20'
    )
    assert refusal(Scenario(name="x", horizon=Duration(-1))) == (
        'horizon: expected a duration such as "1.5s", got "-1ns"'
    )
    assert refusal(Scenario(name="x", horizon=Duration(S), config={"a": object()})) == (  # type: ignore[dict-item]
        "expected plain values, got a object"
    )


def test_a_matrix_belongs_to_files() -> None:
    """In Python a loop does it."""
    scenario = Scenario(name="x", horizon=Duration(S), matrix={"horizon": ["1s"]})

    assert refusal(scenario) == "matrix: only files are expanded; build one scenario for each combination"


@pytest.mark.parametrize("seed", [-1, 2**63, True])
def test_a_seed_is_a_whole_number_of_63_bits(seed: int) -> None:
    """From the command line it could be anything."""
    assert refusal(SCENARIO, seed).startswith("seed: expected a whole number from 0 to 2**63 - 1, got ")


def test_the_smallest_scenario_makes_a_plan() -> None:
    """One host, one client, nothing to do."""
    made = plan(Scenario(name="x", horizon=Duration(S)), 0)

    assert isinstance(made, Plan)
    assert (made.hosts, made.clients, made.steps) == (("host0",), ("client",), ())
