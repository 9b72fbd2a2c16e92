"""Faults of a scenario: that each has one time, targets it can strike, and a condition that can match."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import AT_SPAWN, Fault, InitFails, Repeat, When, targets_of
from meshsim.faults.placeholders import paths_of, with_sample
from meshsim.model.tags import tag_of
from meshsim.scenario.check_records import check_placeholder, check_record
from meshsim.scenario.check_targets import check_positive, check_target
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Scenario
from meshsim.scenario.world import World
from meshsim.units import format_duration

_RANK = re.compile(r"\[\{[^{}]*\}\]")


def check_faults(scenario: Scenario, world: World) -> None:
    """Raises `ScenarioError` for the first fault that could not strike."""
    starts: dict[str, int] = {}
    for index, fault in enumerate(scenario.faults):
        key = f"faults[{index}]"
        if not fault.target and fault.targets is UNSET:
            raise ScenarioError(f"{key}.target", "required, but not given")
        _check_moment(key, fault, scenario)
        _check_targets(key, fault, world)
        if isinstance(fault, AT_SPAWN):
            for target in targets_of(fault):
                if starts.setdefault(target, index) != index:
                    message = f"expected one fault of its spawn, faults[{starts[target]}] is another"
                    raise ScenarioError(f"{key}.target", message, value=target)
        if fault.when is not None and fault.when.record is not UNSET:
            check_record(f"{key}.when", fault.when.record, fault.when.where, world)
    _check_chains(scenario)


def check_fault_number(key: str, number: int, scenario: Scenario) -> None:
    """That a fault has this number, and leaves a record when it strikes."""
    count = len(scenario.faults)
    if number >= count:
        message = f"expected the number of a fault, 0..{count - 1}" if count else "there are no faults to count from"
        raise ScenarioError(key, message, value=number)
    if isinstance(scenario.faults[number], InitFails):
        raise ScenarioError(key, "a failing init leaves no record of its own, name the actor_status", value=number)


# --- whom -----------------------------------------------------------------------------------------------------


def _check_targets(key: str, fault: Fault, world: World) -> None:
    if fault.targets is UNSET:
        if fault.choose is not UNSET:
            raise ScenarioError(f"{key}.choose", "expected targets to choose from")
        _check_target(key, f"{key}.target", fault, world)
        return
    if fault.target:
        raise ScenarioError(f"{key}.targets", "expected target or targets, not both")
    if not fault.targets:
        raise ScenarioError(f"{key}.targets", "expected at least 1 target")
    if fault.choose is not UNSET and fault.choose > len(fault.targets):
        raise ScenarioError(f"{key}.choose", f"expected at most {len(fault.targets)}, all targets", value=fault.choose)
    for number, target in enumerate(fault.targets):
        place = f"{key}.targets[{number}]"
        if target in fault.targets[:number]:
            raise ScenarioError(place, "given twice", value=target)
        _check_target(key, place, msgspec.structs.replace(fault, target=target, targets=UNSET), world)


def _check_target(key: str, place: str, fault: Fault, world: World) -> None:
    """The fault at `key` with one target alone, which is written at `place`."""
    target, paths = fault.target, paths_of(fault.target)
    if not paths:
        _check_sample(key, place, fault, world)
        return
    if fault.when is None:
        raise ScenarioError(place, "expected when: a target in braces is taken from the record of it", value=target)
    for path in paths:
        check_placeholder(place, target, _record_of(fault.when), path)
    refused: ScenarioError | None = None
    for sample in _samples(target, world):
        try:
            _check_sample(key, place, msgspec.structs.replace(fault, target=sample), world)
        except ScenarioError as error:
            if error.key != place:
                raise
            refused = error
        else:
            return
    assert refused is not None, "a scenario has a client, so there is a sample"
    message = (
        refused.message if "{" not in _RANK.sub("", target) else f"nobody here can be the target of {tag_of(fault)}"
    )
    raise ScenarioError(place, message, value=target, allowed=refused.allowed, word="")


def _record_of(when: When) -> str:
    return "fault" if when.record is UNSET else when.record


def _samples(target: str, world: World) -> Iterator[str]:
    """What a target with braces might become: rank 0 of what it names, or of each name there is."""
    ranked = _RANK.sub("[0]", target)
    if not paths_of(ranked):
        yield ranked
        return
    for name, declared in world.names.items():
        whole = with_sample(ranked, name)
        yield f"{whole}[0]" if declared.ranks and whole == name else whole
        yield whole


def _check_sample(key: str, place: str, fault: Fault, world: World) -> None:
    """A fault with one target, as its kind wants it; what is wrong of the target is said at `place`."""
    try:
        check_target(key, fault, world)
    except ScenarioError as error:
        if error.key != f"{key}.target":
            raise
        raise ScenarioError(place, error.message, value=error.value, allowed=error.allowed, word=error.word) from None


# --- when -----------------------------------------------------------------------------------------------------


def _check_moment(key: str, fault: Fault, scenario: Scenario) -> None:
    if isinstance(fault, AT_SPAWN):
        for name, given in (("at", fault.at), ("when", fault.when), ("within", fault.within), ("repeat", fault.repeat)):
            if given is not None and given is not UNSET:
                raise ScenarioError(
                    f"{key}.{name}", f"{tag_of(fault)} strikes when its target is spawned, leave it out"
                )
        return
    if fault.at is None and fault.when is None:
        raise ScenarioError(key, "expected at or when: the time or the record at which it strikes")
    if fault.at is not None and fault.when is not None:
        raise ScenarioError(f"{key}.when", "expected at or when, not both")
    if fault.within is not UNSET:
        check_positive(f"{key}.within", fault.within)
    if fault.repeat is not UNSET:
        _check_repeat(f"{key}.repeat", fault, fault.repeat)
    if fault.at is not None:
        _check_in_time(key, fault, scenario)
    else:
        assert fault.when is not None
        _check_when(f"{key}.when", fault.when, scenario)


def _check_repeat(key: str, fault: Fault, repeat: Repeat) -> None:
    check_positive(f"{key}.every", repeat.every)
    lasts = getattr(fault, "for_", None)
    if lasts is not None and repeat.every <= lasts:
        message = f"expected more than for, {format_duration(lasts)}: it still lasts then"
        raise ScenarioError(f"{key}.every", message, value=format_duration(repeat.every))


def _check_in_time(key: str, fault: Fault, scenario: Scenario) -> None:
    """That every strike comes before the run ends."""
    assert fault.at is not None
    horizon = format_duration(scenario.horizon)
    last = int(fault.at)
    if last > scenario.horizon:
        message = f"expected at most the horizon, {horizon}"
        raise ScenarioError(f"{key}.at", message, value=format_duration(fault.at))
    last += 0 if fault.within is UNSET else int(fault.within)
    if last > scenario.horizon:
        raise ScenarioError(f"{key}.within", f"may strike at {format_duration(last)}, behind the horizon, {horizon}")
    if fault.repeat is not UNSET:
        last += (fault.repeat.times - 1) * fault.repeat.every
        if last > scenario.horizon:
            message = f"strikes at {format_duration(last)} at last, behind the horizon, {horizon}"
            raise ScenarioError(f"{key}.repeat", message)


def _check_when(key: str, when: When, scenario: Scenario) -> None:
    if when.record is UNSET and when.fault is UNSET:
        raise ScenarioError(key, "expected record or fault: what it waits for")
    if when.fault is not UNSET:
        others = (("record", when.record is not UNSET), ("where", bool(when.where)))
        for name, given in (*others, ("after_fault", when.after_fault is not UNSET)):
            if given:
                raise ScenarioError(f"{key}.{name}", "expected a record or a fault to wait for, not both")
        check_fault_number(f"{key}.fault", when.fault, scenario)
    if when.after_fault is not UNSET:
        check_fault_number(f"{key}.after_fault", when.after_fault, scenario)
    if when.from_ is not UNSET and when.from_ > scenario.horizon:
        message = f"expected at most the horizon, {format_duration(scenario.horizon)}"
        raise ScenarioError(f"{key}.from", message, value=format_duration(when.from_))


def _check_chains(scenario: Scenario) -> None:
    """No fault waits for itself, not through others either."""
    for index in range(len(scenario.faults)):
        chain = [index]
        while (waits := _waits_for(scenario.faults[chain[-1]])) is not None and len(chain) <= len(scenario.faults):
            chain.append(waits)
            if waits == index:
                circle = " waits for ".join(map(str, chain))
                raise ScenarioError(f"faults[{index}].when", f"waits for itself: {circle}")


def _waits_for(fault: Fault) -> int | None:
    """The fault that has to strike before one can."""
    if fault.when is None:
        return None
    number = fault.when.after_fault if fault.when.fault is UNSET else fault.when.fault
    return None if number is UNSET else number
