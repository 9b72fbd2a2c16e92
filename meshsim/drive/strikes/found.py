"""Whom a fault strikes whose target is taken from the record that triggers it.

What a scenario names is checked with the scenario. What a record names can be anything, so it is looked at here whether
a fault of this kind can strike it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshsim.drive.strikes import actors
from meshsim.drive.strikes.base import MissedError
from meshsim.faults.kinds import Fault, HostCrash, Misreport, SubscriberGone
from meshsim.faults.placeholders import PlaceholderError, filled, paths_of
from meshsim.trace.directory import Directory
from meshsim.trace.records import Record

if TYPE_CHECKING:
    from meshsim.drive.world import World


def found_target(world: World, fault: Fault, target: str, record: Record) -> str:
    """A target with what the record has in the place of its placeholders; one without any as it is.

    Raises:
        MissedError: the record has nothing there, or something that this fault cannot strike.
    """
    if not paths_of(target):
        return target
    try:
        name = filled(target, record, world.directory)
    except PlaceholderError as error:
        raise MissedError(str(error)) from None
    kind, fits = NEEDED.get(type(fault), _ANYTHING)
    if not fits(world.directory, name):
        raise MissedError(f"{name} is not {kind}")
    return name


def _is_ranked(directory: Directory, name: str, kind: str) -> bool:
    label, bracket, _ = name.partition("[")
    mesh = directory.mesh(label)
    return bool(bracket) and mesh is not None and mesh.kind == kind and directory.actor(name) is not None


def _is_actor(directory: Directory, name: str) -> bool:
    return _is_ranked(directory, name, "actors")


def _is_proc(directory: Directory, name: str) -> bool:
    return _is_ranked(directory, name, "procs")


def _is_host(directory: Directory, name: str) -> bool:
    node = directory.node(name)
    return node == name and directory.kinds[node] == "host"


def _is_listener(directory: Directory, name: str) -> bool:
    node = directory.node(name)
    return _is_actor(directory, name) or (node == name and directory.kinds[node] == "client")


_Needed = tuple[str, Callable[[Directory, str], bool]]

_ANYTHING: _Needed = ("anything", lambda directory, name: True)

#: What kinds need that would not find out by themselves, in words and as a question.
NEEDED: dict[type, _Needed] = {
    **dict.fromkeys(actors.STRIKES, ("an actor of a mesh", _is_actor)),
    HostCrash: ("a host", _is_host),
    Misreport: ("a proc of a mesh", _is_proc),
    SubscriberGone: ("a client or an actor of a mesh", _is_listener),
}
