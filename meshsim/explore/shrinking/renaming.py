"""Names inside a scenario: who is mentioned where, and a scenario in which ranks and hosts have other numbers.

A scenario mentions its world in targets (`workers[3]`), in names of processes (`host1/workers_1`) and in the labels of
decisions, which hold both. All of it is text, so that is what is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from meshsim.scenario.decode import decode
from meshsim.scenario.schema import Scenario
from meshsim.scenario.text import plain

#: A process of a proc mesh, a rank of a mesh, a host.
_NAME = re.compile(
    r"(?<!\w)(?:host(?P<on>\d+)/(?P<procs>[A-Za-z_]\w*?)_(?P<local>\d+)"
    r"|(?P<mesh>[A-Za-z_]\w*)\[(?P<rank>\d+)\]"
    r"|host(?P<host>\d+))(?!\w)"
)
#: What is for people, and says nothing of the world.
_WORDS = ("name", "about")

Process = tuple[int, str, int]
Member = tuple[str, int]


class Mentions(msgspec.Struct, frozen=True):
    """Everybody with a number that a scenario mentions."""

    #: (number of the host, proc mesh, number on the host)
    processes: frozenset[Process]
    #: (mesh, rank)
    members: frozenset[Member]
    hosts: frozenset[int]


class Renaming(msgspec.Struct, frozen=True):
    """Other numbers; who is not in it keeps his own."""

    processes: Mapping[Process, Process]
    members: Mapping[Member, Member]
    hosts: Mapping[int, int]


def mentions_of(scenario: Scenario) -> Mentions:
    """Who is mentioned, the declarations of the topology included."""
    found = [match for text in _texts(_body(scenario)) for match in _NAME.finditer(text)]
    return Mentions(
        frozenset((int(each["on"]), each["procs"], int(each["local"])) for each in found if each["on"]),
        frozenset((each["mesh"], int(each["rank"])) for each in found if each["mesh"]),
        frozenset(int(each["host"]) for each in found if each["host"]),
    )


def is_mentioned(name: str, part: object) -> bool:
    """Whether a part of a scenario mentions this host, client or mesh, or anything of it."""
    word = _word(name)
    return any(word.search(text) is not None for text in _texts(plain(part)))


def renamed(scenario: Scenario, renaming: Renaming) -> Scenario:
    """The scenario with other numbers.

    Raises:
        ScenarioError: it is none any more.
    """

    def other(match: re.Match[str]) -> str:
        if match["on"]:
            process = int(match["on"]), match["procs"], int(match["local"])
            on, procs, local = renaming.processes.get(process, process)
            return f"host{on}/{procs}_{local}"
        if match["mesh"]:
            member = match["mesh"], int(match["rank"])
            mesh, rank = renaming.members.get(member, member)
            return f"{mesh}[{rank}]"
        number = int(match["host"])
        return f"host{renaming.hosts.get(number, number)}"

    body = _mapped(_body(scenario), lambda text: _NAME.sub(other, text))
    return decode({**plain(scenario), **body})


def _body(scenario: Scenario) -> dict[str, Any]:
    return {key: value for key, value in plain(scenario).items() if key not in _WORDS}


@cache
def _word(name: str) -> re.Pattern[str]:
    """The name as a word, or with what names of machines and processes have behind it."""
    return re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?:_controller|_\d+)?(?![A-Za-z0-9_])")


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for key, each in value.items():
                yield key
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)
        case _:
            pass


def _mapped(value: Any, change: Callable[[str], str]) -> Any:  # noqa: ANN401  plain data
    match value:
        case str():
            return change(value)
        case dict():
            return {change(key): _mapped(each, change) for key, each in value.items()}
        case list():
            return [_mapped(each, change) for each in value]
        case _:
            return value
