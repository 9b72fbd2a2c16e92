"""What is written about scenario files, for people and for editors, is what the loader takes."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import FieldInfo, fields

from meshsim.faults.conditions import Condition
from meshsim.faults.kinds import Fault, When
from meshsim.model.actors.registry import ACTOR_TYPES, CONTEXT_TYPES
from meshsim.model.notes import Heard
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    Known,
    MessageCount,
    Moment,
    NeverHears,
    NothingLeft,
    OperationResult,
    Order,
    RecordCount,
    Window,
)
from meshsim.run import run_plan
from meshsim.scenario import Scenario, load_scenarios, plan, schema_json
from meshsim.scenario.decisions import Fate, First, Takes, Withheld
from meshsim.scenario.json_schema import DURATION_PATTERN
from meshsim.scenario.schema import Actors, Link, Network, OperationSpec, Procs, Relaxed, Slice, Subscriber, Topology
from meshsim.units import Duration, DurationError, S, format_duration, parse_duration

README = Path(__file__).parents[2] / "scenarios" / "README.md"
_TABLE = re.compile(r"<!-- (\w+) -->\n((?:\|.*\n)+)")
_EXAMPLE = re.compile(r"```toml\n(.*?)```", re.DOTALL)

STRUCTS = (
    Scenario,
    Topology,
    Procs,
    Slice,
    Actors,
    Subscriber,
    Network,
    Link,
    When,
    Condition,
    Hears,
    Final,
    OperationResult,
    First,
    Takes,
    Fate,
    Withheld,
)
STRUCTS += (NothingLeft, RecordCount, MessageCount, Order, Window, Moment, Known, Relaxed)
#: Keys of every kind of fault.
COMMON = ["target", "targets", "choose", "at", "within", "when", "repeat"]
#: Keys of every kind of expectation, before its own.
CONDITIONS = ["if_quirk", "unless_quirk", "not"]


def tables() -> dict[str, list[list[str]]]:
    """Rows of each marked table of the README, without its head."""
    return {
        name: [[cell.strip() for cell in row.strip("|").split(" |")] for row in rows.splitlines()[2:]]
        for name, rows in _TABLE.findall(README.read_text())
    }


def default(field: FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    match value:
        case None | msgspec.UNSET:
            return "–"
        case Duration():
            return f'`"{format_duration(value)}"`'
        case msgspec.Struct():
            return "`{}`"
        case _:
            return f"`{json.dumps(value)}`"


def own_keys(struct: type[msgspec.Struct], common: set[str]) -> list[str]:
    return [field.encode_name for field in fields(struct) if field.encode_name not in common]


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_key_is_described_with_its_default(struct: type[msgspec.Struct]) -> None:
    """A key that is added, renamed or given another default has to be written down."""
    expected = [[f"`{field.encode_name}`", default(field)] for field in fields(struct)]
    if struct in get_args(Expectation):  # Conditions are described once, for all kinds.
        expected = [["`kind`", "required"], *expected[len(CONDITIONS) :]]

    assert [row[:2] for row in tables()[struct.__name__]] == expected


@pytest.mark.parametrize(
    ("name", "union", "key", "common"),
    [("fault", Fault, "kind", COMMON), ("operation", OperationSpec, "do", ["at", "by"])],
)
def test_every_kind_is_described_with_its_keys(name: str, union: Any, key: str, common: list[str]) -> None:
    """Kinds of faults and operations: what all have in common once, the rest kind by kind."""
    described = tables()
    first = get_args(union)[0]
    shared = [[f"`{field.encode_name}`", default(field)] for field in fields(first) if field.encode_name in common]

    assert [row[:2] for row in described[name]] == [[f"`{key}`", "required"], *shared]
    assert [row[:2] for row in described[f"{name}s"]] == [
        [f"`{kind.__struct_config__.tag}`", ", ".join(f"`{own}`" for own in own_keys(kind, set(common)))]
        for kind in get_args(union)
    ]


def test_every_actor_type_is_described() -> None:
    """Those that a scenario may name, and which of them may own meshes."""
    expected = [[f"`{name}`", "yes" if name in CONTEXT_TYPES else ""] for name in ACTOR_TYPES]

    assert [row[:2] for row in tables()["types"]] == expected


def test_the_actor_of_the_example_breaks_when_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People copy it, too."""
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (tmp_path / "mine.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    fragile = Actors(name="own", procs="workers", actor="mine:Fragile", params={"seconds": 2})
    topology = Topology(procs=[Procs(name="workers")], actors=[fragile])

    records = run_plan(plan(Scenario(name="own", horizon=Duration(12 * S), topology=topology), 0), "sim").records

    heard = [record.what for record in records if isinstance(record.what, Heard)]
    assert [(each.actor, each.text) for each in heard] == [(heard[0].actor, "failed: broke by itself")]
    assert heard[0].failure.event.occurred_at_ns // S == 2


def test_conditions_of_expectations_are_described_once() -> None:
    """Every kind can be expected on one side of a quirk only."""
    described = [row[:2] for row in tables()["expectation"]]

    assert described == [["`kind`", "required"], *([f"`{key}`", "–"] for key in CONDITIONS)]
    assert [kind for kind in get_args(Expectation) if own_keys(kind, set())[: len(CONDITIONS)] != CONDITIONS] == []


def test_never_hears_takes_the_first_keys_of_hears() -> None:
    """The README says so in place of a table."""
    assert own_keys(NeverHears, set(CONDITIONS)) == own_keys(Hears, set(CONDITIONS))[:9]


@pytest.mark.parametrize("example", _EXAMPLE.findall(README.read_text()), ids=lambda text: text.split('"')[1])
def test_every_example_is_a_scenario(example: str, tmp_path: Path) -> None:
    """People copy from here."""
    path = tmp_path / f"{tomllib.loads(example)['name']}.toml"
    path.write_text(example)

    assert [each.scenario.name for each in load_scenarios(path)] == [path.stem] * (4 if "[matrix]" in example else 1)


# --- schema ------------------------------------------------------------------------------------------------


def test_the_schema_has_every_key_and_refuses_others() -> None:
    """What an editor completes and underlines."""
    schema = schema_json()
    scenario = schema["$defs"]["Scenario"]

    assert schema["$ref"] == "#/$defs/Scenario"
    assert set(scenario["properties"]) == {field.encode_name for field in fields(Scenario)}
    assert scenario["required"] == ["name", "horizon"]
    assert scenario["additionalProperties"] is False
    assert set(schema["$defs"]["Stall"]["properties"]) == {"kind", "for", *COMMON}
    assert schema["$defs"]["Stall"]["description"].startswith("The process of the target is stopped")


def test_the_schema_is_plain_json_and_whole() -> None:
    """Every reference leads somewhere, and nothing in it needs Python."""
    text = json.dumps(schema_json())
    names = set(re.findall(r'"#/\$defs/(\w+)"', text))

    assert names <= set(schema_json()["$defs"])
    assert json.loads(text) == schema_json()


@pytest.mark.parametrize("text", ["1.5s", "200ms", "2m", "1h 30m", "0", "3µs", "-1s", "1", "s", "1.s", "", "1 5 s"])
def test_the_pattern_of_durations_agrees_with_the_parser(text: str) -> None:
    """An editor must not underline what the loader takes, and shall see most of what it does not."""
    try:
        parse_duration(text)
        accepted = True
    except DurationError:
        accepted = False

    assert bool(re.search(DURATION_PATTERN, text)) == accepted
