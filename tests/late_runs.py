"""Late simulations that measure themselves, in place of live runs: as late as told, and the same every time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from meshsim.drive.timing import Input, Late, Timing
from meshsim.model.actors.registry import default_program
from meshsim.model.commands import NodeCommand, SetTimer
from meshsim.model.events import Event, TimerFired
from meshsim.model.ids import Node
from meshsim.scenario.plan import Plan
from meshsim.sim.late import LateConductor


class By:
    """As late as a function says, whatever it is."""

    def __init__(self, late_ns: Callable[[], int]) -> None:
        self._late_ns = late_ns

    def take(self, node: Node, event: Event, now_ns: int) -> int:
        return self._late_ns()

    def report(self, node: Node, event: Event, now_ns: int) -> int:
        return self._late_ns()


class Recorded(LateConductor):
    """Keeps what its nodes took, when, and which timers they set then, as a live run does."""

    def __init__(self, plan: Plan, late_ns: Callable[[], int]) -> None:
        super().__init__(plan, default_program(), By(late_ns))
        self.inputs: list[Input] = []
        self._set: list[SetTimer] = []
        self._taken: dict[Node, deque[tuple[int, tuple[SetTimer, ...]]]] = {}

    def _take(self, node: Node, event: Event, seq: int) -> None:
        self._set = []
        known = len(self._reports.get(node, ()))
        super()._take(node, event, seq)
        if len(self._reports.get(node, ())) > known:
            self._taken.setdefault(node, deque()).append((self.now_ns, tuple(self._set)))

    def _carry_out(self, node: Node, command: NodeCommand, cause: int) -> None:
        if isinstance(command, SetTimer):
            self._set.append(command)
        super()._carry_out(node, command, cause)

    def _report(self, node: Node) -> None:
        if self._reports[node]:
            event, seq, _ = self._reports[node][0]
            at_ns, outputs = self._taken[node].popleft()
            number = len(self.records) if isinstance(event, TimerFired) else seq
            self.inputs.append(Input(node, number, at_ns, outputs=outputs))
        super()._report(node)


def recorded(plan: Plan, late_ns: int | Callable[[], int]) -> Recorded:
    conductor = Recorded(plan, late_ns if callable(late_ns) else lambda: late_ns)
    conductor.run()
    return conductor


def timing(late_ns: int, inputs: Sequence[Input] = ()) -> Timing:
    return Timing(1.0, {"node": Late(3, 0, late_ns, "some node")}, list(inputs))
