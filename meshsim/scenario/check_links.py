"""What a fault of the network needs: two sides that are there, messages of a kind that exists, time that passes."""

from __future__ import annotations

from typing import get_args

from meshsim.faults.kinds import (
    DeliveryTimeout,
    JitterFault,
    Latency,
    LinkFault,
    MessageFault,
    Partition,
    Reordering,
)
from meshsim.faults.links import ANY
from meshsim.model.messages import Message
from meshsim.model.tags import tag_of
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.world import Kind, World
from meshsim.units import Duration, format_duration

#: Kinds of messages by their tags.
MESSAGE_TAGS: tuple[str, ...] = tuple(tag_of(message) for message in get_args(Message))


def check_link_fault(key: str, fault: LinkFault, world: World) -> None:
    """Raises `ScenarioError` when the fault written at `key` cannot strike the messages that it names."""
    near = [("target", fault.target), *((f"with[{index}]", text) for index, text in enumerate(fault.with_))]
    far = [(f"to[{index}]", text) for index, text in enumerate(fault.to)]
    for side in (near, far):
        for end, target in side:
            if target != ANY:
                world.process(target, f"{key}.{end}")
            elif len(side) > 1:
                raise ScenarioError(f"{key}.{end}", "expected * alone on its side", value=target)
    for end, target in far:
        if target != ANY and target in [name for _, name in near]:
            raise ScenarioError(f"{key}.{end}", "expected another one than on the side of the target", value=target)
    _check_more_than_0s(f"{key}.for", fault.for_)
    if isinstance(fault, Latency | JitterFault):
        _check_more_than_0s(f"{key}.by", fault.by)
    elif isinstance(fault, Reordering):
        _check_more_than_0s(f"{key}.window", fault.window)
    if isinstance(fault, MessageFault) and fault.message is not None and fault.message not in MESSAGE_TAGS:
        raise ScenarioError(f"{key}.message", "no such message", value=fault.message, allowed=MESSAGE_TAGS)
    if isinstance(fault, Partition | DeliveryTimeout):
        _check_fronts(key, near, far, world)
        if not fault.one_way:
            _check_fronts(key, far, near, world)


def _check_more_than_0s(key: str, duration: Duration | None) -> None:
    if duration is not None and duration <= 0:
        raise ScenarioError(key, "expected more than 0s", value=format_duration(duration))


def _check_fronts(key: str, near: list[tuple[str, str]], far: list[tuple[str, str]], world: World) -> None:
    """Connections are cut, and who writes to a proc is connected to the front end of its host."""
    senders = [target for _, target in near]
    if not senders or ANY in senders:
        return
    for end, target in far:
        if target == ANY or world.names[target.partition("[")[0]].kind in (Kind.HOST, Kind.CLIENT):
            continue
        host, slash, _ = world.node(target, f"{key}.{end}").partition("/")
        if slash and world.names[host].kind is Kind.HOST and host not in senders:
            message = f"messages to it pass the front end of {host}, name that on the other side, or in its place"
            raise ScenarioError(f"{key}.{end}", message, value=target)
