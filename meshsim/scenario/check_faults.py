"""Faults of a scenario: that each has one time, a target it can strike, and a condition that can match."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import assert_never

from meshsim.faults.kinds import (
    Abort,
    AllocFail,
    AllocStop,
    ControllerExit,
    ControllerKill,
    Exit,
    ExitProcess,
    Fault,
    Hang,
    HostCrash,
    InitFails,
    KillPid,
    Misreport,
    Panic,
    Plain,
    ProcessExit,
    Raise,
    Resume,
    SelfFail,
    SelfUngracefulFail,
    Shout,
    Signal,
    SigSegv,
    Stall,
    StartFails,
    StopItself,
    SubscriberGone,
)
from meshsim.faults.matching import ConditionError, check_condition
from meshsim.faults.signals import SIGNAL_NUMBERS, SignalError, is_deadly, signal_number
from meshsim.faults.targets import parse_target
from meshsim.model.tags import tag_of
from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.schema import Scenario
from meshsim.scenario.world import Kind, World
from meshsim.units import Duration, format_duration

_RANKED = re.compile(r"([A-Za-z_]\w*)\[\d+\]\Z", re.ASCII)


def check_faults(scenario: Scenario, world: World) -> None:
    """Raises `ScenarioError` for the first fault that could not strike."""
    for index, fault in enumerate(scenario.faults):
        key = f"faults[{index}]"
        _check_moment(key, fault, scenario.horizon)
        _check_target(key, fault, world)
        if fault.when is not None:
            check_record(f"{key}.when", fault.when.record, fault.when.where, world)


def check_record(key: str, record: str, where: Mapping[str, Plain], world: World) -> None:
    """That a record could match: its kind exists, has what `where` names, and ranks in it are in range."""
    try:
        check_condition(record, where)
    except ConditionError as error:
        place = f"{key}.record" if error.path is None else joined(f"{key}.where", error.path)
        value = {"value": record} if error.path is None else {}
        raise ScenarioError(place, str(error), allowed=error.allowed, word=error.part, **value) from None
    for path, value_wanted in where.items():
        if isinstance(value_wanted, str) and (ranked := _RANKED.match(value_wanted)) and ranked[1] in world.names:
            world.process(value_wanted, joined(f"{key}.where", path))


def check_positive(key: str, duration: Duration | None) -> None:
    if duration is not None and duration <= 0:
        raise ScenarioError(key, "expected more than 0s", value=format_duration(duration))


def _check_moment(key: str, fault: Fault, horizon: Duration) -> None:
    if isinstance(fault, InitFails | StartFails):
        given = "at" if fault.at is not None else "when" if fault.when is not None else ""
        if given:
            raise ScenarioError(f"{key}.{given}", f"{tag_of(fault)} strikes when its target is spawned, leave it out")
        return
    if fault.at is None and fault.when is None:
        raise ScenarioError(key, "expected at or when: the time or the record at which it strikes")
    if fault.at is not None and fault.when is not None:
        raise ScenarioError(f"{key}.when", "expected at or when, not both")
    if fault.at is not None and fault.at > horizon:
        message = f"expected at most the horizon, {format_duration(horizon)}"
        raise ScenarioError(f"{key}.at", message, value=format_duration(fault.at))


def _check_target(key: str, fault: Fault, world: World) -> None:  # noqa: PLR0915  one case for each kind of fault
    target = f"{key}.target"
    match fault:
        case Exit() | Resume():
            world.process(fault.target, target)
        case Signal():
            world.process(fault.target, target)
            _check_signal(f"{key}.signal", fault.signal)
        case Stall():
            world.process(fault.target, target)
            check_positive(f"{key}.for", fault.for_)
        case Raise() | StopItself() | InitFails() | SelfFail() | SelfUngracefulFail() | Abort() | ExitProcess():
            world.actor(fault.target, target)
        case Panic() | SigSegv() | ProcessExit():
            world.actor(fault.target, target)
            if fault.send_to_children and parse_target(fault.target).name not in world.wrappers:
                message = "expected a WrapperActor with parameters, other actors have no children"
                raise ScenarioError(target, message, value=fault.target)
        case KillPid():
            world.actor(fault.target, target)
            _check_signal(f"{key}.signal", fault.signal)
            if not is_deadly(signal_number(fault.signal)):
                raise ScenarioError(f"{key}.signal", "expected a signal that ends the process", value=fault.signal)
        case Hang():
            world.actor(fault.target, target)
            check_positive(f"{key}.for", fault.for_)
        case Shout():
            world.process(fault.target, target)
            _check_lines(f"{key}.lines", fault.lines)
        case StartFails():
            world.proc_of_its_own(fault.target, target)
            _check_lines(f"{key}.lines", fault.lines)
        case HostCrash():
            world.member(fault.target, (Kind.HOST,), target)
        case ControllerExit():
            world.controlled(fault.target, target)
        case ControllerKill():
            world.controlled(fault.target, target)
            _check_signal(f"{key}.signal", fault.signal)
        case SubscriberGone():
            world.context(fault.target, target)
            world.controlled(fault.mesh, f"{key}.mesh")
        case Misreport():
            world.member(fault.target, (Kind.PROCS,), target)
            world.named(fault.mesh, Kind.ACTORS, f"{key}.mesh")
            _check_ranks(f"{key}.ranks", fault.ranks)
        case AllocStop():
            if world.member(fault.target, (Kind.PROCS,), target).allocator not in ("local", "simulated"):
                raise ScenarioError(target, "expected a proc of a local or simulated allocator", value=fault.target)
        case AllocFail():
            if not world.named(fault.target, Kind.PROCS, target).allocator:
                raise ScenarioError(target, "expected allocated procs", value=fault.target)
        case _:
            assert_never(fault)


def _check_lines(key: str, lines: list[str]) -> None:
    for index, line in enumerate(lines):
        if "\n" in line or "\r" in line:
            raise ScenarioError(f"{key}[{index}]", "expected one line", value=line)


def _check_ranks(key: str, ranks: tuple[int, int] | None) -> None:
    if ranks is not None and ranks[0] >= ranks[1]:
        raise ScenarioError(key, "expected two ranks, start < end", value=f"{ranks[0]}..{ranks[1]}")


def _check_signal(key: str, text: str) -> None:
    try:
        signal_number(text)
    except SignalError:
        message = 'expected a signal such as "SIGKILL" or "9"'
        raise ScenarioError(key, message, value=text, allowed=SIGNAL_NUMBERS) from None
