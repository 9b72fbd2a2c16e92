"""The fault injector: one SimPy process for each fault of a plan, the same on every backend.

A fault waits for its time, or for a record that matches; then it strikes. What a kind of fault does is one function of
the table `STRIKES`; a fault that cannot strike (its target is gone, say) is recorded as missed, with the reason.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import simpy
from msgspec import UNSET

from meshsim.drive.false_starts import process_to_be
from meshsim.drive.kernel import ProcessState
from meshsim.drive.output import shouted
from meshsim.drive.stage import SCENARIO, MissingError, References
from meshsim.faults.kinds import (
    Abort,
    AllocFail,
    AllocStop,
    ControllerExit,
    ControllerKill,
    Exit,
    ExitProcess,
    Fault,
    Hang,
    HostCrash,
    InitFails,
    KillPid,
    Misreport,
    Panic,
    ProcessExit,
    Raise,
    Resume,
    SelfFail,
    SelfUngracefulFail,
    Shout,
    Signal,
    SigSegv,
    Stall,
    StartFails,
    StopItself,
    SubscriberGone,
    When,
)
from meshsim.faults.matching import Matcher
from meshsim.faults.signals import signal_name, signal_number
from meshsim.faults.targets import parse_target
from meshsim.model import messages
from meshsim.model.alloc.events import ReasonKind, StopReason
from meshsim.model.alloc.messages import ChaosMonkey, FailAlloc
from meshsim.model.ids import ActorId, Node
from meshsim.model.messages import CauseFault, Envelope, Message, Operate
from meshsim.model.operations import DropRef
from meshsim.model.status import Status, StatusKind
from meshsim.model.tags import tag_of
from meshsim.trace.records import NO_CAUSE, WORLD, FaultMissed, FaultStruck, Record

if TYPE_CHECKING:
    from meshsim.drive.world import World


class MissedError(Exception):
    """A fault cannot strike; the text says why."""


def inject(world: World) -> None:
    """Start a SimPy process for every fault of the plan."""
    for index, fault in enumerate(world.plan.faults):
        if not isinstance(fault, InitFails | StartFails):
            world.env.process(_life(world, index, fault))


def _life(world: World, index: int, fault: Fault) -> Generator[simpy.Event, Any, None]:
    """From waiting to striking, and for a stall with a duration to its end."""
    cause = NO_CAUSE
    if fault.at is not None:
        yield world.env.timeout(int(fault.at))
    else:
        assert fault.when is not None
        cause = yield _match(world, fault.when)
        yield world.env.timeout(int(fault.when.after))
    Strike(world, index, fault, cause).carry_out()
    if isinstance(fault, Stall) and fault.for_ is not None:
        yield world.env.timeout(int(fault.for_))
        Strike(world, index, Resume(target=fault.target), cause).carry_out()


def _match(world: World, when: When) -> simpy.Event:
    """An event that happens at the n-th record that matches; its value is the record's number."""
    matcher = Matcher(when.record, when.where, world.directory)
    happened = world.env.event()
    left = when.count

    def watch(record: Record) -> None:
        nonlocal left
        if left and matcher.matches(record):
            left -= 1
            if left == 0:
                happened.succeed(record.seq)

    world.watchers.append(watch)
    return happened


