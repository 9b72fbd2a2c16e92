"""A scenario as the text of a file: keys in the order of scenarios/README.md, durations as text, defaults left out.

Written here and not by a library: those know neither the order of ours, nor what is better on a line of its own, and
write no comments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET

from meshsim.scenario.schema import Scenario
from meshsim.units import Drift, Duration, format_duration

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_ESCAPED = re.compile(r"\\.")
#: Longest line of a text; longer ones are broken.
_WIDTH = 110


def scenario_text(scenario: Scenario, comments: Sequence[str] = ()) -> str:
    """The file of a scenario, with `comments` at its top. Reading it gives the scenario again."""
    return "\n".join((*(f"# {line}".rstrip() for line in comments), *_lines(plain(scenario)))) + "\n"


def plain(value: Any) -> Any:  # noqa: ANN401  any part of a scenario
    """A part of a scenario as plain data: keys in their order, without those that have their default."""
    match value:
        case msgspec.Struct():
            return _table(value)
        case Drift():
            return str(value)
        case Duration():
            return format_duration(value)
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case _:
            return value


def _table(value: msgspec.Struct) -> dict[str, Any]:
    table: dict[str, Any] = {}
    config = value.__struct_config__
    if config.tag is not None:
        table[str(config.tag_field)] = config.tag
    for field in msgspec.structs.fields(type(value)):
        given = getattr(value, field.name)
        default = field.default if field.default_factory is NODEFAULT else field.default_factory()
        if given is not UNSET and given is not None and given != default:
            table[field.encode_name] = plain(given)
    return table


def _lines(file: Mapping[str, Any]) -> Iterator[str]:
    """Keys without tables first, as TOML wants them; then a table or an array of tables for each other key."""
    for key, value in file.items():
        if not _is_section(key, value):
            yield f"{_key(key)} = {_value(value, is_long=key == 'about')}"
    for key, value in file.items():
        if _is_section(key, value):
            yield from _section((key,), value)


def _is_section(key: str, value: object) -> bool:
    return (isinstance(value, dict) and key != "quirks") or _is_tables(value)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _section(path: tuple[str, ...], value: Any) -> Iterator[str]:  # noqa: ANN401
    name = ".".join(map(_key, path))
    if isinstance(value, list):
        for each in value:
            yield from ("", f"[[{name}]]", *(f"{_key(key)} = {_value(part)}" for key, part in each.items()))
        return
    own = {key: part for key, part in value.items() if not _is_tables(part)}
    if own or (len(path) == 1 and not value):
        yield from ("", f"[{name}]", *(f"{_key(key)} = {_value(part)}" for key, part in own.items()))
    for key, part in value.items():
        if _is_tables(part):
            yield from _section((*path, key), part)


def _value(value: Any, *, is_long: bool = False) -> str:  # noqa: ANN401
    match value:
        case bool():
            return "true" if value else "false"
        case str() if is_long and (len(value) > _WIDTH - 10 or "\n" in value):
            return _paragraph(value)
        case str():
            return _quoted(value)
        case dict():
            pairs = ", ".join(f"{_key(key)} = {_value(part)}" for key, part in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return repr(value)


def _quoted(text: str) -> str:
    """A basic string; JSON's escapes are TOML's, but for DEL, which JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _paragraph(text: str) -> str:
    return '"""\n' + "\n".join(map(_line, text.split("\n"))) + '"""'


def _line(text: str) -> str:
    """A line of a paragraph. A single quote mark may stand in one as it is; at the end it would close the string."""
    quoted = _quoted(text)[1:-1]
    return quoted if '""' in text or text.endswith('"') else _ESCAPED.sub(_unescaped, quoted)


def _unescaped(match: re.Match[str]) -> str:
    return '"' if match[0] == '\\"' else match[0]


def _key(key: str) -> str:
    return key if _BARE.match(key) else _quoted(key)


def wrapped(text: str, width: int = _WIDTH) -> Iterable[str]:
    """A sentence in lines, for comments."""
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    if line:
        yield line
