"""Settings over a file: what `meshsim sweep --set` makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.matrix import Value
from meshsim.units import S

FILE = """
name = "small"
horizon = "9s"

[config]
HYPERACTOR_MESH_ORPHAN_TIMEOUT = "20s"

[topology]
procs = [{ name = "workers" }]
actors = [{ name = "trainer", procs = "workers" }]

[matrix]
"topology.hosts" = [1, 2]
"config.supervision_poll_frequency" = ["4s", "5s"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(FILE)
    return path


def settings_of(file: Path, settings: dict[str, list[Value]]) -> list[dict[str, Value]]:
    return [loaded.variant for loaded in load_scenarios(file, settings)]


def test_a_setting_comes_after_the_matrix_of_the_file(file: Path) -> None:
    settings: dict[str, list[Value]] = {"mesh_orphan_timeout": ["10s"], "config.supervision_poll_frequency": ["4s"]}

    config = {"config.HYPERACTOR_MESH_ORPHAN_TIMEOUT": "10s", "config.supervision_poll_frequency": "4s"}
    assert settings_of(file, settings) == [{"topology.hosts": hosts, **config} for hosts in (1, 2)]


@pytest.mark.parametrize("name", ["supervision_poll_frequency", "HYPERACTOR_MESH_SUPERVISION_POLL_FREQUENCY"])
def test_an_attribute_replaces_what_the_file_says_of_it_under_any_name(file: Path, name: str) -> None:
    """The file's own matrix has it under another name: two names of one attribute must not both count."""
    loaded = load_scenarios(file, {name: ["7s"], "topology.hosts": [1]})

    config = {"HYPERACTOR_MESH_ORPHAN_TIMEOUT": "20s", "supervision_poll_frequency": "7s"}
    assert [dict(each.scenario.config) for each in loaded] == [config]


def test_any_key_of_the_file_can_be_set(file: Path) -> None:
    """A key at the top, and one inside an array."""
    settings: dict[str, list[Value]] = {
        "topology.hosts": [1],
        "supervision_poll_frequency": ["4s"],
        "horizon": ["3s"],
        "topology.actors.0.controller": ["polling", "streaming"],
    }
    loaded = load_scenarios(file, settings)

    assert [each.scenario.horizon for each in loaded] == [3 * S, 3 * S]
    assert [each.scenario.topology.actors[0].controller for each in loaded] == ["polling", "streaming"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"mesh_orphan_timout": ["1s"]},
            '--set: expected an attribute of the configuration or a dotted key of the file, got "mesh_orphan_timout"; '
            'did you mean "mesh_orphan_timeout"? (allowed: ',
        ),
        (
            {"mesh_orphan_timeout": ["1s"], "config.MESH_ORPHAN_TIMEOUT": ["2s"]},
            '--set: one key is given twice, got "config.MESH_ORPHAN_TIMEOUT"',
        ),
        ({"topology.procs.3.name": ["x"]}, 'leads nowhere, topology.procs has 1 items, got "3"'),
        ({"mesh_orphan_timeout": ["soon"]}, 'expected a duration such as "1.5s", got "soon"'),
        ({"mesh_orphan_timeout": ["1s", "1s"]}, 'expected values that differ, got "1s"'),
    ],
)
def test_a_setting_that_cannot_be_is_one_line(file: Path, settings: dict[str, list[Value]], says: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        load_scenarios(file, settings)

    assert str(raised.value).startswith(str(file))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
