"""What decisions have to be beside well-typed. Whether one ever comes up, only a run can say."""

from __future__ import annotations

from msgspec import UNSET

from meshsim.scenario.decisions import Decision, Fate, First, Withheld
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Scenario
from meshsim.units import format_duration


def check_decisions(scenario: Scenario) -> None:
    if scenario.decisions and "live" in scenario.backends:
        raise ScenarioError("backends", "leave live out: nobody decides there, and the scenario has decisions")
    for index, decision in enumerate(scenario.decisions):
        _check(f"decisions[{index}]", decision, scenario)
        if decision in scenario.decisions[:index] and not isinstance(decision, First):
            raise ScenarioError(f"decisions[{index}]", "given twice")


def _check(key: str, decision: Decision, scenario: Scenario) -> None:
    if isinstance(decision, First | Fate | Withheld) and decision.at > scenario.horizon:
        horizon = format_duration(scenario.horizon)
        message = f"expected at most the horizon, {horizon}"
        raise ScenarioError(f"{key}.at", message, value=format_duration(decision.at))
    match decision:
        case First(what=what, before=before) if what == before:
            raise ScenarioError(f"{key}.before", "expected something else than what", value=before)
        case Fate():
            is_kept = decision.delay or decision.overtakes is not UNSET or decision.copies
            if decision.lost and is_kept:
                raise ScenarioError(f"{key}.lost", "a message that is lost has no delay, overtakes or copies")
        case _:
            pass
