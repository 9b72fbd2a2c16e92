"""The fault injector: one SimPy process for each fault of a plan, the same on every backend.

A fault waits for its time, or for a record that matches; then it strikes. What a kind of fault does is one function of
the table `STRIKES`: it resolves the target through the directory, and returns why it cannot strike if it cannot.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import simpy

from meshsim.drive.kernel import ProcessState
from meshsim.drive.stage import SCENARIO, References
from meshsim.faults.kinds import (
    ControllerExit,
    ControllerKill,
    Exit,
    Fault,
    Hang,
    HostCrash,
    InitFails,
    Panic,
    Raise,
    Resume,
    Signal,
    Stall,
    StopItself,
    SubscriberGone,
    When,
)
from meshsim.faults.matching import Matcher
from meshsim.faults.signals import signal_number
from meshsim.faults.targets import parse_target
from meshsim.model.actors import INIT_FAILS
from meshsim.model.ids import ActorId, Node
from meshsim.model.messages import CauseFault, Envelope, Operate
from meshsim.model.operations import DropRef
from meshsim.scenario.plan import Plan
from meshsim.trace.records import NO_CAUSE, WORLD, FaultMissed, FaultStruck, Record

if TYPE_CHECKING:
    from meshsim.drive.conductor import Conductor


class Missed(Exception):
    """A fault cannot strike; the text says why."""


def inject(conductor: Conductor) -> None:
    """Start a SimPy process for every fault of the plan."""
    for index, fault in enumerate(conductor.plan.faults):
        if not isinstance(fault, InitFails):
            conductor.env.process(_life(conductor, index, fault))


def init_faults(plan: Plan, mesh: str) -> dict[str, object]:
    """Parameters of an actor mesh whose inits are to fail at some ranks."""
    texts: dict[str, str] = {}
    for fault in plan.faults:
        if isinstance(fault, InitFails):
            target = parse_target(fault.target)
            if target.name == mesh:
                texts[str(target.rank)] = fault.text
    return {INIT_FAILS: texts} if texts else {}


def _life(conductor: Conductor, index: int, fault: Fault) -> Generator[simpy.Event, Any, None]:
    """From waiting to striking, and for a stall with a duration to its end."""
    cause = NO_CAUSE
    if fault.at is not None:
        yield conductor.env.timeout(int(fault.at))
    else:
        assert fault.when is not None
        cause = yield _match(conductor, fault.when)
        yield conductor.env.timeout(int(fault.when.after))
    _strike(conductor, index, fault, cause)
    if isinstance(fault, Stall) and fault.for_ is not None:
        yield conductor.env.timeout(int(fault.for_))
        _strike(conductor, index, Resume(target=fault.target), cause)


def _match(conductor: Conductor, when: When) -> simpy.Event:
    """An event that happens at the n-th record that matches; its value is the record's number."""
    matcher = Matcher(when.record, when.where, conductor.directory)
    happened = conductor.env.event()
    left = when.count

    def watch(record: Record) -> None:
        nonlocal left
        if left and matcher.matches(record):
            left -= 1
            if left == 0:
                happened.succeed(record.seq)

    conductor.watchers.append(watch)
    return happened


def _strike(conductor: Conductor, index: int, fault: Fault, cause: int) -> None:
    kind = type(fault).__struct_config__.tag
    assert isinstance(kind, str)
    try:
        STRIKES[type(fault)](conductor, index, fault, cause)
    except Missed as missed:
        conductor.record(WORLD, cause, FaultMissed(index, kind, fault.target, str(missed)))


def _struck(conductor: Conductor, index: int, fault: Fault, target: str, cause: int, detail: str = "") -> int:
    kind = type(fault).__struct_config__.tag
    assert isinstance(kind, str)
    return conductor.record(WORLD, cause, FaultStruck(index, kind, target, detail))


# --- targets -------------------------------------------------------------------------------------------------


def _process(conductor: Conductor, target: str) -> Node:
    node = conductor.directory.node(target)
    if node is None:
        raise Missed(f"{target} does not exist")
    if conductor.table.state(node) in (ProcessState.DEAD, ProcessState.REAPED):
        raise Missed(f"the process of {target} is gone")
    return node