class Strike:
    """One fault at the moment it strikes. `cause` is the record that triggered it, if one did."""

    def __init__(self, world: World, index: int, fault: Fault, cause: int) -> None:
        self.world = world
        self.index = index
        self.fault = fault
        self.cause = cause

    def carry_out(self) -> None:
        """Do it, or record why it cannot be done."""
        try:
            STRIKES[type(self.fault)](self, self.fault)
        except MissedError as missed:
            self._record(FaultMissed(self.index, self.kind, self.fault.target, str(missed)))

    @property
    def kind(self) -> str:
        return tag_of(self.fault)

    def _record(self, what: FaultStruck | FaultMissed) -> int:
        return self.world.record(WORLD, self.cause, what)

    def struck(self, target: str, detail: str = "") -> int:
        """Record that it strikes; the number of the record, which causes what follows."""
        return self._record(FaultStruck(self.index, self.kind, target, detail))

    # --- targets -------------------------------------------------------------------------------------------

    def process(self, target: str) -> Node:
        node = self.world.directory.node(target)
        if node is None:
            starting = process_to_be(self.world.plan, target)
            node = starting if starting in self.world.directory.kinds else None
        return self._alive(node, target)

    def controller_process(self, mesh: str) -> Node:
        controller = self.world.directory.controller(mesh)
        node = None if controller is None else self.world.directory.node_of_actor(controller)
        return self._alive(node, f"the controller of {mesh}")

    def _alive(self, node: Node | None, what: str) -> Node:
        if node is None:
            raise MissedError(f"{what} does not exist, or not yet")
        if self.world.table.state(node) in (ProcessState.DEAD, ProcessState.REAPED):
            raise MissedError(f"the process of {what} is gone")
        return node

    def actor(self, target: str) -> ActorId:
        actor = self.world.directory.actor(target)
        if actor is None:
            raise MissedError(f"{target} does not exist, or not yet")
        return actor

    def keeper(self, label: str) -> ActorId:
        """Who holds the alloc of these procs."""
        keeper = self.world.directory.keepers.get(label)
        if keeper is None:
            raise MissedError(f"the alloc of {label} does not exist, or not yet")
        return keeper

    # --- what a strike can do --------------------------------------------------------------------------------

    def end_process(self, node: Node, code: int) -> None:
        if self.world.table.state(node) is ProcessState.STOPPED:
            raise MissedError(f"{node} is stopped: it cannot call _exit")
        seq = self.struck(node, f"_exit({code})")
        self.world.processes.exit(node, code, seq)

    def shout(self, node: Node, lines: tuple[str, ...], code: int | None) -> None:
        if self.world.table.state(node) is ProcessState.STOPPED:
            raise MissedError(f"{node} is stopped: it cannot write")
        seq = self.struck(node, shouted(lines, code))
        self.world.processes.write(node, lines)
        if code is not None:
            self.world.processes.exit(node, code, seq)

    def send_signal(self, node: Node, number: int) -> None:
        seq = self.struck(node, signal_name(number))
        self.world.processes.signal(node, number, seq)

    def tell(self, actor: ActorId, message: Message, detail: str = "") -> None:
        """Hand a message to the target actor; a process that is stopped takes it when it continues."""
        self._alive(self.world.directory.node_of_actor(actor), self.fault.target)
        seq = self.struck(actor, detail)
        self.world.post.tell(actor, Envelope(SCENARIO, actor, message, returnable=False), seq)


def _exit(strike: Strike, fault: Exit) -> None:
    strike.end_process(strike.process(fault.target), fault.code)


def _shout(strike: Strike, fault: Shout) -> None:
    strike.shout(strike.process(fault.target), tuple(fault.lines), fault.exit)


def _controller_exit(strike: Strike, fault: ControllerExit) -> None:
    strike.end_process(strike.controller_process(fault.target), fault.code)


def _signal(strike: Strike, fault: Signal) -> None:
    strike.send_signal(strike.process(fault.target), signal_number(fault.signal))


def _controller_kill(strike: Strike, fault: ControllerKill) -> None:
    strike.send_signal(strike.controller_process(fault.target), signal_number(fault.signal))


def _stall(strike: Strike, fault: Stall) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGSTOP))


def _resume(strike: Strike, fault: Resume) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGCONT))


def _host_crash(strike: Strike, fault: HostCrash) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGKILL))


def _raise(strike: Strike, fault: Raise) -> None:
    strike.tell(strike.actor(fault.target), CauseFault("raise", fault.text), fault.text)


def _panic(strike: Strike, fault: Panic) -> None:
    _cause(strike, CauseFault("panic", fault.text, send_to_children=fault.send_to_children or UNSET), fault.text)


def _sigsegv(strike: Strike, fault: SigSegv) -> None:
    number = int(signal.SIGSEGV)
    _cause(strike, CauseFault("signal", number=number, send_to_children=fault.send_to_children or UNSET))


