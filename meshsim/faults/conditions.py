"""What a condition wants of one value of a record: that it equals something, or more than that."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from msgspec import UNSET, UnsetType

#: A value that a record's field must have.
Plain = str | int | bool | None


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """More than equality: everything that is given has to hold. `{ ge = 3 }`, `{ matches = "Killed" }`."""

    #: At least, more than, at most, less than: of whole numbers.
    ge: int | UnsetType = UNSET
    gt: int | UnsetType = UNSET
    le: int | UnsetType = UNSET
    lt: int | UnsetType = UNSET
    #: A regular expression that is found somewhere in the text; names of people stand for ids there too.
    matches: str | UnsetType = UNSET
    one_of: list[str | int | bool] | UnsetType = UNSET
    #: Whether there is a value at all, where a field may be without one.
    given: bool | UnsetType = UNSET
    not_: str | int | bool | Condition | UnsetType | None = msgspec.field(name="not", default=UNSET)


#: What may stand for a value.
Wanted = str | int | bool | None | Condition


def is_accepted(
    value: object, wanted: Wanted, equals: Callable[[object, Plain], bool], spelled: Callable[[str], str]
) -> bool:
    """Whether a value is wanted. `equals` compares it with a plain one; `spelled` writes ids in a text as names."""
    if not isinstance(wanted, Condition):
        return equals(value, wanted)
    if wanted.not_ is not UNSET and is_accepted(value, wanted.not_, equals, spelled):
        return False
    if wanted.given is not UNSET and (value is not None) is not wanted.given:
        return False
    if wanted.one_of is not UNSET and not any(equals(value, each) for each in wanted.one_of):
        return False
    if wanted.matches is not UNSET and not _is_found(wanted.matches, value, spelled):
        return False
    return _is_in_range(value, wanted)


def _is_found(pattern: str, value: object, spelled: Callable[[str], str]) -> bool:
    return isinstance(value, str) and bool(re.search(pattern, value) or re.search(pattern, spelled(value)))


def _is_in_range(value: object, wanted: Condition) -> bool:
    if wanted.ge is wanted.gt is wanted.le is wanted.lt is UNSET:
        return True
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return (
        (wanted.ge is UNSET or value >= wanted.ge)
        and (wanted.gt is UNSET or value > wanted.gt)
        and (wanted.le is UNSET or value <= wanted.le)
        and (wanted.lt is UNSET or value < wanted.lt)
    )


def texts_of(wanted: Wanted) -> list[str]:
    """The texts that a value is compared with, those of a negation among them."""
    if isinstance(wanted, str):
        return [wanted]
    if not isinstance(wanted, Condition):
        return []
    listed = [] if wanted.one_of is UNSET else [each for each in wanted.one_of if isinstance(each, str)]
    return listed + ([] if wanted.not_ is UNSET else texts_of(wanted.not_))


def wanted_words(wanted: Wanted) -> str:
    """`= 3`, `>= 3`, `matches "Killed"`: what stands behind the path."""
    if not isinstance(wanted, Condition):
        return f"= {_plain_words(wanted)}"
    words = [
        f"{sign} {number}"
        for sign, number in ((">=", wanted.ge), (">", wanted.gt), ("<=", wanted.le), ("<", wanted.lt))
        if number is not UNSET
    ]
    words += [] if wanted.matches is UNSET else [f'matches "{wanted.matches}"']
    words += [] if wanted.one_of is UNSET else [f"one of {', '.join(map(_plain_words, wanted.one_of))}"]
    words += [] if wanted.given is UNSET else ["given" if wanted.given else "not given"]
    words += [] if wanted.not_ is UNSET else [f"not {wanted_words(wanted.not_).removeprefix('= ')}"]
    return " and ".join(words)


def _plain_words(value: Plain) -> str:
    return str(value)
