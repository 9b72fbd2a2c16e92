"""State diagrams, drawn from the tables that the machines themselves use.

A module of the model with a `TRANSITIONS` table gets a diagram. A table maps a state to the states that may follow,
or (state, event) to the state it leads to; the ladders map (rung, moment) to a step.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from enum import Enum
from types import ModuleType

import meshsim.model
from meshsim.model.hosts import ladder

_HEAD = """# State machines

*Made by `make docs` from the tables in `meshsim/model`; a test compares it with them.*

A machine's state changes along these arrows alone: its module asserts it. Names on arrows are what causes the change,
where the table says so.
"""

Edge = tuple[str, str, str]


def machines_page() -> str:
    """One page with a diagram for each table."""
    parts = [_HEAD]
    parts += [
        _section(module.__name__, _first_sentence(module), _edges(module.TRANSITIONS))
        for module in _modules_with_tables()
    ]
    for kind, steps in ladder.LADDERS.items():
        edges = [(rung.value, step.to.value, _act(moment, step)) for (rung, moment), step in steps.items()]
        parts.append(_section(f"{ladder.__name__}: {kind.value}", _first_sentence(ladder), edges))
    return "\n".join(parts)


def _modules_with_tables() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(meshsim.model.__path__, "meshsim.model."):
        module = importlib.import_module(info.name)
        if "TRANSITIONS" in inspect.get_annotations(module):  # Its own, not one that it imports.
            yield module


def _first_sentence(module: ModuleType) -> str:
    return " ".join((module.__doc__ or "").split("\n\n")[0].split())


def _edges(table: dict[object, object]) -> list[Edge]:
    edges: list[Edge] = []
    for key, value in table.items():
        if isinstance(key, tuple):
            state, event = key
            if isinstance(value, type(state)):
                edges.append((_name(state), _name(value), _name(event)))
        else:
            assert isinstance(value, (frozenset, tuple))
            edges += [(_name(key), name, "") for name in sorted(_name(each) for each in value)]
    return edges


def _name(state: object) -> str:
    return str(state.value) if isinstance(state, Enum) else str(state)


def _act(moment: ladder.Moment, step: ladder.Step) -> str:
    acts = ", ".join(act.value for act in step.acts)
    return f"{moment.value} / {acts}" if acts else moment.value


def _section(title: str, about: str, edges: Iterable[Edge]) -> str:
    lines = [f"## {title.removeprefix('meshsim.model.')}", "", about, "", "```mermaid", "stateDiagram-v2"]
    for source, target, label in _joined(edges):
        lines.append(f"    {_id(source)} --> {_id(target)}{f': {label}' if label else ''}")
    return "\n".join([*lines, "```", ""])


def _joined(edges: Iterable[Edge]) -> Iterator[Edge]:
    """Edges between the same two states as one, their causes side by side."""
    causes: dict[tuple[str, str], list[str]] = {}
    for source, target, label in edges:
        causes.setdefault((source, target), []).append(label)
    for (source, target), labels in causes.items():
        yield source, target, ", ".join(label for label in labels if label)


def _id(name: str) -> str:
    return name.replace(" ", "_").replace("-", "_")
