"""Faults of wall clocks. The target is a host or a client: every process on its machine reads the same clock.

Timers are monotonic, and none of these moves them.
"""

from __future__ import annotations

from meshsim.faults.kinds.base import FaultBase
from meshsim.units import Drift, Shift


class ClockJump(FaultBase, frozen=True, kw_only=True, tag="clock_jump"):
    """The wall clock of the target's machine is moved by this much, back with a minus."""

    #: How far.
    by: Shift


class ClockOffset(FaultBase, frozen=True, kw_only=True, tag="clock_offset"):
    """The wall clock of the target's machine is set: so far ahead of virtual time, behind with a minus."""

    #: How far ahead.
    offset: Shift


class ClockDrift(FaultBase, frozen=True, kw_only=True, tag="clock_drift"):
    """The wall clock of the target's machine gains this much from now on, or loses with a minus; `0s/s` ends it."""

    #: How much in a second.
    drift: Drift