def _controller_process(conductor: Conductor, mesh: str) -> Node:
    controller = conductor.directory.controller(mesh)
    node = None if controller is None else conductor.directory.node_of_actor(controller)
    if node is None:
        raise Missed(f"{mesh} has no controller")
    if conductor.table.state(node) in (ProcessState.DEAD, ProcessState.REAPED):
        raise Missed(f"the process of the controller of {mesh} is gone")
    return node


def _actor(conductor: Conductor, target: str) -> ActorId:
    actor = conductor.directory.actor(target)
    if actor is None:
        raise Missed(f"{target} does not exist")
    return actor


# --- strikes -------------------------------------------------------------------------------------------------


def _exit(conductor: Conductor, index: int, fault: Exit, cause: int) -> None:
    _end_process(conductor, index, fault, _process(conductor, fault.target), fault.code, cause)


def _controller_exit(conductor: Conductor, index: int, fault: ControllerExit, cause: int) -> None:
    _end_process(conductor, index, fault, _controller_process(conductor, fault.target), fault.code, cause)


def _end_process(conductor: Conductor, index: int, fault: Fault, node: Node, code: int, cause: int) -> None:
    if conductor.table.state(node) is ProcessState.STOPPED:
        raise Missed(f"{node} is stopped: it cannot call _exit")
    seq = _struck(conductor, index, fault, node, cause, f"_exit({code})")
    conductor.exit(node, code, seq)


def _signal(conductor: Conductor, index: int, fault: Signal, cause: int) -> None:
    _send_signal(conductor, index, fault, _process(conductor, fault.target), signal_number(fault.signal), cause)


def _controller_kill(conductor: Conductor, index: int, fault: ControllerKill, cause: int) -> None:
    node = _controller_process(conductor, fault.target)
    _send_signal(conductor, index, fault, node, signal_number(fault.signal), cause)


def _stall(conductor: Conductor, index: int, fault: Stall, cause: int) -> None:
    _send_signal(conductor, index, fault, _process(conductor, fault.target), signal.SIGSTOP, cause)


def _resume(conductor: Conductor, index: int, fault: Resume, cause: int) -> None:
    _send_signal(conductor, index, fault, _process(conductor, fault.target), signal.SIGCONT, cause)


def _host_crash(conductor: Conductor, index: int, fault: HostCrash, cause: int) -> None:
    _send_signal(conductor, index, fault, _process(conductor, fault.target), signal.SIGKILL, cause)


def _send_signal(conductor: Conductor, index: int, fault: Fault, node: Node, number: int, cause: int) -> None:
    seq = _struck(conductor, index, fault, node, cause, signal.Signals(number).name)
    conductor.signal(node, int(number), seq)


def _misbehave(conductor: Conductor, index: int, fault: Raise | Panic | Hang | StopItself, cause: int) -> None:
    """A message that makes the actor's own handler do it."""
    actor = _actor(conductor, fault.target)
    match fault:
        case Raise(text=text):
            what = CauseFault("raise", text)
        case Panic(text=text):
            what = CauseFault("panic", text)
        case Hang(for_=for_):
            what = CauseFault("hang", busy_ns=int(for_ or 0))
        case StopItself():
            what = CauseFault("stop", "stopped by itself")
    seq = _struck(conductor, index, fault, actor, cause, what.text)
    if not conductor.tell(actor, Envelope(SCENARIO, actor, what, returnable=False), seq):
        raise Missed(f"the process of {fault.target} is gone")


def _subscriber_gone(conductor: Conductor, index: int, fault: SubscriberGone, cause: int) -> None:
    actor = _actor(conductor, fault.target)
    mesh = References(conductor.plan, conductor.directory).actors(fault.mesh)
    seq = _struck(conductor, index, fault, actor, cause)
    # Operations are numbered from 0; those of faults count down, so that neither is taken for the other.
    message = Envelope(SCENARIO, actor, Operate(-1 - index, DropRef(mesh)), returnable=False)
    if not conductor.tell(actor, message, seq):
        raise Missed(f"the process of {fault.target} is gone")


STRIKES: dict[type, Callable[..., None]] = {
    Exit: _exit,
    Signal: _signal,
    Stall: _stall,
    Resume: _resume,
    Raise: _misbehave,
    Panic: _misbehave,
    Hang: _misbehave,
    StopItself: _misbehave,
    HostCrash: _host_crash,
    ControllerExit: _controller_exit,
    ControllerKill: _controller_kill,
    SubscriberGone: _subscriber_gone,
}
