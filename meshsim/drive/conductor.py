"""The conductor: runs one plan on one backend from its first record to its last.

It brings up hosts and clients, starts the SimPy processes that walk the plan's operations (`meshsim.drive.stage`) and
faults (`meshsim.drive.injector`), and lets time pass to the horizon. Everything that happens in between is the world's
(`meshsim.drive.world`).
"""

from __future__ import annotations

from meshsim.drive.injector import inject
from meshsim.drive.processes import AbandonedError
from meshsim.drive.stage import Stage
from meshsim.drive.timing import Timing
from meshsim.drive.world import World
from meshsim.model.ids import Node
from meshsim.scenario.plan import plan_digest
from meshsim.trace.records import NO_CAUSE, TRACE_SCHEMA, WORLD, InFlight, RunEnded, RunStarted


class Conductor(World):
    """One run of one plan on one backend."""

    def run(self) -> None:
        """Run to the horizon. The trace is in `records` afterwards, whatever happened.

        Raises:
            BackendError: the machine could not do what the run asked.
        """
        try:
            self.begin()
        except AbandonedError:
            self._finish("kernel_disagreed")
        else:
            self.go_on()

    def go_on(self) -> None:
        """Run to the horizon from the present instant, as `run` would."""
        why = "horizon"
        try:
            self._pass_time(int(self.plan.horizon))
            self.processes.check_all()
        except AbandonedError:
            why = "kernel_disagreed"
        self._finish(why)

    def begin(self) -> None:
        """All that a run begins with, before any time has passed."""
        plan = self.plan
        self.record(WORLD, NO_CAUSE, RunStarted(TRACE_SCHEMA, plan.scenario, plan.seed, plan_digest(plan)))
        for host in plan.hosts:
            self.processes.start(Node(host), "host")
        for client in plan.clients:
            self.processes.start(Node(client), "client")
        Stage(self).begin()
        inject(self)

    def timing(self) -> Timing | None:
        """How late things were; None in virtual time, where nothing is."""
        return None

    def _pass_time(self, until_ns: int) -> None:
        """Let time pass to the horizon."""
        self.env.run(until=until_ns)

    def _finish(self, why: str) -> None:
        for node, cause, envelope in list(self.post.under_way()):
            self.record(node, cause, InFlight(envelope))
        self.record(WORLD, NO_CAUSE, RunEnded(why, tuple(self.table.alive())))
