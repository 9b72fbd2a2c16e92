"""Faults of hosts."""

from __future__ import annotations

from meshsim.faults.kinds.base import FaultBase


class HostCrash(FaultBase, frozen=True, kw_only=True, tag="host_crash"):
    """The host's process is killed; the kernel's parent-death signal takes its procs."""
