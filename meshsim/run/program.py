"""The code of a run: the model's own types, and actors and controllers that a scenario names as `module:Class`.

Naming a class is the one way in which a scenario executes code: it is imported as Python imports are, from `sys.path`
and the current directory.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import cast

from meshsim.model.actors.registry import default_program
from meshsim.model.boot import ActorType, ControllerType, Program
from meshsim.model.operations import CONTROLLERS
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import SpawnActorsOp

#: What every machine has (`meshsim.model.machine.Machine`), beside its id.
_MACHINE = ("busy", "accepts", "takes", "binds", "handle")


def program_of(plan: Plan) -> Program:
    """Everything that the nodes of this plan need.

    Raises:
        ScenarioError: a class cannot be imported, or is no type of actors or of controllers.
    """
    program = default_program()
    for step in plan.steps:
        operation = step.operation
        if not isinstance(operation, SpawnActorsOp):
            continue
        actor, controller = operation.actor, operation.controller
        if not operation.unregistered and actor not in program.actor_types:
            program.actor_types[actor] = _actor_type(plan, operation)
        if controller not in CONTROLLERS and controller not in program.controller_types:
            program.controller_types[controller] = _controller_type(plan, operation)
    return program


def _actor_type(plan: Plan, operation: SpawnActorsOp) -> ActorType:
    key, name = f"actors {operation.name}.actor", operation.actor
    found = _imported(plan, key, name)
    if not isinstance(found, type) or not callable(getattr(found, "construct", None)):
        raise _refused(plan, key, name, "expected a class with a class method construct(setting, params)")
    return cast("ActorType", found)


def _controller_type(plan: Plan, operation: SpawnActorsOp) -> ControllerType:
    key, name = f"actors {operation.name}.controller", operation.controller
    found = _imported(plan, key, name)
    if not isinstance(found, type) or not callable(getattr(found, "for_mesh", None)):
        raise _refused(plan, key, name, "expected a class with a class method for_mesh(setting)")
    missing = [part for part in _MACHINE if not hasattr(found, part)]
    if missing:
        raise _refused(plan, key, name, f"expected a machine, this one has no {', '.join(missing)}")
    return cast("ControllerType", found)


def _imported(plan: Plan, key: str, name: str) -> object:
    module_name, _, class_name = name.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module_name), class_name)
    except Exception as error:
        raise _refused(plan, key, name, f"cannot be imported: {type(error).__name__}: {error}") from None


def _refused(plan: Plan, key: str, name: str, why: str) -> ScenarioError:
    return ScenarioError(key, why, value=name, file=plan.source)
