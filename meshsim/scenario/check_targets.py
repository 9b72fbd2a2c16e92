"""What each kind of fault needs of its target and its parameters: a function for each, by type in `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable

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
)
from meshsim.faults.signals import SIGNAL_NUMBERS, SignalError, is_deadly, signal_number
from meshsim.faults.targets import parse_target
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.world import Kind, World
from meshsim.units import Duration, format_duration


def check_target(key: str, fault: Fault, world: World) -> None:
    """Raises `ScenarioError` when the fault written at `key` cannot strike what it names."""
    CHECKS[type(fault)](key, fault, world)


def check_positive(key: str, duration: Duration | None) -> None:
    if duration is not None and duration <= 0:
        raise ScenarioError(key, "expected more than 0s", value=format_duration(duration))


def _of_process(key: str, fault: Exit | Resume, world: World) -> None:
    world.process(fault.target, f"{key}.target")


def _signal(key: str, fault: Signal, world: World) -> None:
    world.process(fault.target, f"{key}.target")
    _check_signal(f"{key}.signal", fault.signal)


def _stall(key: str, fault: Stall, world: World) -> None:
    world.process(fault.target, f"{key}.target")
    check_positive(f"{key}.for", fault.for_)


def _of_actor(
    key: str, fault: Raise | StopItself | InitFails | SelfFail | SelfUngracefulFail | Abort | ExitProcess, world: World
) -> None:
    world.actor(fault.target, f"{key}.target")


def _of_actor_or_children(key: str, fault: Panic | SigSegv | ProcessExit, world: World) -> None:
    world.actor(fault.target, f"{key}.target")
    if fault.send_to_children and parse_target(fault.target).name not in world.wrappers:
        message = "expected a WrapperActor with parameters, other actors have no children"
        raise ScenarioError(f"{key}.target", message, value=fault.target)


def _kill_pid(key: str, fault: KillPid, world: World) -> None:
    world.actor(fault.target, f"{key}.target")
    _check_signal(f"{key}.signal", fault.signal)
    if not is_deadly(signal_number(fault.signal)):
        raise ScenarioError(f"{key}.signal", "expected a signal that ends the process", value=fault.signal)


def _hang(key: str, fault: Hang, world: World) -> None:
    world.actor(fault.target, f"{key}.target")
    check_positive(f"{key}.for", fault.for_)


def _shout(key: str, fault: Shout, world: World) -> None:
    world.process(fault.target, f"{key}.target")
    _check_lines(f"{key}.lines", fault.lines)


def _start_fails(key: str, fault: StartFails, world: World) -> None:
    world.proc_of_its_own(fault.target, f"{key}.target")
    _check_lines(f"{key}.lines", fault.lines)


def _host_crash(key: str, fault: HostCrash, world: World) -> None:
    world.member(fault.target, (Kind.HOST,), f"{key}.target")


def _controller_exit(key: str, fault: ControllerExit, world: World) -> None:
    world.controlled(fault.target, f"{key}.target")


def _controller_kill(key: str, fault: ControllerKill, world: World) -> None:
    world.controlled(fault.target, f"{key}.target")
    _check_signal(f"{key}.signal", fault.signal)


def _subscriber_gone(key: str, fault: SubscriberGone, world: World) -> None:
    world.context(fault.target, f"{key}.target")
    world.controlled(fault.mesh, f"{key}.mesh")


def _misreport(key: str, fault: Misreport, world: World) -> None:
    world.member(fault.target, (Kind.PROCS,), f"{key}.target")
    world.named(fault.mesh, Kind.ACTORS, f"{key}.mesh")
    _check_ranks(f"{key}.ranks", fault.ranks)


def _alloc_stop(key: str, fault: AllocStop, world: World) -> None:
    if world.member(fault.target, (Kind.PROCS,), f"{key}.target").allocator not in ("local", "simulated"):
        raise ScenarioError(f"{key}.target", "expected a proc of a local or simulated allocator", value=fault.target)


def _alloc_fail(key: str, fault: AllocFail, world: World) -> None:
    if not world.named(fault.target, Kind.PROCS, f"{key}.target").allocator:
        raise ScenarioError(f"{key}.target", "expected allocated procs", value=fault.target)


def _check_lines(key: str, lines: list[str]) -> None:
    for index, line in enumerate(lines):
        if "\n" in line or "\r" in line:
            raise ScenarioError(f"{key}[{index}]", "expected one line", value=line)


def _check_ranks(key: str, ranks: tuple[int, int] | None) -> None:
    if ranks is not None and ranks[0] >= ranks[1]:
        raise ScenarioError(key, "expected two ranks, start < end", value=f"{ranks[0]}..{ranks[1]}")


def _check_signal(key: str, text: str) -> None:
    try:
        signal_number(text)
    except SignalError:
        message = 'expected a signal such as "SIGKILL" or "9"'
        raise ScenarioError(key, message, value=text, allowed=SIGNAL_NUMBERS) from None


#: By type of the fault.
CHECKS: dict[type, Callable[..., None]] = {
    Exit: _of_process,
    Resume: _of_process,
    Signal: _signal,
    Stall: _stall,
    Raise: _of_actor,
    StopItself: _of_actor,
    InitFails: _of_actor,
    SelfFail: _of_actor,
    SelfUngracefulFail: _of_actor,
    Abort: _of_actor,
    ExitProcess: _of_actor,
    Panic: _of_actor_or_children,
    SigSegv: _of_actor_or_children,
    ProcessExit: _of_actor_or_children,
    KillPid: _kill_pid,
    Hang: _hang,
    Shout: _shout,
    StartFails: _start_fails,
    HostCrash: _host_crash,
    ControllerExit: _controller_exit,
    ControllerKill: _controller_kill,
    SubscriberGone: _subscriber_gone,
    Misreport: _misreport,
    AllocStop: _alloc_stop,
    AllocFail: _alloc_fail,
}
