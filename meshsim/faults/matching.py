"""Does a record match a condition? Used by triggers of faults (`when`) and by expectations that count records.

A condition names a record by its tag and wants values at paths: `node`, a field of the record (`rank`), or a dotted
path into it (`envelope.message.type`, where `type` is the tag of whatever is there).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import UNSET, inspect

from meshsim.faults.conditions import Condition, Plain, Wanted, is_accepted
from meshsim.trace.directory import Directory
from meshsim.trace.records import Body, Record

#: Digits of a name's suffix, with its dash: `workers_0-1aaaaaaaaaaa`.
_SUFFIX_LENGTH = 13


class ConditionError(ValueError):
    """A condition can never match. `allowed` is what may stand for `part` of the path, or for the record's tag.

    `key` is what is wrong of a `Condition`, and then `part` its value.
    """

    def __init__(
        self, message: str, path: str | None, part: str, allowed: tuple[str, ...] = (), *, key: str = ""
    ) -> None:
        super().__init__(message)
        self.path = path
        self.part = part
        self.allowed = allowed
        self.key = key


def _record_types() -> dict[str, inspect.StructType]:
    union = inspect.type_info(Body)
    assert isinstance(union, inspect.UnionType)
    return {str(kind.tag): kind for kind in union.types if isinstance(kind, inspect.StructType)}


#: Types of records by tag, in the order of `Body`.
RECORD_TYPES: dict[str, inspect.StructType] = _record_types()


def check_condition(record: str, where: Mapping[str, Wanted]) -> None:
    """Whether a record could match.

    Raises:
        ConditionError: no record has this tag, or it has nothing at a path, or nothing that could be as it is wanted.
    """
    for path, wanted in where.items():
        kinds = kinds_at(record, path)
        if isinstance(wanted, Condition):
            _check_wanted(path, wanted, kinds)
    if not where:
        kinds_at(record, "node")


def kinds_at(record: str, path: str) -> tuple[inspect.Type, ...]:
    """The types of what records of a kind may have at a path.

    Raises:
        ConditionError: no record has this tag, or it has nothing at the path.
    """
    if record not in RECORD_TYPES:
        raise ConditionError("no such record", None, record, tuple(RECORD_TYPES))
    if path == "node":
        return (inspect.StrType(),)
    kinds: tuple[inspect.Type, ...] = (RECORD_TYPES[record],)
    done: list[str] = []
    for part in path.split("."):
        allowed = ("node", *_parts(kinds)) if not done else _parts(kinds)
        kinds = tuple(member for kind in kinds for member in _step(kind, part))
        if not kinds:
            place = ".".join(done) or record
            raise ConditionError(f'{place} has no "{part}"', path, part, allowed)
        done.append(part)
    return kinds


def _check_wanted(path: str, wanted: Condition, kinds: tuple[inspect.Type, ...]) -> None:
    """That a condition says something, and something that these types can be."""
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
    if not given:
        raise ConditionError("expected a condition, such as { ge = 3 }", path, "", tuple(CONDITION_KEYS))
    for name in ("ge", "gt", "le", "lt"):
        if name in given and not any(isinstance(kind, inspect.IntType | inspect.AnyType) for kind in kinds):
            raise ConditionError(f"{path} is never a number", path, str(given[name]), key=name)
    if wanted.one_of is not UNSET and not wanted.one_of:
        raise ConditionError("expected at least 1 value", path, "", key="one_of")
    if wanted.matches is not UNSET:
        try:
            re.compile(wanted.matches)
        except re.error as error:
            raise ConditionError(
                f"expected a regular expression: {error}", path, wanted.matches, key="matches"
            ) from None
        if not any(isinstance(kind, inspect.StrType | inspect.EnumType | inspect.AnyType) for kind in kinds):
            raise ConditionError(f"{path} is never a text", path, wanted.matches, key="matches")
    if isinstance(wanted.not_, Condition):
        _check_wanted(path, wanted.not_, kinds)


#: The keys of a condition, as scenario files write them.
CONDITION_KEYS = tuple(field.encode_name for field in msgspec.structs.fields(Condition))


class Matcher:
    """A condition, ready to be tried on the records of a run as they come.

    Values compare by value and type (1 is not true); an enum counts as its value. A text also matches
    an actor, a process or a proc that it names as a target does (`trainer[1]`, `workers[0]`, `client`,
    `trainer.controller`), and a name without its suffix. Where a record has nothing at a path, no condition holds, a
    negated one neither.
    """

    def __init__(self, record: str, where: Mapping[str, Wanted], directory: Directory) -> None:
        check_condition(record, where)
        self._type = RECORD_TYPES[record].cls
        self._wanted = [(path.split("."), value) for path, value in where.items()]
        self._directory = directory

    def is_of_kind(self, record: Record) -> bool:
        """Whether it is a record of the kind, whatever is in it."""
        return type(record.what) is self._type

    def unmet(self, record: Record) -> list[str]:
        """The paths at which a record of the kind is not as it is wanted."""
        return [".".join(path) for path, wanted in self._wanted if not self._accepts(value_at(record, path), wanted)]

    def matches(self, record: Record) -> bool:
        if type(record.what) is not self._type:
            return False
        return all(self._accepts(value_at(record, path), wanted) for path, wanted in self._wanted)

    def _accepts(self, value: object, wanted: Wanted) -> bool:
        if value is Nothing:
            return False
        if isinstance(value, Enum):
            value = value.value
        return is_accepted(value, wanted, self._equal, self._directory.shortened)

    def _equal(self, value: object, wanted: Plain) -> bool:
        if isinstance(wanted, str):
            return isinstance(value, str) and (value == wanted or self._names(wanted, value))
        return type(value) is type(wanted) and value == wanted

    def _names(self, target: str, value: str) -> bool:
        if value.startswith(f"{target}-") and len(value) == len(target) + _SUFFIX_LENGTH:
            return True
        node = self._directory.node(target)
        if node is not None and value in (node, self._directory.proc_names.get(node)):
            return True
        actor = self._directory.actor(target)
        return actor is not None and value == actor


class Nothing:
    """What a path leads to that a record of this kind does not have."""


def value_at(record: Record, path: list[str]) -> object:
    """What a record has at a path; `Nothing` when this one has nothing there."""
    if path == ["node"]:
        return record.node
    value: Any = record.what
    for part in path:
        match value:
            case msgspec.Struct():
                if part in value.__struct_fields__:
                    value = getattr(value, part)
                elif part == "type" and value.__struct_config__.tag is not None:
                    value = value.__struct_config__.tag
                else:
                    return Nothing
            case dict():
                value = value.get(part, Nothing)
            case list() | tuple() if part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            case _:
                return Nothing
    return value


def _members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(kind, inspect.Metadata):
        return _members(kind.type)
    if isinstance(kind, inspect.UnionType):
        return tuple(member for part in kind.types for member in _members(part))
    return (kind,)


def _step(kind: inspect.Type, part: str) -> Iterator[inspect.Type]:
    """The types that `part` may lead to from a value of type `kind`."""
    match kind:
        case inspect.StructType():
            found = [field.type for field in kind.fields if field.name == part]
            if not found and part == "type" and kind.tag is not None:
                found = [inspect.StrType()]
        case inspect.DictType():
            found = [kind.value_type]
        case inspect.AnyType():
            found = [kind]
        case inspect.VarTupleType() | inspect.ListType() if part.isdigit():
            found = [kind.item_type]
        case inspect.TupleType() if part.isdigit() and int(part) < len(kind.item_types):
            found = [kind.item_types[int(part)]]
        case _:
            found = []
    return (member for item in found for member in _members(item))


def _parts(kinds: tuple[inspect.Type, ...]) -> tuple[str, ...]:
    """What may follow, for the author: fields, and `type` where there are tags."""
    parts: dict[str, None] = {}
    for kind in kinds:
        if isinstance(kind, inspect.StructType):
            parts.update(dict.fromkeys(field.name for field in kind.fields))
            if kind.tag is not None:
                parts["type"] = None
    return tuple(parts)


#: Tags of all messages.
MESSAGE_TYPES: tuple[str, ...] = tuple(
    str(kind.tag) for kind in kinds_at("message", "message") if isinstance(kind, inspect.StructType)
)
