"""One case: run, judged, and what else it could have done."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

import msgspec

from meshsim.drive.backend import BackendError, NodeRaisedError
from meshsim.drive.world import World
from meshsim.explore.exhaustive.alike import Alike, alike_of
from meshsim.explore.exhaustive.cases import Bounds, Case
from meshsim.explore.exhaustive.commuting import Commuting, Trials
from meshsim.explore.exhaustive.striking import Targets
from meshsim.explore.exhaustive.ties import WatchedOrder
from meshsim.explore.exhaustive.timeless import Beginning
from meshsim.explore.exhaustive.trunk import Trunk
from meshsim.explore.exhaustive.watching import EnoughError, Watch
from meshsim.explore.finding import Finding, findings_of
from meshsim.explore.running import LIMITS
from meshsim.explore.state import Renaming, digest_of, history, renamings_of
from meshsim.model.config import Config
from meshsim.oracle.judge import judge
from meshsim.run.brief import brief_of
from meshsim.run.execute import given_up
from meshsim.run.limits import Limits
from meshsim.scenario.plan import Plan
from meshsim.trace.directory import Directory
from meshsim.trace.records import Record
from meshsim.units import NS


class Branched(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a case."""

    #: A fault could not strike: what the run was without it is another case.
    missed: bool = False
    #: Why the run was broken off, if it was.
    broken_off: str = ""
    #: What is the same for every case of its class; empty when its end is known, as another case had the same.
    class_: bytes = b""
    #: At instants behind its last departure, what is the same for every case that goes on alike.
    states: tuple[tuple[int, bytes], ...] = ()
    findings: tuple[Finding, ...] = ()
    #: What comes next, with one departure more.
    cases: tuple[Case, ...] = ()


class Brancher:
    """Runs cases of one plan."""

    def __init__(self, plan: Plan, bounds: Bounds, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self._plan = plan
        self._bounds = bounds
        self._alike = alike_of(plan) if bounds.folded else Alike()
        self._renamings: tuple[Renaming, ...] = renamings_of(self._alike.groups)
        self._beginning = Beginning()
        self._trials = Trials()
        self._trunk = Trunk(plan, bounds, limits)
        self._ack_ns = Config.of(plan.config, plan.quirks_off).message_ack_time_interval
        links = [link.latency for link in plan.network.links if link.latency is not None]
        #: What follows from anything reaches another node after this time at the earliest.
        self._latency_ns = min(int(plan.network.latency), *map(int, links)) if links else int(plan.network.latency)

    def run(self, case: Case, seen: Container[bytes] = frozenset()) -> Branched:
        """Run a case in virtual time. Pure: the same case gives the same, whoever runs it.

        It is broken off in a state that was `seen`: another case went on from there.
        """
        plan = case.plan(self._plan)
        order = WatchedOrder(case.orders, self._bounds.window)
        undecided = msgspec.structs.replace(plan, decisions=self._plan.decisions)
        run = self._trunk.run_of(undecided)
        conductor = order.conductor = run.conductor
        conductor.decide(order)
        records = conductor.records
        if self._bounds.settled:
            order.indifferent = Commuting(conductor, run.backend, self._trials).among
        watch = Watch(case, self._bounds, self._latency_ns, self._renamings, seen)
        watch.begin(plan, conductor, run.backend, order, self._beginning)
        try:
            run.carry_out()
        except EnoughError:
            verdict = judge(brief_of(undecided), records) if watch.is_settled else None
        except NodeRaisedError as error:
            verdict = given_up(str(error), records, is_code=True)
        except BackendError as error:
            return Branched(broken_off=str(error))
        else:
            verdict = judge(brief_of(undecided), records)
        if watch.missed:
            return Branched(missed=True)
        cases = tuple(each for each in self._next(case, order, conductor) if each.since <= watch.until_ns)
        class_ = b""
        if not watch.is_broken_off:
            class_ = digest_of(history(records, conductor.directory, timed=False), renamings=self._renamings)
        findings = () if verdict is None else tuple(findings_of(plan, records, verdict))
        return Branched(class_=class_, states=tuple(watch.states), findings=findings, cases=cases)

    # --- what else it could have done ----------------------------------------------------------------------

    def _next(self, case: Case, order: WatchedOrder, world: World) -> Iterator[Case]:
        yield from self._other_orders(case, order, world.records)
        if len(case.faults) < self._bounds.at_most:
            yield from self._more_faults(case, order, world.records, world.directory)

    def _other_orders(self, case: Case, order: WatchedOrder, records: Sequence[Record]) -> Iterator[Case]:
        """Ties behind the last departure; at an instant where all depends on all, those before it as well."""
        since_ns = case.since
        entangled = order.entangled(records)
        for tie in order.ties:
            is_entangled = tie.at_ns in entangled
            is_new = tie.decided == len(case.orders)
            if tie.at_ns >= since_ns and (is_new or is_entangled):
                for other in tie.others(all_=is_entangled or not self._latency_ns):
                    yield case.ordering((*case.orders[: tie.decided], other))

    def _more_faults(
        self, case: Case, order: WatchedOrder, records: Sequence[Record], directory: Directory
    ) -> Iterator[Case]:
        """Faults behind the last departure, in every gap. An order that ranks came in tells them apart as well."""
        touched = [fault.target for fault in case.faults]
        ties = [tie for tie in order.ties if tie.has_order]
        since_ns, is_tie = case.since, case.ends_in_tie
        gaps, targets = self._times(records), Targets(directory, records, self._ack_ns)
        for fault in self._bounds.menu:
            first_ns, last_ns = since_ns + is_tie, targets.gone_since(fault)
            for at_ns in sorted({*gaps, *targets.acknowledged_at(fault)}):
                if not (self._is_in_window(at_ns) and first_ns <= at_ns <= last_ns):
                    continue
                came = [label for tie in ties if tie.at_ns < at_ns for label in tie.labels]
                if self._alike.is_first(fault, [*touched, *came]):
                    yield case.placing(fault, at_ns)

    def _is_in_window(self, at_ns: int) -> bool:
        begin_ns, end_ns = self._bounds.window
        return begin_ns <= at_ns < end_ns

    def _times(self, records: Sequence[Record]) -> list[int]:
        """One time for each gap, right before what is due at its end; at its beginning too, if it is long.

        At its beginning alone, if its end is outside the window.
        """
        begin_ns, end_ns = self._bounds.window
        instants = sorted({begin_ns - NS, *(record.at for record in records if record.at >= begin_ns)})
        times: list[int] = []
        for before_ns, next_ns in zip(instants, [*instants[1:], records[-1].at], strict=True):
            if next_ns - before_ns > self._latency_ns or next_ns >= end_ns:
                times.append(before_ns + NS)
            times.append(next_ns)
        return times
