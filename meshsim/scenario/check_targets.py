"""What each kind of fault needs of its target and its parameters: a function for each, by type in `CHECKS`."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from meshsim.faults.kinds import (
    Abort,
    AgentCrash,
    AllocFail,
    AllocStop,
    CleanupFails,
    ClockDrift,
    ClockJump,
    ClockOffset,
    ControllerExit,
    ControllerKill,
    ControllerRaises,
    ControllerStall,
    CoreDump,
    DeliveryTimeout,
    DescriptorsExhausted,
    Duplication,
    Exit,
    ExitProcess,
    Fault,
    Hang,
    HostCrash,
    IgnoresStop,
    InitFails,
    JitterFault,
    KillPid,
    Latency,
    LatePolls,
    Loss,
    Misreport,
    NeverReady,
    OutOfMemory,
    Panic,
    Partition,
    PowerCycle,
    ProcessesExhausted,
    ProcessExit,
    Raise,
    Reordering,
    Resume,
    SelfFail,
    SelfUngracefulFail,
    Shout,
    Signal,
    SigSegv,
    SlowStart,
    SpawnRefused,
    Stall,
    StartFails,
    StopItself,
    SubscriberGone,
)
from meshsim.faults.signals import DUMPING, SIGNAL_NUMBERS, SignalError, is_deadly, signal_name, signal_number
from meshsim.faults.targets import parse_target
from meshsim.scenario.check_links import check_link_fault
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.world import Kind, World
from meshsim.units import Duration, format_duration


def check_target(key: str, fault: Fault, world: World) -> None:
    """Raises `ScenarioError` when the fault written at `key` cannot strike what it names."""
    CHECKS[type(fault)](key, fault, world)


def check_positive(key: str, duration: Duration | None) -> None:
    if duration is not None and duration <= 0:
        raise ScenarioError(key, "expected more than 0s", value=format_duration(duration))


def _of_process(key: str, fault: Exit | Resume | OutOfMemory, world: World) -> None:
    world.process(fault.target, f"{key}.target")


def _signal(key: str, fault: Signal, world: World) -> None:
    world.process(fault.target, f"{key}.target")
    _check_signal(f"{key}.signal", fault.signal)


def _core_dump(key: str, fault: CoreDump, world: World) -> None:
    world.process(fault.target, f"{key}.target")
    _check_signal(f"{key}.signal", fault.signal)
    if signal_number(fault.signal) not in DUMPING:
        allowed = [signal_name(number) for number in sorted(DUMPING)]
        message = "expected a signal that dumps core"
        raise ScenarioError(f"{key}.signal", message, value=fault.signal, allowed=allowed)


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
    if not fault.lines and fault.flood is UNSET:
        raise ScenarioError(f"{key}.lines", "expected a line at least, or a flood")


def _start_fails(key: str, fault: StartFails, world: World) -> None:
    _at_start(key, fault, world)
    _check_lines(f"{key}.lines", fault.lines)
    if fault.signal is not UNSET:
        _check_signal(f"{key}.signal", fault.signal)
        if not is_deadly(signal_number(fault.signal)):
            raise ScenarioError(f"{key}.signal", "expected a signal that ends the process", value=fault.signal)


def _slow_start(key: str, fault: SlowStart, world: World) -> None:
    _at_start(key, fault, world)
    check_positive(f"{key}.after", fault.after)


def _at_start(key: str, fault: StartFails | SlowStart | NeverReady | SpawnRefused, world: World) -> None:
    world.proc_of_its_own(fault.target, f"{key}.target")
    if world.member(fault.target, (Kind.PROCS,), f"{key}.target").allocator:
        raise ScenarioError(f"{key}.target", "expected a proc that a host starts, not an allocator", value=fault.target)


def _of_host(key: str, fault: HostCrash | PowerCycle, world: World) -> None:
    world.member(fault.target, (Kind.HOST,), f"{key}.target")


def _power_cycle(key: str, fault: PowerCycle, world: World) -> None:
    world.topology_host(fault.target, f"{key}.target")
    check_positive(f"{key}.for", fault.for_)


def _agent_crash(key: str, fault: AgentCrash, world: World) -> None:
    world.member(fault.target, (Kind.HOST, Kind.PROCS), f"{key}.target")


def _exhausted(key: str, fault: DescriptorsExhausted | ProcessesExhausted, world: World) -> None:
    world.starts_processes(fault.target, f"{key}.target")
    check_positive(f"{key}.for", fault.for_)


def _controller_exit(key: str, fault: ControllerExit, world: World) -> None:
    world.controlled(fault.target, f"{key}.target")


def _controller_kill(key: str, fault: ControllerKill, world: World) -> None:
    world.controlled(fault.target, f"{key}.target")
    _check_signal(f"{key}.signal", fault.signal)


def _of_controller(key: str, fault: ControllerRaises, world: World) -> None:
    world.controlled(fault.target, f"{key}.target")


def _controller_stall(key: str, fault: ControllerStall, world: World) -> None:
    world.controlled(fault.target, f"{key}.target")
    check_positive(f"{key}.for", fault.for_)


def _late_polls(key: str, fault: LatePolls, world: World) -> None:
    world.controlled(fault.target, f"{key}.target")
    check_positive(f"{key}.by", fault.by)


def _ends_otherwise(key: str, fault: IgnoresStop | CleanupFails, world: World) -> None:
    declared = world.actor(fault.target, f"{key}.target")
    if declared.actor_type == "RuntimeTestActor":
        raise ScenarioError(f"{key}.target", "expected an actor that does more than drills", value=fault.target)
    check_positive(f"{key}.for", getattr(fault, "for_", None))


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


def _of_clock(key: str, fault: ClockJump | ClockOffset | ClockDrift, world: World) -> None:
    world.member(fault.target, (Kind.HOST, Kind.CLIENT), f"{key}.target")
    if isinstance(fault, ClockJump) and not fault.by:
        raise ScenarioError(f"{key}.by", "expected a jump, forward or back", value=format_duration(fault.by))


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
    SlowStart: _slow_start,
    NeverReady: _at_start,
    SpawnRefused: _at_start,
    CoreDump: _core_dump,
    OutOfMemory: _of_process,
    CleanupFails: _ends_otherwise,
    IgnoresStop: _ends_otherwise,
    HostCrash: _of_host,
    PowerCycle: _power_cycle,
    AgentCrash: _agent_crash,
    DescriptorsExhausted: _exhausted,
    ProcessesExhausted: _exhausted,
    ControllerExit: _controller_exit,
    ControllerKill: _controller_kill,
    ControllerRaises: _of_controller,
    ControllerStall: _controller_stall,
    LatePolls: _late_polls,
    SubscriberGone: _subscriber_gone,
    Misreport: _misreport,
    AllocStop: _alloc_stop,
    AllocFail: _alloc_fail,
    Latency: check_link_fault,
    JitterFault: check_link_fault,
    Loss: check_link_fault,
    Duplication: check_link_fault,
    Reordering: check_link_fault,
    Partition: check_link_fault,
    DeliveryTimeout: check_link_fault,
    ClockJump: _of_clock,
    ClockOffset: _of_clock,
    ClockDrift: _of_clock,
}
