"""Faults of the network: each is a rule for as long as it lasts."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.false_starts import process_to_be
from meshsim.drive.strikes.base import MissedError, Strike
from meshsim.faults.kinds import (
    DeliveryTimeout,
    Duplication,
    JitterFault,
    Latency,
    LinkFault,
    Loss,
    MessageFault,
    Partition,
    Reordering,
)
from meshsim.faults.links import (
    ANY,
    Cut,
    Decision,
    Delay,
    Duplicate,
    End,
    Jitter,
    Lose,
    Overtake,
    Rule,
    Withhold,
    is_machine,
)
from meshsim.trace.records import FaultEnded
from meshsim.units import format_duration


def _latency(strike: Strike, fault: Latency) -> None:
    _strike(strike, fault, Delay(int(fault.by)), f"by {format_duration(fault.by)}")


def _jitter(strike: Strike, fault: JitterFault) -> None:
    _strike(strike, fault, Jitter(int(fault.by)), f"by up to {format_duration(fault.by)}")


def _loss(strike: Strike, fault: Loss) -> None:
    _strike(strike, fault, Lose())


def _duplication(strike: Strike, fault: Duplication) -> None:
    """The session drops what comes again below it, so no copy gets any further."""
    copies = fault.times if fault.layer == "message" else 0
    _strike(strike, fault, Duplicate(copies, int(fault.apart)), f"{fault.times} of each {fault.layer}")


def _reordering(strike: Strike, fault: Reordering) -> None:
    _strike(strike, fault, Overtake(int(fault.window)), f"within {format_duration(fault.window)}")


def _partition(strike: Strike, fault: Partition) -> None:
    _strike(strike, fault, Cut())


def _delivery_timeout(strike: Strike, fault: DeliveryTimeout) -> None:
    _strike(strike, fault, Withhold())


def _strike(strike: Strike, fault: LinkFault, decision: Decision, how: str = "") -> None:
    sides = fault.sides
    src, dst = _side(strike, sides.near), _side(strike, sides.far)
    message, share = ("", 1.0) if not isinstance(fault, MessageFault) else (fault.message or "", fault.share)
    what = [
        "" if message == "" else message,
        "" if share == 1 else f"{share:.3%}",
        how,
        f"for {format_duration(fault.for_)}" if fault.for_ is not None else "",
    ]
    strike.struck(str(sides), " ".join(word for word in what if word))
    rule = Rule(
        key=strike.index,
        src=src,
        dst=dst,
        one_way=fault.one_way,
        message=message,
        share=share,
        decision=decision,
    )
    strike.world.post.add_rule(rule)


def _side(strike: Strike, targets: tuple[str, ...]) -> tuple[End, ...]:
    """One side of a rule; nobody is everybody."""
    return () if ANY in targets else tuple(_end(strike, target) for target in targets)


def _end(strike: Strike, text: str) -> End:
    """Hosts and clients are machines; whatever has a rank is a process, there or on its way."""
    node = strike.world.directory.node(text) or process_to_be(strike.world.plan, text)
    if node is None:
        raise MissedError(f"{text} does not exist, or not yet")
    return End(node, whole=is_machine(text))


def _end_rule(strike: Strike, fault: LinkFault) -> None:
    """The time of a fault is over: its rule goes, if it ever came."""
    if any(rule.key == strike.index for rule in strike.world.network.rules):
        strike.world.record("", strike.cause, FaultEnded(strike.index, strike.kind, str(fault.sides)))
        strike.world.post.remove_rule(strike.index)


STRIKES: dict[type, Callable[..., None]] = {
    Latency: _latency,
    JitterFault: _jitter,
    Loss: _loss,
    Duplication: _duplication,
    Reordering: _reordering,
    Partition: _partition,
    DeliveryTimeout: _delivery_timeout,
}

ENDS: dict[type, tuple[str, Callable[..., None]]] = dict.fromkeys(STRIKES, ("", _end_rule))
