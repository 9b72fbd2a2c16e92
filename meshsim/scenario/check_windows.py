"""Moments and windows of expectations: that they name something that can be, and do not contradict themselves."""

from __future__ import annotations

import re

from msgspec import UNSET, UnsetType

from meshsim.oracle.describing import hearing_of
from meshsim.oracle.expectations import Hears, Moment, NeverHears, Window
from meshsim.scenario.check_faults import check_fault_number
from meshsim.scenario.check_records import check_record
from meshsim.scenario.check_targets import check_positive
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Scenario
from meshsim.scenario.world import Kind, World
from meshsim.units import format_duration

#: Keys of a moment that belong to something heard.
_OF_HEARING = ("role", "mesh", "rank", "status", "text", "text_is", "text_matches")


def check_window(key: str, window: Window, scenario: Scenario, world: World) -> None:
    """Raises `ScenarioError` for a window that can have nothing in it, or cannot be said to begin."""
    for begin, other in (("after_fault", "after"), ("before_fault", "before")):
        if getattr(window, begin) is not UNSET and getattr(window, other) is not UNSET:
            raise ScenarioError(f"{key}.{other}", f"expected {begin} or {other}, not both")
    for name in ("after_fault", "before_fault"):
        if (number := getattr(window, name)) is not UNSET:
            check_fault_number(f"{key}.{name}", number, scenario)
    for name in ("after", "before"):
        if (moment := getattr(window, name)) is not UNSET:
            check_moment(f"{key}.{name}", moment, scenario, world)
    for name in ("from_", "until"):
        time = getattr(window, name)
        if time is not UNSET and time > scenario.horizon:
            message = f"expected at most the horizon, {format_duration(scenario.horizon)}"
            raise ScenarioError(f"{key}.{name.rstrip('_')}", message, value=format_duration(time))
    if window.from_ is not UNSET and window.until is not UNSET and window.until < window.from_:
        message = f"expected at least from, {format_duration(window.from_)}"
        raise ScenarioError(f"{key}.until", message, value=format_duration(window.until))
    if window.within is not UNSET:
        check_positive(f"{key}.within", window.within)
        if window.after is window.after_fault is window.from_ is UNSET:
            raise ScenarioError(f"{key}.within", "expected after, after_fault or from: what it counts from")
    if window == Window():
        raise ScenarioError(key, "expected what it begins or ends with", allowed=_KEYS)


_KEYS = ("from", "until", "after_fault", "before_fault", "after", "before", "within")


def check_moment(key: str, moment: Moment, scenario: Scenario, world: World) -> None:
    """Raises `ScenarioError` for a moment that is none, or more than one, or cannot come."""
    given = [name for name in ("fault", "record", "listener") if getattr(moment, name) is not UNSET]
    if len(given) != 1:
        raise ScenarioError(key, "expected one of fault, record and listener: what it is")
    (what,) = given
    if what != "record" and moment.where:
        raise ScenarioError(f"{key}.where", "belongs to record")
    for name in _OF_HEARING:
        if what != "listener" and getattr(moment, name) is not UNSET:
            raise ScenarioError(f"{key}.{name}", "belongs to listener")
    if moment.fault is not UNSET:
        check_fault_number(f"{key}.fault", moment.fault, scenario)
    elif moment.record is not UNSET:
        check_record(key, moment.record, moment.where, world)
    else:
        check_heard(key, hearing_of(moment), world)
        check_pattern(f"{key}.text_matches", moment.text_matches)


def check_heard(key: str, expectation: Hears | NeverHears, world: World) -> None:
    """That those exist who hear, and of whom."""
    world.context(expectation.listener, f"{key}.listener")
    if expectation.mesh is None:
        ranks = max((mesh.ranks for mesh in world.names.values() if mesh.kind is Kind.ACTORS), default=None)
    else:
        mesh = world.named(expectation.mesh, Kind.ACTORS, f"{key}.mesh")
        ranks = world.names[mesh.of].ranks if mesh.of else mesh.ranks  # A slice is told the ranks of its mesh.
    rank = expectation.rank
    if rank is not None and (rank < 0 or (ranks is not None and rank >= ranks)):
        allowed = "a rank" if ranks is None else f"a rank of {expectation.mesh or 'some mesh'}, 0..{ranks - 1}"
        raise ScenarioError(f"{key}.rank", f"expected {allowed}", value=rank)


def check_pattern(key: str, pattern: str | UnsetType) -> None:
    if pattern is UNSET:
        return
    try:
        re.compile(pattern)
    except re.error as error:
        raise ScenarioError(key, f"expected a regular expression: {error}", value=pattern) from None