def _process_exit(strike: Strike, fault: ProcessExit) -> None:
    cause = CauseFault("exit", number=fault.code, send_to_children=fault.send_to_children or UNSET)
    _cause(strike, cause, f"_exit({fault.code})")


def _self_fail(strike: Strike, fault: SelfFail) -> None:
    _cause(strike, CauseFault("raise", fault.text), fault.text)


def _self_ungraceful_fail(strike: Strike, fault: SelfUngracefulFail) -> None:
    _cause(strike, CauseFault("exit", number=1), "_exit(1)")


def _kill_pid(strike: Strike, fault: KillPid) -> None:
    number = signal_number(fault.signal)
    _cause(strike, CauseFault("signal", number=number), signal_name(number))


def _abort(strike: Strike, fault: Abort) -> None:
    _cause(strike, CauseFault("abort", fault.reason), fault.reason)


def _exit_process(strike: Strike, fault: ExitProcess) -> None:
    _cause(strike, CauseFault("exit", number=fault.code), f"exit({fault.code})")


def _cause(strike: Strike, fault: CauseFault, detail: str = "") -> None:
    """Inside the target actor's own handler."""
    strike.tell(strike.actor(strike.fault.target), fault, detail)


def _hang(strike: Strike, fault: Hang) -> None:
    strike.tell(strike.actor(fault.target), CauseFault("hang", busy_ns=int(fault.for_ or 0)))


def _stop_itself(strike: Strike, fault: StopItself) -> None:
    strike.tell(strike.actor(fault.target), CauseFault("stop", "stopped by itself"))


def _subscriber_gone(strike: Strike, fault: SubscriberGone) -> None:
    """Operations are numbered from 0; those of faults count down, so that neither is taken for the other."""
    references = References(strike.world.plan, strike.world.directory)
    try:
        mesh = references.actors(fault.mesh)
    except MissingError as missing:
        raise MissedError(str(missing)) from None
    strike.tell(strike.actor(fault.target), Operate(-1 - strike.index, DropRef(mesh)))


def _misreport(strike: Strike, fault: Misreport) -> None:
    kind = StatusKind(fault.status)
    text = fault.text if kind is StatusKind.FAILED else ""
    status = Status(kind, text, int(fault.elapsed) if kind is StatusKind.TIMEOUT else 0)
    ranks = UNSET if fault.ranks is None else fault.ranks
    message = messages.Misreport(fault.mesh, status, fault.state, ranks, fault.times or 0)
    strike.tell(strike.actor(fault.target), message, f"{fault.mesh}: {status}")


def _alloc_stop(strike: Strike, fault: AllocStop) -> None:
    target = parse_target(fault.target)
    kind = ReasonKind(fault.reason)
    code, number = (fault.number, 0) if kind is ReasonKind.EXITED else (0, fault.number)
    reason = StopReason(kind, code=code, signal=number)
    strike.tell(strike.keeper(target.name), ChaosMonkey(target.rank or 0, reason), f"rank {target.rank}: {reason}")


def _alloc_fail(strike: Strike, fault: AllocFail) -> None:
    strike.tell(strike.keeper(fault.target), FailAlloc(fault.text), fault.text)


#: What each kind of fault does. A new kind gets a row here, and its struct in `meshsim.faults.kinds`.
STRIKES: dict[type, Callable[..., None]] = {
    Exit: _exit,
    Shout: _shout,
    Signal: _signal,
    Stall: _stall,
    Resume: _resume,
    Raise: _raise,
    Panic: _panic,
    SigSegv: _sigsegv,
    ProcessExit: _process_exit,
    SelfFail: _self_fail,
    SelfUngracefulFail: _self_ungraceful_fail,
    KillPid: _kill_pid,
    Abort: _abort,
    ExitProcess: _exit_process,
    Hang: _hang,
    StopItself: _stop_itself,
    HostCrash: _host_crash,
    ControllerExit: _controller_exit,
    ControllerKill: _controller_kill,
    SubscriberGone: _subscriber_gone,
    Misreport: _misreport,
    AllocStop: _alloc_stop,
    AllocFail: _alloc_fail,
}
