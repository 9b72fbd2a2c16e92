"""The code of a run: the model's own actor types, and those that a scenario names as `module:Class`.

Naming a class is the one way in which a scenario executes code: it is imported as Python imports are, from `sys.path`
and the current directory.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import cast

from meshsim.model.actors.registry import default_program
from meshsim.model.boot import ActorType, Program
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.plan import Plan
from meshsim.scenario.schema import SpawnActorsOp


def program_of(plan: Plan) -> Program:
    """Everything that the nodes of this plan need.

    Raises:
        ScenarioError: a class cannot be imported, or is no actor type.
    """
    program = default_program()
    for step in plan.steps:
        operation = step.operation
        if not isinstance(operation, SpawnActorsOp) or operation.unregistered:
            continue
        if operation.actor not in program.actor_types:
            program.actor_types[operation.actor] = _imported(plan, operation)
    return program


def _imported(plan: Plan, operation: SpawnActorsOp) -> ActorType:
    module_name, _, class_name = operation.actor.partition(":")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:
        raise _refused(plan, operation, f"cannot be imported: {type(error).__name__}: {error}") from None
    if not isinstance(found, type) or not callable(getattr(found, "construct", None)):
        raise _refused(plan, operation, "expected a class with a class method construct(setting, params)")
    return cast("ActorType", found)


def _refused(plan: Plan, operation: SpawnActorsOp, why: str) -> ScenarioError:
    return ScenarioError(f"actors {operation.name}.actor", why, value=operation.actor, file=plan.source)
