"""One file, many scenarios: `[matrix]` names keys by dotted path and lists the values each may take."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from meshsim.model.attributes import ATTRIBUTES
from meshsim.model.config import attribute_by_key
from meshsim.scenario.decode import Path, decode, key_text, with_value
from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.schema import Scenario

Value = str | int | bool | float
Variant = dict[str, Value]

#: Scenarios that one file may stand for.
VARIANTS_MAX = 1_000
_LABEL_LENGTH_MAX = 120


class _Matrix(msgspec.Struct):
    matrix: dict[str, list[Value]] = {}


def variants(raw: dict[str, Any]) -> Iterator[tuple[Variant, dict[str, Any]]]:
    """Each combination of the matrix with the data it makes of the file; the file itself when it has no matrix.

    Raises:
        ScenarioError: a path that leads nowhere, values that are not told apart, or too many combinations.
    """
    try:
        matrix = msgspec.convert(raw, _Matrix).matrix
    except msgspec.ValidationError:
        decode(raw)  # Says what is wrong with the matrix, or with something before it.
        raise
    rest = {key: value for key, value in raw.items() if key != "matrix"}
    if not matrix:
        yield {}, raw
        return
    _check(matrix)
    paths = {path: _resolved(rest, path) for path in matrix}
    for values in itertools.product(*matrix.values()):
        variant = dict(zip(matrix, values, strict=True))
        data = rest
        for path, value in variant.items():
            changed = with_value(data, paths[path], value)
            assert isinstance(changed, dict)
            data = changed
        yield variant, data


def with_settings(raw: dict[str, Any], settings: Mapping[str, Sequence[Value]]) -> dict[str, Any]:
    """The data of a file with a matrix of these keys over its own. An attribute of the configuration needs no path.

    Raises:
        ScenarioError: a bare name that is neither an attribute nor a key of scenario files, or a key given twice.
    """
    matrix = raw.get("matrix", {})
    if not isinstance(matrix, dict):
        return raw  # Decoding says what is wrong with it.
    given: dict[str, Sequence[Value]] = {}
    for name, values in settings.items():
        path = _path_of(name, raw)
        if path in given:
            raise ScenarioError("--set", "one key is given twice", value=name, word="")
        given[path] = list(values)
    own = {path: values for path, values in matrix.items() if _path_of(path, raw) not in given}
    return {**raw, "matrix": {**own, **given}}


def _path_of(name: str, raw: dict[str, Any]) -> str:
    """The path that a setting means; for an attribute the spelling that the file has, if it has one."""
    bare = name.removeprefix("config.")
    try:
        attribute = attribute_by_key(bare)
    except KeyError:
        if "." not in name and name not in Scenario.__struct_fields__:
            allowed = (*(each.name.lower() for each in ATTRIBUTES), *Scenario.__struct_fields__)
            message = "expected an attribute of the configuration or a dotted key of the file"
            raise ScenarioError("--set", message, value=name, allowed=allowed) from None
        return name
    for key in _config_keys(raw):
        try:
            if attribute_by_key(key) is attribute:
                return f"config.{key}"
        except KeyError:
            continue  # Decoding names it.
    return f"config.{bare}"


def _config_keys(raw: dict[str, Any]) -> Iterator[str]:
    """Attributes as a file spells them, in its configuration and in its matrix."""
    config, matrix = raw.get("config"), raw.get("matrix")
    yield from config if isinstance(config, dict) else ()
    paths = matrix if isinstance(matrix, dict) else ()
    yield from (path.removeprefix("config.") for path in paths if path.startswith("config."))


def variant_label(variant: Mapping[str, Value]) -> str:
    """A variant in short, `poll=1s,code=0`; empty without a matrix. Keys are cut to what tells them apart."""
    return ",".join(f"{_short(path, variant)}={_text(value)}" for path, value in variant.items())


def _short(path: str, paths: Mapping[str, object]) -> str:
    last = path.rpartition(".")[2]
    unique = sum(other.rpartition(".")[2] == last for other in paths) == 1
    return last if unique and not last.isdigit() else path


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(matrix: dict[str, list[Value]]) -> None:
    count = 1
    for path, values in matrix.items():
        key = joined("matrix", path)
        if not values:
            raise ScenarioError(key, "expected at least 1 value, got an empty array")
        texts = [_text(value) for value in values]
        for index, text in enumerate(texts):
            if text in texts[:index]:
                raise ScenarioError(f"{key}[{index}]", "expected values that differ", value=values[index])
        inner = next((other for other in matrix if other.startswith(f"{path}.")), None)
        if inner is not None:
            raise ScenarioError(joined("matrix", inner), f"leads into another key of the matrix, {path}")
        count *= len(values)
    if count > VARIANTS_MAX:
        raise ScenarioError("matrix", f"expected at most {VARIANTS_MAX} combinations, got {count}")
    longest = {path: max(values, key=lambda value: len(_text(value))) for path, values in matrix.items()}
    if len(variant_label(longest)) > _LABEL_LENGTH_MAX:
        raise ScenarioError("matrix", f"expected values whose label has at most {_LABEL_LENGTH_MAX} characters")


def _resolved(data: dict[str, Any], path: str) -> Path:
    """The path with numbers for list indices. Its last key may be new; what leads there has to exist."""
    key = joined("matrix", path)
    node: object = data
    done: Path = ()
    parts = path.split(".")
    for part in parts:
        if isinstance(node, list):
            if part not in map(str, range(len(node))):
                raise ScenarioError(key, f"leads nowhere, {key_text(done)} has {len(node)} items", value=part, word="")
            done += (int(part),)
            node = node[int(part)]
        elif isinstance(node, dict):
            done += (part,)
            if part not in node and len(done) < len(parts) and parts[len(done)].isdigit():
                raise ScenarioError(key, f"leads nowhere, there is no {key_text(done)}")
            node = node.get(part, {} if len(done) < len(parts) else None)
        else:
            raise ScenarioError(key, f"leads nowhere, {key_text(done)} is neither a table nor an array", value=node)
    return done
