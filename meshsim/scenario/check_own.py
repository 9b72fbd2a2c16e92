"""Types of actors and controllers: those of the model by name, those that a scenario brings as `module:Class`.

Whether there is such a class is only found out when the code of a run is put together (`meshsim.run.program`): a file
that is read executes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshsim.model.actors.registry import ACTOR_TYPES
from meshsim.model.operations import CONTROLLERS
from meshsim.scenario.children import WRAPPER
from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.schema import Actors, SpawnActorsOp

#: A type that the scenario brings: `package.module:Class`.
_OWN_TYPE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z", re.ASCII)


def check_controller(key: str, actors: Actors | SpawnActorsOp) -> None:
    if actors.controller not in CONTROLLERS and not _OWN_TYPE.match(actors.controller):
        message = "expected a kind of controller or module:Class"
        raise ScenarioError(f"{key}.controller", message, value=actors.controller, allowed=CONTROLLERS)
    if actors.system and actors.controller != "polling":
        message = "a system mesh has no controller"
        raise ScenarioError(f"{key}.controller", message, value=actors.controller)
    if actors.controller_params and actors.controller in CONTROLLERS:
        message = f"a {actors.controller} controller takes no parameters; they are for one of your own (module:Class)"
        raise ScenarioError(joined(f"{key}.controller_params", next(iter(actors.controller_params))), message)
    _check_numbers(f"{key}.controller_params", actors.controller_params)


def check_actor_type(key: str, actors: Actors | SpawnActorsOp) -> None:
    if isinstance(actors, SpawnActorsOp) and actors.unregistered:
        if actors.actor in ACTOR_TYPES:
            raise ScenarioError(f"{key}.actor", "expected a type that is not registered", value=actors.actor)
    elif actors.actor not in ACTOR_TYPES and not _OWN_TYPE.match(actors.actor):
        message = "expected an actor type or module:Class"
        raise ScenarioError(f"{key}.actor", message, value=actors.actor, allowed=ACTOR_TYPES)
    if actors.params and actors.actor in ACTOR_TYPES and actors.actor != WRAPPER:
        message = f"{actors.actor} takes no parameters; they are for types of your own (module:Class)"
        raise ScenarioError(joined(f"{key}.params", next(iter(actors.params))), message)
    _check_numbers(f"{key}.params", actors.params)


def _check_numbers(key: str, params: Mapping[str, str | int | bool]) -> None:
    for name, value in params.items():
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ScenarioError(joined(key, name), "expected a number of at most 64 bits", value=value)
