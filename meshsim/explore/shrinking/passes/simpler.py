"""Simpler faults: one target instead of several, one strike instead of many, a plain kind instead of an involved one.

Every candidate is simpler in an order that has an end, so no two passes undo each other for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET

from meshsim.explore.shrinking.passes.dropping import shorter
from meshsim.faults import kinds
from meshsim.faults.kinds import Fault, FaultBase, targets_of
from meshsim.faults.kinds.links import LinkFault
from meshsim.scenario.schema import Scenario
from meshsim.units import Duration

#: What is no matter of simplicity: whom, when, and how long, which has a pass of its own.
_KEPT = (*FaultBase.__struct_fields__, "for_")


def groups(scenario: Scenario) -> Iterator[Scenario]:
    """Faults that strike fewer at once, and fewer times."""
    for index, fault in enumerate(scenario.faults):
        targets = targets_of(fault)
        if fault.targets is not UNSET:
            yield from (_with(scenario, index, target=target, targets=UNSET) for target in targets)
            yield from (_with(scenario, index, targets=left) for left in shorter(targets) if len(left) > 1)
        if fault.repeat is not UNSET:
            yield _with(scenario, index, repeat=UNSET)
            for times in sorted({2, fault.repeat.times // 2, fault.repeat.times - 1}):
                if 2 <= times < fault.repeat.times:
                    yield _with(scenario, index, repeat=msgspec.structs.replace(fault.repeat, times=times))
        if isinstance(fault, LinkFault):
            yield from (_with(scenario, index, with_=left) for left in shorter(fault.with_))
            yield from (_with(scenario, index, to=left) for left in shorter(fault.to) if left)


def conditions(scenario: Scenario) -> Iterator[Scenario]:
    """Sequences without their repetitions: a fault that waits for something strikes once."""
    for index, fault in enumerate(scenario.faults):
        if fault.when is not None and fault.when.times is not UNSET:
            yield _with(scenario, index, when=msgspec.structs.replace(fault.when, times=UNSET))


def parameters(scenario: Scenario) -> Iterator[Scenario]:
    """Each parameter of a fault as it is when nobody gives it."""
    for index, fault in enumerate(scenario.faults):
        for field in msgspec.structs.fields(type(fault)):
            if field.name in _KEPT or field.required:
                continue
            default = field.default if field.default_factory is NODEFAULT else field.default_factory()
            value = getattr(fault, field.name)
            if isinstance(value, Duration) and isinstance(default, Duration) and value < default:
                continue  # Shorter than usual, which is another kind of plain.
            if value != default:
                yield _with(scenario, index, **{field.name: default})


def kinds_of_faults(scenario: Scenario) -> Iterator[Scenario]:
    """A plainer kind with the same target: the plainest one first."""
    for index, fault in enumerate(scenario.faults):
        for make in _PLAINER.get(type(fault), ()):
            yield _replaced(scenario, index, make(fault))


def _of(kind: type[Any], **parameters: object) -> Callable[[Any], Fault]:
    """A maker of faults of this kind that strike whom, and when, another one does."""

    def make(fault: FaultBase) -> Fault:
        common = {name: getattr(fault, name) for name in FaultBase.__struct_fields__}
        made: Fault = kind(**common, **parameters)
        return made

    return make


def _losing(fault: Any) -> Fault:  # noqa: ANN401  a fault of messages or a partition
    """A loss of what another fault of links strikes."""
    shared = {name: getattr(fault, name) for name in (*FaultBase.__struct_fields__, *LinkFault.__struct_fields__)}
    return kinds.Loss(**shared, message=getattr(fault, "message", None), share=getattr(fault, "share", 1.0))


def _later(fault: Any) -> Fault:  # noqa: ANN401  a jitter or a reordering
    """Everything that a fault of chance might make late is late, by the longest that it may be."""
    shared = {name: getattr(fault, name) for name in kinds.MessageFault.__struct_fields__}
    by: Duration = fault.window if isinstance(fault, kinds.Reordering) else fault.by
    return kinds.Latency(**shared, by=by)


_KILL = _of(kinds.Signal, signal="SIGKILL")
_RAISE = _of(kinds.Raise)

#: By kind: plainer ones, none of which leads back.
_PLAINER: dict[type[FaultBase], Sequence[Callable[[Any], Fault]]] = {
    kinds.Exit: (_KILL,),
    kinds.CoreDump: (_KILL,),
    kinds.OutOfMemory: (_KILL,),
    kinds.Shout: (_KILL, _of(kinds.Exit)),
    kinds.AgentCrash: (_KILL,),
    kinds.HostCrash: (_KILL,),
    kinds.PowerCycle: (_KILL, _of(kinds.HostCrash), lambda fault: _of(kinds.Stall, for_=fault.for_)(fault)),
    kinds.ControllerExit: (_of(kinds.ControllerKill),),
    kinds.ControllerRaises: (_of(kinds.ControllerKill),),
    kinds.Panic: (_RAISE,),
    kinds.SelfFail: (_RAISE,),
    kinds.SelfUngracefulFail: (_RAISE, _KILL),
    kinds.SigSegv: (_RAISE, _KILL),
    kinds.ProcessExit: (_RAISE, _KILL),
    kinds.ExitProcess: (_RAISE, _KILL),
    kinds.KillPid: (_RAISE, _KILL),
    kinds.Abort: (_RAISE, _of(kinds.StopItself)),
    kinds.StartFails: (_of(kinds.NeverReady),),
    kinds.JitterFault: (_later,),
    kinds.Reordering: (_later,),
    kinds.DeliveryTimeout: (_losing,),
    kinds.Partition: (_losing,),
}


def _with(scenario: Scenario, index: int, **changes: object) -> Scenario:
    return _replaced(scenario, index, msgspec.structs.replace(scenario.faults[index], **changes))


def _replaced(scenario: Scenario, index: int, fault: Fault) -> Scenario:
    faults = [*scenario.faults[:index], fault, *scenario.faults[index + 1 :]]
    return msgspec.structs.replace(scenario, faults=faults)
