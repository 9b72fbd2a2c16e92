"""`meshsim records`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from meshsim.cli import PASSED
from meshsim.cli.console import out as say
from meshsim.cli.console import table
from meshsim.cli.errors import UsageError
from meshsim.faults.matching import RECORD_TYPES
from meshsim.model.messages import Message

_JSON_SCHEMA = 1


class Kind(NamedTuple):
    """A kind of record or of message: its tag, what it says (paragraphs of its docstring), its fields."""

    tag: str
    about: str
    fields: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The first paragraph, on one line."""
        return " ".join(self.about.partition("\n\n")[0].split())


def record_kinds() -> list[Kind]:
    """Every kind of record, in the order in which the trace's types name them."""
    return _kinds(RECORD_TYPES)


def message_kinds() -> list[Kind]:
    """Every kind of message: `envelope.message` of the records `message`, `local`, `bounced`."""
    union = msgspec.inspect.type_info(Message)
    assert isinstance(union, msgspec.inspect.UnionType)
    structs = (kind for kind in union.types if isinstance(kind, msgspec.inspect.StructType))
    return _kinds({str(kind.tag): kind for kind in structs})


def records(kind: str | None = None, /, *, json: bool = False) -> int:
    """Say what a trace may hold: the records that triggers and expectations wait for, with their fields.

    Parameters
    ----------
    kind
        One kind of record, such as `heard`, or of message, such as `get_state`.
    json
        One JSON object a line.
    """
    found = {"record": record_kinds(), "message": message_kinds()}
    if kind is not None:
        found = {what: [each for each in kinds if each.tag == kind] for what, kinds in found.items()}
        if not any(found.values()):
            raise UsageError(f"records: {kind!r} is none; `meshsim records` lists all")
    for number, (what, kinds) in enumerate((what, kinds) for what, kinds in found.items() if kinds):
        if json:
            for each in kinds:
                value = {"schema": _JSON_SCHEMA, "what": what, "kind": each.tag, "fields": each.fields}
                say(msgspec.json.encode({**value, "about": each.about}).decode())
            continue
        if number:
            say("")
        if kind is None:
            table(
                (what, "fields", "what it says"), [(each.tag, ", ".join(each.fields), each.sentence) for each in kinds]
            )
        else:
            _say(what, kinds[0])
    return PASSED


def _say(what: str, kind: Kind) -> None:
    say(f"{kind.tag}, a {what}")
    for line in kind.about.splitlines():
        say(f"  {line}".rstrip())
    say(f"  fields: {', '.join(kind.fields) or 'none'}")


def _kinds(types: Mapping[str, msgspec.inspect.StructType]) -> list[Kind]:
    return [
        Kind(tag, inspect.cleandoc(kind.cls.__doc__ or ""), tuple(field.encode_name for field in kind.fields))
        for tag, kind in types.items()
    ]
