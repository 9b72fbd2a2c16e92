"""Expectations of a scenario: that each speaks of something that can be, and does not contradict itself."""

from __future__ import annotations

import re
from typing import assert_never

from msgspec import UNSET

from meshsim.faults.matching import MESSAGE_TYPES
from meshsim.model.quirks import QUIRKS
from meshsim.model.tags import tag_of
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    MessageCount,
    NeverHears,
    NothingLeft,
    OperationResult,
    Order,
    RecordCount,
)
from meshsim.scenario.check_faults import check_fault_number
from meshsim.scenario.check_records import check_record
from meshsim.scenario.check_targets import check_positive
from meshsim.scenario.check_windows import check_heard, check_moment, check_pattern, check_window
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.listening import check_listens
from meshsim.scenario.schema import Scenario
from meshsim.scenario.subjects import subject_of
from meshsim.scenario.world import Kind, World

_PROCESS = re.compile(r"running|stopped|exited (?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])|killed (?:[1-9]|[1-5]\d|6[0-4])")

#: Keys of `final`, of which one has to be given.
_ASKED = ("actor", "proc", "process", "text", "text_is", "text_matches", "controller", "health", "subscription")

#: What operations are about, by kind: their labels where they have one. Bring-up counts too.
_Labels = dict[str, set[str]]


def check_expectations(scenario: Scenario, world: World) -> None:
    """Raises `ScenarioError` for the first expectation that makes no sense."""
    labels = _labels(scenario)
    for index, expectation in enumerate(scenario.expect):
        key = f"expect[{index}]"
        _check_conditions(key, expectation)
        match expectation:
            case Hears():
                _check_hearing(key, expectation, world)
                _check_counts(key, expectation)
                if expectation.within is not None or expectation.fault:
                    check_fault_number(f"{key}.fault", expectation.fault, scenario)
                check_positive(f"{key}.within", expectation.within)
                if expectation.not_ is True or expectation.times == 0 or expectation.at_most == 0:
                    check_listens(key, expectation, scenario, world)
            case NeverHears():
                _check_hearing(key, expectation, world)
                if expectation.not_ is not True:
                    check_listens(key, expectation, scenario, world)
            case Final():
                _check_final(key, expectation, world)
            case OperationResult():
                _check_operation(key, expectation, labels)
                _check_counts(key, expectation)
            case NothingLeft():
                for number, target in enumerate(expectation.targets):
                    if target not in world.names:  # A mesh stands for all its ranks.
                        world.process(target, f"{key}.targets[{number}]")
            case RecordCount():
                check_record(key, expectation.record, expectation.where, world)
                _check_counts(key, expectation)
                if expectation.after_fault is not None:
                    check_fault_number(f"{key}.after_fault", expectation.after_fault, scenario)
            case MessageCount():
                _check_messages(key, expectation, world)
            case Order():
                for number, moment in enumerate(expectation.moments):
                    check_moment(f"{key}.moments[{number}]", moment, scenario, world)
                if expectation.within is not UNSET:
                    check_positive(f"{key}.within", expectation.within)
            case _:
                assert_never(expectation)
        if not isinstance(expectation, Final | NothingLeft | Order) and expectation.window is not UNSET:
            check_window(f"{key}.window", expectation.window, scenario, world)


def _check_conditions(key: str, expectation: Expectation) -> None:
    for name, quirk in (("if_quirk", expectation.if_quirk), ("unless_quirk", expectation.unless_quirk)):
        if quirk is not None and quirk not in QUIRKS:
            raise ScenarioError(f"{key}.{name}", "no such quirk", value=quirk, allowed=QUIRKS)
    if expectation.if_quirk is not None and expectation.if_quirk == expectation.unless_quirk:
        message = "expected another quirk than if_quirk: this can never be expected"
        raise ScenarioError(f"{key}.unless_quirk", message, value=expectation.unless_quirk)


def _check_hearing(key: str, expectation: Hears | NeverHears, world: World) -> None:
    check_heard(key, expectation, world)
    check_pattern(f"{key}.text_matches", expectation.text_matches)


def _check_messages(key: str, expectation: MessageCount, world: World) -> None:
    if expectation.type is not UNSET and expectation.type not in MESSAGE_TYPES:
        raise ScenarioError(f"{key}.type", "no such message", value=expectation.type, allowed=MESSAGE_TYPES)
    for name, end in (("src", expectation.src), ("dst", expectation.dst)):
        if end is not UNSET:
            _check_end(f"{key}.{name}", end, world)
    if expectation.per is not UNSET:
        check_positive(f"{key}.per", expectation.per)
    _check_counts(key, expectation)


