"""What each node of a recording began with: the plan, what its parent asked for, and the clock of its machine."""

from __future__ import annotations

from meshsim.drive.boots import allocated_boot, proc_boot, root_boot
from meshsim.drive.clocks import ClockFault, Clocks, clock_after, machine_of
from meshsim.model.boot import NodeBoot
from meshsim.model.commands import NodeCommand, SpawnAllocated, SpawnProcess, StartHost
from meshsim.model.ids import Node
from meshsim.model.wall_clock import WallClock
from meshsim.run.replaying.recording import Recording
from meshsim.scenario.plan import Plan
from meshsim.trace.records import FaultStruck, ProcessStarted


class NotBootedError(Exception):
    """The recording does not account for a node; the text says why."""


class Boots:
    """The boots of one recording."""

    def __init__(self, plan: Plan, recording: Recording) -> None:
        self._plan = plan
        self._recording = recording
        #: By machine: its clock from a record on, oldest first.
        self._clocks: dict[Node, list[tuple[int, WallClock]]] = {}
        clocks = Clocks(plan)
        for record in recording.records:
            if not isinstance(record.what, FaultStruck) or not 0 <= record.what.index < len(plan.faults):
                continue
            fault = plan.faults[record.what.index]
            if isinstance(fault, ClockFault):
                machine = Node(record.what.target)
                clock = clock_after(fault, clocks.of(machine), record.at)
                clocks.set(machine, clock)
                self._clocks.setdefault(machine, []).append((record.seq, clock))

    def of(self, node: Node) -> NodeBoot:
        """What a node began with.

        Raises:
            NotBootedError: it was never started, or nobody asked for it.
        """
        found = self._recording.started.get(node)
        if found is None:
            raise NotBootedError("it took something and was never started")
        started = found.what
        assert isinstance(started, ProcessStarted)
        if not started.parent:
            return root_boot(self._plan, node, started.kind, self._clock(node, found.seq))
        parent = Node(started.parent)
        for command in self._recording.asked_for.get((parent, found.cause), ()):
            if not _starts(command, node, started):
                continue
            match command:
                case StartHost():
                    return root_boot(self._plan, node, "host", self._clock(node, found.seq))
                case SpawnAllocated():
                    return allocated_boot(self._plan, node, command, self._clock(parent, found.seq))
                case SpawnProcess():
                    return proc_boot(self._plan, parent, node, command, self._clock(parent, found.seq))
        raise NotBootedError(f"it was started, and {parent} had not asked for it")

    def _clock(self, node: Node, seq: int) -> WallClock:
        """The clock of a node's machine when this was recorded."""
        set_before = [clock for at, clock in self._clocks.get(machine_of(node), ()) if at < seq]
        return set_before[-1] if set_before else Clocks(self._plan).of(node)


def _starts(command: NodeCommand, node: Node, started: ProcessStarted) -> bool:
    """Whether this command had this process started."""
    match command:
        case StartHost(host=host):
            return started.kind == "host" and host == node
        case SpawnAllocated(name=name):
            return started.kind == "allocated" and name == started.name
        case SpawnProcess(name=name):
            return started.kind == "proc" and name == started.name
        case _:
            return False
