"""Faults of hosts, and of the agents of hosts and procs."""

from __future__ import annotations

import signal
from collections.abc import Callable

from meshsim.drive.backend import Resource
from meshsim.drive.strikes.base import MissedError, Strike
from meshsim.faults.kinds import (
    AgentCrash,
    DescriptorsExhausted,
    HostCrash,
    PowerCycle,
    ProcessesExhausted,
)
from meshsim.model.ids import Node
from meshsim.model.messages import HandlerFails


def _host_crash(strike: Strike, fault: HostCrash) -> None:
    host = strike.process(fault.target)
    if fault.pdeathsig is not False:
        strike.send_signal(host, int(signal.SIGKILL))
        return
    children = _living_children(strike, host)
    seq = strike.struck(host, "SIGKILL, and no parent-death signal")
    for child in children:
        strike.world.processes.leave_parent(child, seq)
    strike.world.processes.signal(host, int(signal.SIGKILL), seq)


def _power_cycle(strike: Strike, fault: PowerCycle) -> None:
    strike.send_signal(strike.process(fault.target), int(signal.SIGKILL))


def _power_on(strike: Strike, fault: PowerCycle) -> None:
    former = strike.world.directory.node(fault.target)
    if former is None or not strike.world.processes.is_gone(former):
        raise MissedError(f"{fault.target} is not off")
    strike.world.processes.restart(former, strike.struck(former))


def _living_children(strike: Strike, host: Node) -> list[Node]:
    """Those who have a parent-death signal to give up. They do it themselves, so all of them must run."""
    processes = strike.world.processes
    children = [child for child in processes.table.processes[host].children if not processes.is_gone(child)]
    return [strike.running(child, "give up its parent-death signal") for child in children]


def _agent_crash(strike: Strike, fault: AgentCrash) -> None:
    strike.tell(strike.actor(fault.target), HandlerFails(fault.text), fault.text)


def _descriptors_exhausted(strike: Strike, fault: DescriptorsExhausted) -> None:
    _limit(strike, "descriptors", on=True)


def _descriptors_back(strike: Strike, fault: DescriptorsExhausted) -> None:
    _limit(strike, "descriptors", on=False)


def _processes_exhausted(strike: Strike, fault: ProcessesExhausted) -> None:
    _limit(strike, "processes", on=True)


def _processes_back(strike: Strike, fault: ProcessesExhausted) -> None:
    _limit(strike, "processes", on=False)


def _limit(strike: Strike, resource: Resource, *, on: bool) -> None:
    host = strike.running(strike.process(strike.fault.target), "change its limits")
    if not on and not strike.world.processes.is_limited(host, resource):
        raise MissedError(f"{strike.fault.target} has come back without that limit")
    strike.struck(host)
    strike.world.processes.limit(host, resource, on=on)


STRIKES: dict[type, Callable[..., None]] = {
    HostCrash: _host_crash,
    PowerCycle: _power_cycle,
    AgentCrash: _agent_crash,
    DescriptorsExhausted: _descriptors_exhausted,
    ProcessesExhausted: _processes_exhausted,
}

ENDS: dict[type, tuple[str, Callable[..., None]]] = {
    PowerCycle: ("power_on", _power_on),
    DescriptorsExhausted: ("descriptors_back", _descriptors_back),
    ProcessesExhausted: ("processes_back", _processes_back),
}
