"""From a plan back to a scenario, and from a scenario to the text of a file: nothing may get lost on the way."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from meshsim.scenario.decode import decode
from meshsim.scenario.from_plan import scenario_of
from meshsim.scenario.load import Loaded, discover, load_scenarios
from meshsim.scenario.plan import plan, plan_digest
from meshsim.scenario.schema import Link, Network, Scenario
from meshsim.scenario.text import scenario_text
from tests.small_worlds import at, mesh

FILES = discover([Path(__file__).parents[2] / "scenarios"])


def _loaded(path: Path) -> list[Loaded]:
    return load_scenarios(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_scenario_comes_back_from_its_plan(path: Path) -> None:
    for loaded in _loaded(path):
        for seed in loaded.scenario.seeds[:2]:
            planned = plan(loaded, seed)

            again = plan(scenario_of(planned), seed)

            assert plan_digest(again) == plan_digest(msgspec.structs.replace(planned, variant={}))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_scenario_comes_back_from_its_text(path: Path) -> None:
    for loaded in _loaded(path):
        text = scenario_text(loaded.scenario, ["what it is"])

        assert text.startswith("# what it is\n")
        assert decode(tomllib.loads(text)) == loaded.scenario


@pytest.mark.parametrize(
    "about",
    ["one line", 'two\nlines, "quoted"', "a\\n backslash " * 20, 'ends in a quote "' * 20, '\x7f and \t and \\"' * 20],
)
def test_any_words_are_read_back(about: str) -> None:
    scenario = Scenario(name="words", about=about, horizon=at(1))

    assert decode(tomllib.loads(scenario_text(scenario))) == scenario


def test_text_has_no_defaults_and_keys_in_the_order_of_the_page() -> None:
    scenario = scenario_of(mesh(per_host=2, clients=["observer"]))

    assert scenario_text(scenario) == SMALL


def test_links_name_targets_and_not_processes() -> None:
    links = [Link(src="workers[1]", dst="*", latency=at(1)), Link(src="client", dst="host0", loss=0.5)]

    assert scenario_of(mesh(network=Network(links=links))).network.links == links


SMALL = """\
name = "mesh"
horizon = "1m"

[config]
supervision_poll_frequency = "2s"

[topology]
clients = ["client", "observer"]

[[topology.procs]]
name = "workers"
per_host = { gpus = 2 }

[[topology.actors]]
name = "trainer"
procs = "workers"
"""
