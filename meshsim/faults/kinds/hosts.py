"""Faults of hosts, and of the agents of hosts and procs."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.faults.kinds.base import FaultBase
from meshsim.units import Duration


class HostCrash(FaultBase, frozen=True, kw_only=True, tag="host_crash"):
    """The host's process is killed; the kernel's parent-death signal takes its procs."""

    #: False: its procs have given that signal up, and live on.
    pdeathsig: bool | UnsetType = UNSET


class AgentCrash(FaultBase, frozen=True, kw_only=True, tag="agent_crash"):
    """A handler of the agent of the target host or proc returns an error. Nobody is above it: its process ends."""

    #: What the error says.
    text: str = "injected agent error"


class PowerCycle(FaultBase, frozen=True, kw_only=True, tag="power_cycle"):
    """The host is killed as by `host_crash`, and started again after `for`: same name, same address, no memory."""

    #: How long it is off.
    for_: Duration = msgspec.field(name="for", default_factory=lambda: Duration(1_000_000_000))


class DescriptorsExhausted(FaultBase, frozen=True, kw_only=True, tag="descriptors_exhausted"):
    """The process of the target host may open nothing more (RLIMIT_NOFILE): it cannot start a proc.

    Connections that it has stay.
    """

    #: How long; to the end of the run when not given.
    for_: Duration | None = msgspec.field(name="for", default=None)


class ProcessesExhausted(FaultBase, frozen=True, kw_only=True, tag="processes_exhausted"):
    """The process of the target host may have no more processes (RLIMIT_NPROC): it cannot start a proc."""

    #: How long; to the end of the run when not given.
    for_: Duration | None = msgspec.field(name="for", default=None)
