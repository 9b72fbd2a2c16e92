"""The wall clocks of a run: one for each machine, which all processes on it read.

A machine is a host or a client; what a client or an allocator started runs on the machine of the one that started it.
"""

from __future__ import annotations

from msgspec import UNSET

from meshsim.faults.kinds import ClockDrift, ClockJump, ClockOffset
from meshsim.model.ids import Node, name_of_host
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock
from meshsim.scenario.plan import Plan

ClockFault = ClockJump | ClockOffset | ClockDrift


def machine_of(node: Node) -> Node:
    """The machine that a process runs on: nodes are named by their parents, and a host or a client has none.

    A host that came back is on the machine that it was on.
    """
    return Node(name_of_host(node.partition("/")[0]))


def clock_after(fault: ClockFault, clock: WallClock, now_ns: int) -> WallClock:
    """What a clock is when this fault has struck it now."""
    ahead_ns, drift_ppb = clock.ahead_ns(now_ns), clock.drift_ppb
    match fault:
        case ClockJump(by=by):
            ahead_ns += int(by)
        case ClockOffset(offset=offset):
            ahead_ns = int(offset)
        case ClockDrift(drift=drift):
            drift_ppb = int(drift)
    return WallClock(ahead_ns, drift_ppb, now_ns if drift_ppb else 0)


class Clocks:
    """What every machine's wall clock shows."""

    def __init__(self, plan: Plan) -> None:
        drifts = {} if plan.clock_drifts is UNSET else plan.clock_drifts
        self._clocks = {
            Node(machine): WallClock(int(plan.clocks.get(machine, 0)), int(drifts.get(machine, 0)))
            for machine in {**plan.clocks, **drifts}
        }

    def of(self, node: Node) -> WallClock:
        """The clock of the machine that a process runs on."""
        return self._clocks.get(machine_of(node), TRUE_CLOCK)

    def set(self, machine: Node, clock: WallClock) -> None:
        """The machine has another clock from now on."""
        self._clocks[machine] = clock
