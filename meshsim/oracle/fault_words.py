"""Faults in words: what is struck, how, when and how often."""

from __future__ import annotations

from msgspec import UNSET

from meshsim.faults.kinds import Fault, LinkFault, MessageFault, When, targets_of
from meshsim.model.tags import tag_of
from meshsim.oracle.describing import conditions_words, counted, fields_words
from meshsim.units import format_duration


def fault_words(fault: Fault) -> str:
    """Its kind, its targets and its parameters."""
    without = ["target", "targets", "at", "when", "repeat"]
    whom = " and ".join(targets_of(fault))
    if isinstance(fault, LinkFault):
        whom = str(fault.sides)
        without += ["with_", "to", "one_way"]
    if isinstance(fault, MessageFault) and fault.share == 1:
        without.append("share")
    rest = fields_words(fault, *without, first=False)
    words = f"{tag_of(fault)} {whom}"
    return f"{words}, {rest}" if rest else words


def fault_time(fault: Fault) -> str:
    """When it strikes, and how often."""
    again = ""
    if fault.repeat is not UNSET:
        again = f", {counted(fault.repeat.times, 'time')}, every {format_duration(fault.repeat.every)}"
    if fault.at is not None:
        return f"at {format_duration(fault.at)}{again}"
    return "at its spawn" if fault.when is None else f"{_when_words(fault.when)}{again}"


def _when_words(when: When) -> str:
    what = f"fault {when.fault}" if when.record is UNSET else f"{when.record}{conditions_words(when.where)}"
    after = f"{format_duration(when.after)} after " if when.after else "on "
    times = 1 if when.times is UNSET else when.times
    nth = f"matches {when.count} to {when.count + times - 1} of " if times > 1 else ""
    nth = f"match {when.count} of " if not nth and when.count > 1 else nth
    since = "" if when.from_ is UNSET else f" from {format_duration(when.from_)} on"
    since += "" if when.after_fault is UNSET else f" behind fault {when.after_fault}"
    return f"{after}{nth}{what}{since}"
