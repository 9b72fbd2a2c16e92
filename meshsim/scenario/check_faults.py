"""Faults of a scenario: that each has one time, a target it can strike, and a condition that can match."""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshsim.faults.kinds import Fault, InitFails, Plain, StartFails
from meshsim.faults.matching import ConditionError, check_condition
from meshsim.model.tags import tag_of
from meshsim.scenario.check_targets import check_target
from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.schema import Scenario
from meshsim.scenario.world import World
from meshsim.units import Duration, format_duration

_RANKED = re.compile(r"([A-Za-z_]\w*)\[\d+\]\Z", re.ASCII)


def check_faults(scenario: Scenario, world: World) -> None:
    """Raises `ScenarioError` for the first fault that could not strike."""
    for index, fault in enumerate(scenario.faults):
        key = f"faults[{index}]"
        _check_moment(key, fault, scenario.horizon)
        check_target(key, fault, world)
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
