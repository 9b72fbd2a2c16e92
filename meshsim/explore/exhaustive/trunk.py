"""What all cases of a plan have in common: the run up to the window, which is brought there once."""

from __future__ import annotations

from typing import NamedTuple

from meshsim.drive.backend import BackendError
from meshsim.drive.processes import AbandonedError
from meshsim.explore.exhaustive.cases import Bounds
from meshsim.explore.exhaustive.watching import WatchedBackend, WatchedConductor
from meshsim.explore.forking import UNCOPYABLE, Checkpoint, begin, strike_later
from meshsim.faults.kinds import DeliveryTimeout, Partition
from meshsim.run.limits import LimitedBackend, Limits
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan


class Run(NamedTuple):
    """One run: at the beginning of the window, or before it has begun."""

    conductor: WatchedConductor
    limited: LimitedBackend
    backend: WatchedBackend

    def carry_out(self) -> None:
        """To its end."""
        if self.conductor.records:
            self.conductor.go_on()
        else:
            self.conductor.run()


class Trunk:
    """Makes runs of the cases of one plan."""

    def __init__(self, plan: Plan, bounds: Bounds, limits: Limits) -> None:
        self._plan = plan
        self._bounds = bounds
        self._limits = limits
        self._is_looked_for = False
        self._checkpoint: Checkpoint[Run] | None = None

    def run_of(self, plan: Plan) -> Run:
        """A run of the plan with the faults of a case."""
        if not self._is_looked_for:
            self._is_looked_for = True
            self._checkpoint = self._reached()
        if self._checkpoint is None:
            return self._new(plan)
        run = self._checkpoint.resumed()
        run.limited.begin_anew()
        strike_later(run.conductor, plan)
        return run

    def _new(self, plan: Plan) -> Run:
        backend = WatchedBackend(program_of(plan))
        limited = LimitedBackend(backend, self._limits)
        conductor = WatchedConductor(plan, limited)
        conductor.decide(None)
        limited.count_records = conductor.records.__len__
        return Run(conductor, limited, backend)

    def _reached(self) -> Checkpoint[Run] | None:
        """None if the window begins with the run, or nothing gets there, or not in a state that can be copied."""
        begin_ns, _ = self._bounds.window
        if begin_ns <= 0:
            return None
        run = self._new(self._plan)
        if any(isinstance(fault, Partition | DeliveryTimeout) for fault in self._bounds.menu):
            run.conductor.post.expect_cuts()
        try:
            begin(run.conductor)
            run.conductor.env.run(until=begin_ns)
            return Checkpoint(run, run.conductor, run.backend)
        except (BackendError, AbandonedError, *UNCOPYABLE):
            return None  # Each case comes to it by itself, and says what it is.
