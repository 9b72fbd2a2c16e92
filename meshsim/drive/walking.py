"""SimPy processes that walk the steps of a plan, and have a stage ask for each when it is time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meshsim.drive.script import Script

if TYPE_CHECKING:
    import simpy

    from meshsim.drive.stage import Stage
    from meshsim.scenario.plan import Step


class InTurn(Script):
    """What has no time begins when what is written before it is over, whether that has a time or not."""

    def __init__(self, stage: Stage, steps: Sequence[Step]) -> None:
        self._stage = stage
        self._steps = steps
        #: Which step is next, and the end of the one before.
        self._next = 0
        self._before: simpy.Event | None = None

    def advance(self) -> simpy.Event | None:
        stage = self._stage
        while self._next < len(self._steps):
            step = self._steps[self._next]
            is_set_up = not step.bring_up and not stage.ready.triggered
            is_in_turn = step.operation.at is None
            if (is_set_up or is_in_turn) and self._is_behind:
                return self._before
            if is_set_up:
                stage.ready.succeed()
            if is_in_turn:
                stage.ask(step)
            self._before = stage.end_of(step)
            self._next += 1
        if not stage.ready.triggered:
            if self._is_behind:
                return self._before
            stage.ready.succeed()
        return None

    @property
    def _is_behind(self) -> bool:
        """Whether the step before is not over."""
        return self._before is not None and not self._before.processed


class AtItsTime(Script):
    """What has a time begins then, but not before everything is set up."""

    def __init__(self, stage: Stage, step: Step) -> None:
        self._stage = stage
        self._step = step

    def advance(self) -> simpy.Event | None:
        if not self._stage.ready.triggered:
            return self._stage.ready
        self._stage.ask(self._step)
        return None
