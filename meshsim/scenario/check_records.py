"""Conditions on records: that a record of the kind could match, and that those exist whom a condition names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import inspect

from meshsim.faults.conditions import Wanted, texts_of
from meshsim.faults.matching import ConditionError, check_condition, kinds_at
from meshsim.scenario.errors import ScenarioError, joined
from meshsim.scenario.world import World

_RANKED = re.compile(r"([A-Za-z_]\w*)\[\d+\]\Z", re.ASCII)
_NAME = re.compile(r"([A-Za-z_]\w*)(?:\[\d+\])?(?:\.\w+(?:\[\d+\])?)?\Z", re.ASCII)

#: Last parts of paths that lead to an actor, a process, a proc or a mesh: a text there names somebody of the scenario.
NAMING = frozenset(
    {"actor", "actor_id", "agent", "alloc", "by", "controller", "dest", "keeper", "label", "listener", "mesh", "node"}
    | {"parent", "ref", "sender", "subscriber", "target"}
)


def check_record(key: str, record: str, where: Mapping[str, Wanted], world: World) -> None:
    """That a record could match: its kind exists, has what `where` names, and so do the names and ranks in it."""
    try:
        check_condition(record, where)
    except ConditionError as error:
        raise _translated(key, record, error) from None
    for path, wanted in where.items():
        place = joined(f"{key}.where", path)
        for text in texts_of(wanted):
            _check_name(place, path, text, world)


def check_placeholder(key: str, target: str, record: str, path: str) -> None:
    """That records of a kind may have something at a path which can stand in a target."""
    try:
        kinds = kinds_at(record, path)
    except ConditionError as error:
        allowed = [part for part in error.allowed if part != "type"]
        message = f"{{{path}}}: {error}"
        raise ScenarioError(key, message, value=target, allowed=allowed, word=error.part) from None
    if not any(isinstance(kind, inspect.StrType | inspect.IntType | inspect.AnyType) for kind in kinds):
        raise ScenarioError(key, f"{{{path}}} is neither a name nor a number in {record}", value=target)


def _translated(key: str, record: str, error: ConditionError) -> ScenarioError:
    if error.path is None:
        return ScenarioError(f"{key}.record", str(error), value=record, allowed=error.allowed, word=error.part)
    place = joined(f"{key}.where", error.path)
    if error.key:
        return ScenarioError(
            f"{place}.{error.key}", str(error), word="", **({"value": error.part} if error.part else {})
        )
    return ScenarioError(place, str(error), allowed=error.allowed, word=error.part)


def _check_name(key: str, path: str, text: str, world: World) -> None:
    ranked = _RANKED.match(text)
    if ranked and ranked[1] in world.names:
        world.process(text, key)
        return
    name = _NAME.match(text)
    if path.rpartition(".")[2] in NAMING and name and name[1] not in world.names and name[1] not in world.others:
        raise ScenarioError(key, "nobody has this name", value=text, allowed=list(world.names), word=name[1])