def _check_end(key: str, end: str, world: World) -> None:
    """Who sends a message or gets it: a mesh, somebody in it, a process, or a part such as `trainer.controller`."""
    whole = end.partition(".")[0]
    if whole in world.names:
        return
    world.process(whole, key)


def _check_counts(key: str, expectation: Hears | RecordCount | MessageCount | OperationResult) -> None:
    times, least, most = (
        None if number is UNSET else number for number in (expectation.times, expectation.at_least, expectation.at_most)
    )
    if times is not None and (least is not None or most is not None):
        raise ScenarioError(f"{key}.times", "expected times or at_least and at_most, not both")
    if least is not None and most is not None and least > most:
        raise ScenarioError(f"{key}.at_least", f"expected at most at_most, {most}", value=least)


def _check_final(key: str, expectation: Final, world: World) -> None:
    of_mesh = (expectation.controller, expectation.health, expectation.subscription)
    texts = (expectation.text, expectation.text_is, expectation.text_matches)
    asked = (expectation.actor, expectation.proc, expectation.process, *texts)
    check_pattern(f"{key}.text_matches", expectation.text_matches)
    if any(value is not UNSET for value in of_mesh):
        _check_final_of_mesh(key, expectation, world)
        if any(value is not None and value is not UNSET for value in asked):
            message = "expected nothing of an actor or a process beside what is asked of a mesh"
            raise ScenarioError(key, message)
        return
    if expectation.by is not UNSET:
        raise ScenarioError(f"{key}.by", "belongs to health and subscription")
    if all(value is None or value is UNSET for value in asked):
        raise ScenarioError(key, "nothing is asked of its target", allowed=_ASKED)
    if expectation.proc is not None:
        world.member(expectation.target, (Kind.PROCS, Kind.ACTORS), f"{key}.target")
    else:
        world.process(expectation.target, f"{key}.target")
    if expectation.process is not None and not _PROCESS.fullmatch(expectation.process):
        message = 'expected "running", "stopped", "exited CODE" or "killed SIGNAL"'
        raise ScenarioError(f"{key}.process", message, value=expectation.process)


def _check_final_of_mesh(key: str, expectation: Final, world: World) -> None:
    if expectation.controller is not UNSET:
        world.controlled(expectation.target, f"{key}.target")
    world.named(expectation.target, Kind.ACTORS, f"{key}.target")
    needed = expectation.health is not UNSET or expectation.subscription is not UNSET
    if needed and expectation.by is UNSET:
        raise ScenarioError(f"{key}.by", "required: who hears of the mesh, or subscribes to it")
    if expectation.by is not UNSET:
        if not needed:
            raise ScenarioError(f"{key}.by", "belongs to health and subscription")
        world.context(expectation.by, f"{key}.by")


def _check_operation(key: str, expectation: OperationResult, labels: _Labels) -> None:
    if expectation.do not in labels:
        raise ScenarioError(f"{key}.do", "no such operation in this scenario", value=expectation.do, allowed=labels)
    if expectation.name is not None and expectation.name not in labels[expectation.do]:
        message = f"no {expectation.do} of this name"
        allowed = sorted(labels[expectation.do])
        raise ScenarioError(f"{key}.name", message, value=expectation.name, allowed=allowed)
    if not expectation.ends:
        for name in ("error", "error_is", "error_matches", "result", "result_is", "result_matches"):
            value = getattr(expectation, name)
            if value is not None and value is not UNSET:
                raise ScenarioError(f"{key}.{name}", "an operation that does not end has none", value=value)
        if expectation.within is not None:
            raise ScenarioError(f"{key}.within", "an operation that does not end takes no time")
    check_positive(f"{key}.within", expectation.within)
    check_pattern(f"{key}.error_matches", expectation.error_matches)
    check_pattern(f"{key}.result_matches", expectation.result_matches)


def _labels(scenario: Scenario) -> _Labels:
    labels: _Labels = {}
    topology = scenario.topology
    for tag, names in (
        ("spawn_procs", [procs.name for procs in topology.procs if procs.allocator is None]),
        ("allocate", [procs.name for procs in topology.procs if procs.allocator is not None]),
        ("slice", [chosen.name for chosen in topology.slices]),
        ("spawn_actors", [actors.name for actors in topology.actors]),
        ("subscribe", [subscriber.mesh for subscriber in topology.subscribers]),
    ):
        if names:
            labels[tag] = set(names)
    for operation in scenario.operations:
        labels.setdefault(tag_of(operation), set()).add(subject_of(operation))
    return labels
