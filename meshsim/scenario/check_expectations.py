"""Expectations of a scenario: that each speaks of something that can be, and does not contradict itself."""

from __future__ import annotations

import re
from typing import assert_never

from meshsim.model.quirks import QUIRKS
from meshsim.model.tags import tag_of
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    NeverHears,
    NothingLeft,
    OperationResult,
    RecordCount,
)
from meshsim.scenario.check_faults import check_record
from meshsim.scenario.check_targets import check_positive
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Scenario
from meshsim.scenario.subjects import subject_of
from meshsim.scenario.world import Kind, World

_PROCESS = re.compile(r"running|stopped|exited (?:\d|[1-9]\d|1\d\d|2[0-4]\d|25[0-5])|killed (?:[1-9]|[1-5]\d|6[0-4])")

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
                    _check_fault(f"{key}.fault", expectation.fault, scenario)
                check_positive(f"{key}.within", expectation.within)
            case NeverHears():
                _check_hearing(key, expectation, world)
            case Final():
                _check_final(key, expectation, world)
            case OperationResult():
                _check_operation(key, expectation, labels)
            case NothingLeft():
                for number, target in enumerate(expectation.targets):
                    if target not in world.names:  # A mesh stands for all its ranks.
                        world.process(target, f"{key}.targets[{number}]")
            case RecordCount():
                check_record(key, expectation.record, expectation.where, world)
                _check_counts(key, expectation)
                if expectation.after_fault is not None:
                    _check_fault(f"{key}.after_fault", expectation.after_fault, scenario)
            case _:
                assert_never(expectation)


def _check_conditions(key: str, expectation: Expectation) -> None:
    for name, quirk in (("if_quirk", expectation.if_quirk), ("unless_quirk", expectation.unless_quirk)):
        if quirk is not None and quirk not in QUIRKS:
            raise ScenarioError(f"{key}.{name}", "no such quirk", value=quirk, allowed=QUIRKS)
    if expectation.if_quirk is not None and expectation.if_quirk == expectation.unless_quirk:
        message = "expected another quirk than if_quirk: this can never be expected"
        raise ScenarioError(f"{key}.unless_quirk", message, value=expectation.unless_quirk)


def _check_hearing(key: str, expectation: Hears | NeverHears, world: World) -> None:
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


def _check_counts(key: str, expectation: Hears | RecordCount) -> None:
    least, most = expectation.at_least, expectation.at_most
    if expectation.times is not None and (least is not None or most is not None):
        raise ScenarioError(f"{key}.times", "expected times or at_least and at_most, not both")
    if least is not None and most is not None and least > most:
        raise ScenarioError(f"{key}.at_least", f"expected at most at_most, {most}", value=least)


def _check_fault(key: str, fault: int, scenario: Scenario) -> None:
    count = len(scenario.faults)
    if fault >= count:
        message = f"expected the number of a fault, 0..{count - 1}" if count else "there are no faults to count from"
        raise ScenarioError(key, message, value=fault)


def _check_final(key: str, expectation: Final, world: World) -> None:
    asked = (expectation.actor, expectation.proc, expectation.process, expectation.text)
    if all(value is None for value in asked):
        raise ScenarioError(key, "expected actor, proc, process or text: nothing is asked of its target")
    if expectation.proc is not None:
        world.member(expectation.target, (Kind.PROCS, Kind.ACTORS), f"{key}.target")
    else:
        world.process(expectation.target, f"{key}.target")
    if expectation.process is not None and not _PROCESS.fullmatch(expectation.process):
        message = 'expected "running", "stopped", "exited CODE" or "killed SIGNAL"'
        raise ScenarioError(f"{key}.process", message, value=expectation.process)


def _check_operation(key: str, expectation: OperationResult, labels: _Labels) -> None:
    if expectation.do not in labels:
        raise ScenarioError(f"{key}.do", "no such operation in this scenario", value=expectation.do, allowed=labels)
    if expectation.name is not None and expectation.name not in labels[expectation.do]:
        message = f"no {expectation.do} of this name"
        allowed = sorted(labels[expectation.do])
        raise ScenarioError(f"{key}.name", message, value=expectation.name, allowed=allowed)
    if not expectation.ends:
        for name, value in (("error", expectation.error), ("result", expectation.result)):
            if value is not None:
                raise ScenarioError(f"{key}.{name}", "an operation that does not end has none", value=value)
        if expectation.within is not None:
            raise ScenarioError(f"{key}.within", "an operation that does not end takes no time")
    check_positive(f"{key}.within", expectation.within)


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
