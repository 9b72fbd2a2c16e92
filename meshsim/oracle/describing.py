"""Expectations in words: what `meshsim show` lists, and what a violation says must not be so."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.faults.conditions import Wanted, wanted_words
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    MessageCount,
    Moment,
    NeverHears,
    NothingLeft,
    OperationResult,
    Order,
    RecordCount,
    Window,
)
from meshsim.units import Duration, format_duration


def expected_words(expectation: Expectation) -> str:
    """One expectation as a sentence without its full stop."""
    words = _affirmed(expectation)
    return f"it is not so that {words}" if expectation.not_ is True else words


def _affirmed(expectation: Expectation) -> str:
    match expectation:
        case Hears():
            return f"{expectation.listener} hears {_hearing(expectation)}{_counts(expectation)}{_within(expectation)}"
        case NeverHears():
            return f"{expectation.listener} never hears {_hearing(expectation)}"
        case Final():
            return f"at the end {_final_words(expectation)}"
        case OperationResult():
            return _operation_words(expectation)
        case NothingLeft(targets=targets):
            return f"no process is left of {', '.join(targets) or 'any host'}"
        case RecordCount():
            after = "" if expectation.after_fault is None else f" after fault {expectation.after_fault}"
            what = f"{expectation.record}{conditions_words(expectation.where)}"
            return f"the trace has {what}{_counts(expectation)}{after}{window_words(expectation.window)}"
        case MessageCount():
            return f"there are {messages_words(expectation)}{_counts(expectation)}{window_words(expectation.window)}"
        case Order(moments=moments, within=within):
            late = "" if within is UNSET else f", all within {format_duration(within)}"
            return f"{', then '.join(map(moment_words, moments))}{late}"


def _final_words(expectation: Final) -> str:
    target, by = expectation.target, expectation.by
    words = [] if expectation.controller is UNSET else [f"the controller of {target} is {expectation.controller}"]
    words += [] if expectation.health is UNSET else [f"{target} is {expectation.health} to {by}"]
    words += (
        [] if expectation.subscription is UNSET else [f"the subscription of {by} to {target} is {_state(expectation)}"]
    )
    if words:
        return " and ".join(words)
    return f"{target} is {fields_words(expectation, 'target', 'if_quirk', 'unless_quirk', 'not_')}"


def _state(expectation: Final) -> str:
    return str(expectation.subscription).replace("_", " ")


def _hearing(expectation: Hears | NeverHears) -> str:
    rank = "" if expectation.rank is None else f"[{expectation.rank}]"
    subject = f"{expectation.mesh}{rank}" if expectation.mesh else f"any mesh{rank}" if rank else "anything"
    parts = [subject, expectation.status or "fail"]
    if expectation.role:
        parts.append(f"as {expectation.role}")
    parts += texts_words(expectation.text, expectation.text_is, expectation.text_matches)
    return " ".join(parts) + window_words(expectation.window)


def texts_words(part: str | None, whole: str | UnsetType, pattern: str | UnsetType) -> list[str]:
    """What is expected of a text."""
    words = [f"with {part!r}"] if part else []
    words += [] if whole is UNSET else [f"with exactly {whole!r}"]
    return words + ([] if pattern is UNSET else [f"with what matches {pattern!r}"])


def _counts(expectation: Hears | RecordCount | MessageCount | OperationResult) -> str:
    words = [
        f"{word} {counted(count, 'time')}"
        for word, count in (
            ("exactly", expectation.times),
            ("at least", expectation.at_least),
            ("at most", expectation.at_most),
        )
        if count is not None and count is not UNSET
    ]
    return f", {' and '.join(words)}" if words else ""


def _within(expectation: Hears) -> str:
    if expectation.within is None:
        return ""
    return f", within {format_duration(expectation.within)} of fault {expectation.fault}"


def _operation_words(expectation: OperationResult) -> str:
    name = f"{expectation.do} {expectation.name}" if expectation.name else expectation.do
    more = f"{_counts(expectation)}{window_words(expectation.window)}"
    if not expectation.ends:
        return f"{name} is still waiting at the end{more}"
    words = f"{name} ends well"
    if error := error_words(expectation):
        words = f"{name} ends with {error}"
    result = [f"{expectation.result!r}"] if expectation.result else []
    result += texts_words(None, expectation.result_is, expectation.result_matches)
    if result:
        words += f", returning {' '.join(result).removeprefix('with ')}"
    return f"{words}{'' if expectation.within is None else f', within {format_duration(expectation.within)}'}{more}"


def error_words(expectation: OperationResult) -> str:
    """Which error is expected; empty when none is."""
    words = [] if expectation.error is None else [f"an error that contains {expectation.error!r}"]
    words += [] if expectation.error_is is UNSET else [f"the error {expectation.error_is!r}"]
    words += [] if expectation.error_matches is UNSET else [f"an error that matches {expectation.error_matches!r}"]
    return " and ".join(words)


def messages_words(expectation: MessageCount) -> str:
    """Which messages: `delivered messages get_state from client to host0, in every 10s`."""
    words = [expectation.fate.replace("_", " "), "messages"]
    words += [] if expectation.type is UNSET else [expectation.type]
    words += [] if expectation.src is UNSET else [f"from {expectation.src}"]
    words += [] if expectation.dst is UNSET else [f"to {expectation.dst}"]
    per = "" if expectation.per is UNSET else f", in every {format_duration(expectation.per)}"
    return " ".join(words) + per


def moment_words(moment: Moment) -> str:
    """One moment: `fault 0`, `process_died with node = workers[1]`, `client hears trainer[1]`."""
    if moment.fault is not UNSET:
        words = f"fault {moment.fault}"
    elif moment.record is not UNSET:
        words = f"{moment.record}{conditions_words(moment.where)}"
    else:
        words = f"{moment.listener} hears {_hearing(hearing_of(moment))}"
    return words if moment.count == 1 else f"match {moment.count} of {words}"


def hearing_of(moment: Moment) -> NeverHears:
    """What is heard at a moment, in the form that selects it."""
    assert moment.listener is not UNSET, "checked with the scenario"
    return NeverHears(
        listener=moment.listener,
        role=moment.role or None,
        mesh=moment.mesh or None,
        rank=None if moment.rank is UNSET else moment.rank,
        status=moment.status or None,
        text=moment.text or None,
        text_is=moment.text_is,
        text_matches=moment.text_matches,
    )


def window_words(window: Window | UnsetType) -> str:
    """`, from 5s on, behind fault 0, within 3s`."""
    if window is UNSET:
        return ""
    words = [] if window.from_ is UNSET else [f"from {format_duration(window.from_)} on"]
    words += [] if window.until is UNSET else [f"up to {format_duration(window.until)}"]
    words += [] if window.after_fault is UNSET else [f"behind fault {window.after_fault}"]
    words += [] if window.before_fault is UNSET else [f"before fault {window.before_fault}"]
    words += [] if window.after is UNSET else [f"behind {moment_words(window.after)}"]
    words += [] if window.before is UNSET else [f"before {moment_words(window.before)}"]
    words += [] if window.within is UNSET else [f"within {format_duration(window.within)}"]
    return "".join(f", {word}" for word in words)


def conditions_words(where: Mapping[str, Wanted]) -> str:
    """` with rank = 1, text matches "x"`, or nothing."""
    return f" with {', '.join(f'{key} {wanted_words(value)}' for key, value in where.items())}" if where else ""


def fields_words(struct: msgspec.Struct, *without: str, first: bool = True) -> str:
    """The fields that say something, the first as it is unless all have to be named, the others as `name value`."""
    words: list[str] = []
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if field.name in without or value is None or value is UNSET or value in ("", {}, []):
            continue
        if isinstance(value, bool) and value == field.default:
            continue
        text = format_duration(value) if isinstance(value, Duration) else str(value)
        words.append(text if first and not words else f"{field.encode_name} {text}")
    return ", ".join(words)


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
