"""What can be said of a kind of fault without a second table: its words, its parameters, and when it strikes.

The words are those of its docstring, the meaning of a parameter is the comment above its field (`#:`), its type and its
default are those of the field.
"""

from __future__ import annotations

import inspect
import json
import re
from functools import cache

import msgspec
from msgspec import inspect as types

from meshsim.faults.kinds import AT_SPAWN, Fault, FaultBase
from meshsim.units import Drift, Duration, Shift, format_duration

_COMMENT = re.compile(r"\s+#: ?(?P<words>.*)")
_FIELD = re.compile(r"    (?P<name>[a-z_]+): ")
_CUSTOM = {
    Duration: 'a duration: "1.5s"',
    Shift: 'a duration, also "-200ms"',
    Drift: 'a drift: "200us/s"',
}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a kind of fault, beside those that all kinds have."""

    name: str
    #: What it may be, in words.
    type: str
    #: What it is when not given, as a scenario file writes it: empty when it is not there, None when it must be given.
    default: str | None
    meaning: str


def words_of(kind: type[Fault]) -> str:
    """What a kind does: its docstring, in paragraphs. The first one says it in short."""
    return inspect.cleandoc(kind.__doc__ or "")


def sentence_of(kind: type[Fault]) -> str:
    """The first paragraph, in one line."""
    return " ".join(words_of(kind).split("\n\n")[0].split())


def moment_of(kind: type[Fault]) -> str:
    """When it may strike."""
    if issubclass(kind, AT_SPAWN):
        return "when its target is spawned"
    return "at a time or at a record, once or again"


def parameters_of(kind: type[Fault]) -> tuple[Parameter, ...]:
    """The keys of a kind that not every kind has, in the order of its fields."""
    meanings = _meanings(kind)
    return tuple(
        Parameter(
            name=field.encode_name,
            type=_type_words(field.type),
            default=_default(field),
            meaning=meanings.get(field.name, ""),
        )
        for field in _fields(kind)
        if field.name not in FaultBase.__struct_fields__
    )


def _fields(kind: type[Fault]) -> tuple[types.Field, ...]:
    info = types.type_info(kind)
    assert isinstance(info, types.StructType)
    return info.fields


@cache
def _meanings(kind: type) -> dict[str, str]:
    """By name of the field: the comment above it, in the class or in one that it inherits from."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__[: kind.__mro__.index(FaultBase)]):
        comment: list[str] = []
        for line in inspect.getsource(each).splitlines():
            if match := _COMMENT.fullmatch(line):
                comment.append(match["words"])
                continue
            if comment and (match := _FIELD.match(line)):
                found[match["name"]] = " ".join(comment)
            comment = []
    return found


def _default(field: types.Field) -> str | None:
    if field.required:
        return None
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    else:
        value = field.default
    if value in (None, msgspec.NODEFAULT):  # UNSET is no default to msgspec.
        return ""
    if isinstance(value, Drift):
        return json.dumps(str(value))
    return json.dumps(format_duration(value) if isinstance(value, Duration) else value)


def _type_words(kind: types.Type) -> str:
    match kind:
        case types.UnionType(types=several):
            (one,) = [each for each in several if not isinstance(each, types.NoneType)]
            return _type_words(one)
        case types.CustomType(cls=cls):
            return _CUSTOM[cls]
        case types.LiteralType(values=values):
            return "one of " + ", ".join(json.dumps(value) for value in values)
        case types.BoolType():
            return "true or false"
        case types.IntType(ge=least, le=most):
            return f"{least}..{most}"
        case types.FloatType(gt=above, le=most):
            return f"more than {above:g}, at most {most:g}"
        case types.StrType(pattern=pattern):
            return "text" if pattern is None else 'a size: "64KiB", "1MiB"'
        case types.ListType(item_type=item):
            return f"a list of {_type_words(item)}"
        case types.TupleType(item_types=items):
            return f"[{', '.join(_type_words(item) for item in items)}]"
        case _:
            raise AssertionError(f"no words for {kind}")
