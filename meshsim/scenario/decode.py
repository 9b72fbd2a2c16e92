"""From plain data (what TOML holds) to a `Scenario`, and from msgspec's complaints to ours.

Decoding is strict: every key and every type must be right. msgspec says what is wrong and where; here its path and its
words are turned into those of the file, with the value that was found and what may stand there instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from meshsim.scenario.errors import NOT_GIVEN, ScenarioError, joined, shown
from meshsim.scenario.schema import Scenario
from meshsim.units import Drift, Duration, DurationError, Shift, parse_drift, parse_duration, parse_shift

_TYPE = inspect.type_info(Scenario)
_PATH = re.compile(r"^(?P<message>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]|\[\.\.\.\]")

_UNKNOWN_KEY = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)
_MISSING_KEY = re.compile(r"Object missing required field `(.*)`$")
_CHOICE = re.compile(r"Invalid (?:enum )?value ")
_WRONG_TYPE = re.compile(r"Expected `([^`]*)`, got `[^`]*`$")
_OUT_OF_RANGE = re.compile(r"Expected `([^`]*)` (>=|<=) (\S+)$")
_LENGTH = re.compile(r"Expected `(array|str)` of length (>=|<=) (\d+)$")
_PATTERN = re.compile(r"Expected `str` matching regex ")

_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "an array",
    "object": "a table",
}
#: What the patterns of the schema mean, in words.
_PATTERNS = {
    r"^[A-Za-z_][A-Za-z0-9_]*$": "a name of letters, digits and underscores that does not begin with a digit",
    r"^[a-z0-9][a-z0-9_-]*$": "a name of lower-case letters, digits, dashes and underscores",
}

Path = tuple[str | int, ...]


def decode_hook(kind: type, value: object) -> object:
    """Durations are text with a unit; anything else of a type of our own is a mistake in the schema."""
    if kind is Duration:
        if not isinstance(value, str):
            raise DurationError('expected a duration such as "1.5s"')
        return Duration(parse_duration(value))
    if kind is Shift:
        if not isinstance(value, str):
            raise DurationError('expected a duration such as "1.5s" or "-200ms"')
        return Shift(parse_shift(value))
    if kind is Drift:
        if not isinstance(value, str):
            raise DurationError('expected a drift such as "200us/s" or "-50ppm"')
        return Drift(parse_drift(value))
    raise NotImplementedError(kind)


def decode(raw: dict[str, Any]) -> Scenario:
    """The scenario that plain data describes; cross-references are not looked at.

    Raises:
        ScenarioError: with the path of the first key that is wrong, and no file.
    """
    try:
        return msgspec.convert(raw, Scenario, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise _translated(raw, str(error)) from None


def key_text(path: Path) -> str:
    """A path as it is written for people: `faults[0].when.where."envelope.dest"`."""
    key = ""
    for part in path:
        key = f"{key}[{part}]" if isinstance(part, int) else joined(key, part)
    return key


def _translated(raw: dict[str, Any], text: str) -> ScenarioError:
    match = _PATH.match(text)
    assert match is not None
    message = match["message"]
    path = _resolved(raw, match["path"] or "", message)
    value = _value_at(raw, path)
    key, kind = key_text(path), _type_at(raw, path)
    if unknown := _UNKNOWN_KEY.match(message):
        name = unknown[1]
        return ScenarioError(key, f"unknown key {shown(name)}", allowed=_keys_of(kind), word=name)
    if missing := _MISSING_KEY.match(message):
        return ScenarioError(joined(key, missing[1]), "required, but not given", allowed=_tags_of(kind, missing[1]))
    if _CHOICE.match(message):
        return ScenarioError(key, "expected one of the allowed values", value=value, allowed=_choices_at(raw, path))
    return ScenarioError(key, _expectation(message, kind), value=value)


def _expectation(message: str, kind: inspect.Type) -> str:
    if wrong := _WRONG_TYPE.match(message):
        # TOML has no null: an optional key is left out.
        return f"expected {' or '.join(_WORDS[name] for name in wrong[1].split(' | ') if name != 'null')}"
    if wrong := _OUT_OF_RANGE.match(message):
        limit = wrong[3].removesuffix(".0")
        return f"expected {_WORDS[wrong[1]]} {'of at least' if wrong[2] == '>=' else 'of at most'} {limit}"
    if wrong := _LENGTH.match(message):
        unit = {"array": "value", "str": "character"}[wrong[1]]
        return (
            f"expected at {'least' if wrong[2] == '>=' else 'most'} {wrong[3]} {unit}{'' if wrong[3] == '1' else 's'}"
        )
    if _PATTERN.match(message):
        pattern = kind.pattern if isinstance(kind, inspect.StrType) else None
        return f"expected {_PATTERNS.get(pattern or '', f'text that matches {pattern}')}"
    return message.partition(", got ")[0]


# --- where it is -------------------------------------------------------------------------------------------


def _resolved(raw: dict[str, Any], steps: str, message: str) -> Path:
    """The path with real keys. msgspec writes `[...]` for the keys of tables that are free to choose."""
    path: Path = ()
    for step in _STEP.finditer(steps):
        if step["name"] is not None:
            path += (step["name"],)
        elif step["index"] is not None:
            path += (int(step["index"]),)
        else:
            path += (_culprit(raw, path, message),)
    return path


def _culprit(raw: object, path: Path, message: str) -> str:
    """The first key of the table at `path` that alone makes decoding fail in the same way."""
    table = _value_at(raw, path)
    assert isinstance(table, dict)
    for key, value in table.items():
        try:
            msgspec.convert(with_value(raw, path, {key: value}), Scenario, dec_hook=decode_hook)
        except msgspec.ValidationError as error:
            if str(error).startswith(message):
                return str(key)
    raise AssertionError(f"no key of {key_text(path)} explains: {message}")


def with_value(node: object, path: Path, value: object) -> object:
    """A copy of plain data with another value at `path`; tables on the way are made, and the rest is shared."""
    if not path:
        return value
    first = path[0]
    if isinstance(node, list):
        assert isinstance(first, int)
        return [*node[:first], with_value(node[first], path[1:], value), *node[first + 1 :]]
    assert isinstance(node, dict)
    return {**node, first: with_value(node.get(first, {}), path[1:], value)}


def _value_at(node: object, path: Path) -> object:
    """What plain data has at `path`, `NOT_GIVEN` for a key that is missing."""
    for part in path:
        if isinstance(node, list) and isinstance(part, int):
            node = node[part]
        else:
            node = node.get(part, NOT_GIVEN) if isinstance(node, dict) else NOT_GIVEN
    return node


# --- what it should be -------------------------------------------------------------------------------------


def _type_at(raw: object, path: Path) -> inspect.Type:
    """The type the schema has at `path`; of a union of tables, the one that the file chose."""
    kind = _TYPE
    for end, part in enumerate(path, start=1):
        if isinstance(kind, inspect.ListType):
            kind = kind.item_type
        elif isinstance(kind, inspect.DictType):
            kind = kind.value_type
        elif isinstance(kind, inspect.StructType):
            kind = next((f.type for f in kind.fields if f.encode_name == part), inspect.AnyType())
        else:
            kind = inspect.AnyType()  # The key that selects the type, with a value that selects none.
        kind = _chosen(kind, _value_at(raw, path[:end]))
    return kind


def _chosen(kind: inspect.Type, raw: object) -> inspect.Type:
    if isinstance(kind, inspect.UnionType):
        members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
        if len(members) == 1:
            return _chosen(members[0], raw)
        tagged = (m for m in _structs_of(kind) if isinstance(raw, dict) and raw.get(str(m.tag_field)) == m.tag)
        return next(tagged, kind)
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _keys_of(kind: inspect.Type) -> list[str]:
    if not isinstance(kind, inspect.StructType):
        return []
    own = [kind.tag_field] if kind.tag_field else []
    return own + [field.encode_name for field in kind.fields]


def _structs_of(kind: inspect.Type) -> Iterator[inspect.StructType]:
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return (member for member in members if isinstance(member, inspect.StructType))


def _tags_of(kind: inspect.Type, name: str) -> list[str]:
    """The values of the key that selects a type, if `name` is that key."""
    return [str(struct.tag) for struct in _structs_of(kind) if struct.tag_field == name]


def _choices_at(raw: object, path: Path) -> list[str]:
    kind = _type_at(raw, path)
    if isinstance(kind, inspect.LiteralType):
        return [str(value) for value in kind.values]
    return _tags_of(_type_at(raw, path[:-1]), str(path[-1]))
