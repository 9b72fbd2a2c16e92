"""Targets that are taken from the record that triggers a fault: `{node}`, `trainer[{rank}]`.

What stands in braces is a path into the record, as in `where`. Ids of actors, procs and processes become the names that
people use for them.
"""

from __future__ import annotations

import re
from enum import Enum

from meshsim.faults.matching import value_at
from meshsim.model.ids import ActorId, ProcId, address_of_node, proc_id
from meshsim.trace.directory import Directory
from meshsim.trace.records import Record

_PLACEHOLDER = re.compile(r"\{([A-Za-z_0-9.]+)\}")
_ACTOR_ID = re.compile(r"[^\s,]+,[^\s,]+,[^\s,]+\[\d+\]\Z")
_PROC_ID = re.compile(r"[^\s,]+:[^\s,]+,[^\s,\[\]]+\Z")


class PlaceholderError(ValueError):
    """The record has nothing that could stand for a placeholder; the text says so."""


def paths_of(target: str) -> list[str]:
    """The paths in braces."""
    return _PLACEHOLDER.findall(target)


def with_sample(target: str, sample: str) -> str:
    """The target with a text in the place of every placeholder."""
    return _PLACEHOLDER.sub(lambda _: sample, target)


def filled(target: str, record: Record, directory: Directory) -> str:
    """The target with what the record has in the place of every placeholder.

    Raises:
        PlaceholderError: it has nothing there.
    """
    return _PLACEHOLDER.sub(lambda found: _text_at(found[1], record, directory), target)


def _text_at(path: str, record: Record, directory: Directory) -> str:
    value = value_at(record, path.split("."))
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise PlaceholderError(f"the record that triggers it has no {path}")
    return _name(value, record, directory)


def _name(value: str, record: Record, directory: Directory) -> str:
    """The name of an id or a node; any other text as it is."""
    if _ACTOR_ID.match(value):
        return directory.name_of_actor(ActorId(value))
    if _PROC_ID.match(value):
        return directory.name_of_proc(ProcId(value))
    if value in directory.kinds:
        return directory.name_of_node(value)
    if record.node:
        proc = proc_id(address_of_node(record.node), value)
        if directory.node_of_proc(proc) is not None:
            return directory.name_of_proc(proc)
    return value
