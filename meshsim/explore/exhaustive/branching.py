"""One case: run, judged, and what else it could have done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import msgspec

from meshsim.drive.backend import BackendError, NodeRaisedError
from meshsim.drive.conductor import Conductor
from meshsim.explore.exhaustive.alike import Alike, alike_of
from meshsim.explore.exhaustive.cases import Bounds, Case
from meshsim.explore.exhaustive.ties import WatchedOrder
from meshsim.explore.finding import Finding, findings_of
from meshsim.explore.running import LIMITS
from meshsim.explore.state import Renaming, digest_of, history, renamings_of, settled_digest
from meshsim.model.tags import tag_of
from meshsim.oracle.judge import judge
from meshsim.run.brief import brief_of
from meshsim.run.execute import given_up
from meshsim.run.limits import LimitedBackend
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend
from meshsim.trace.records import FaultMissed, Record
from meshsim.units import NS


class Branched(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a case."""

    #: A fault could not strike: what the run was without it is another case.
    missed: bool = False
    #: Why the run was broken off, if it was.
    broken_off: str = ""
    #: What is the same for every case of its class.
    class_: bytes = b""
    #: What is the same for every case that goes on alike: the states at the end of the instant of its last departure.
    state: tuple[bytes, ...] = ()
    #: And of later instants at which it could depart.
    states: tuple[bytes, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: What comes next, with one departure more: at the instant of the last one, and later.
    now: tuple[Case, ...] = ()
    later: tuple[Case, ...] = ()


class Brancher:
    """Runs cases of one plan."""

    def __init__(self, plan: Plan, bounds: Bounds) -> None:
        self._plan = plan
        self._bounds = bounds
        self._alike = alike_of(plan) if bounds.folded else Alike()
        self._renamings: tuple[Renaming, ...] = renamings_of(self._alike.groups)
        links = [link.latency for link in plan.network.links if link.latency is not None]
        #: What follows from anything reaches another node after this time at the earliest.
        self._latency_ns = min(int(plan.network.latency), *map(int, links)) if links else int(plan.network.latency)

    def run(self, case: Case) -> Branched:
        """Run a case in virtual time. Pure: the same case gives the same, whoever runs it."""
        plan = case.plan(self._plan)
        order = WatchedOrder(case.orders, self._bounds.window)
        with closing(SimBackend(program_of(plan))) as backend:
            undecided = msgspec.structs.replace(plan, decisions=self._plan.decisions)
            limited = LimitedBackend(backend, LIMITS)
            conductor = order.conductor = Conductor(undecided, limited, order)
            records = conductor.records
            limited.count_records = records.__len__
            settled: dict[int, tuple[bytes, ...]] = {}
            order.on_settled = lambda at_ns: settled.update({at_ns: self._states(case, conductor, backend, at_ns)})
            try:
                conductor.run()
            except NodeRaisedError as error:
                verdict = given_up(str(error), records, is_code=True)
            except BackendError as error:
                return Branched(broken_off=str(error))
            else:
                verdict = judge(brief_of(undecided), records)
        if _missed(plan, records):
            return Branched(missed=True)
        since_ns = case.since
        cases = list(self._next(case, order, records))
        return Branched(
            class_=digest_of(history(records, conductor.directory, timed=False), renamings=self._renamings),
            state=settled.pop(since_ns, ()),
            states=tuple(key for keys in settled.values() for key in keys),
            findings=tuple(findings_of(plan, records, verdict)),
            now=tuple(each for each in cases if each.since == since_ns),
            later=tuple(each for each in cases if each.since > since_ns),
        )

    def _states(self, case: Case, conductor: Conductor, backend: SimBackend, at_ns: int) -> tuple[bytes, ...]:
        """The state at the end of an instant, seen in both ways. How long a fault lasts is not in the trace."""
        if at_ns < case.since:
            return ()
        faults = [str(msgspec.structs.replace(fault, target="", at=None)) for fault in case.faults]
        taken = history(conductor.records, conductor.directory, timed=True)
        by_history = digest_of(taken, faults, self._renamings)
        if not self._bounds.settled:
            return (by_history,)
        return by_history, settled_digest(conductor, backend.nodes, faults)

    # --- what else it could have done ----------------------------------------------------------------------

    def _next(self, case: Case, order: WatchedOrder, records: Sequence[Record]) -> Iterator[Case]:
        yield from self._other_orders(case, order, records)
        if len(case.faults) < self._bounds.at_most:
            yield from self._more_faults(case, order, records)

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

    def _more_faults(self, case: Case, order: WatchedOrder, records: Sequence[Record]) -> Iterator[Case]:
        """Faults behind the last departure, in every gap. An order that ranks came in tells them apart as well."""
        touched = [fault.target for fault in case.faults]
        ties = [tie for tie in order.ties if tie.others(all_=False)]
        since_ns, is_tie = case.since, case.ends_in_tie
        for at_ns in self._times(records):
            if at_ns > since_ns or (at_ns == since_ns and not is_tie):
                came = [label for tie in ties if tie.at_ns < at_ns for label in tie.labels]
                for fault in self._bounds.menu:
                    if self._alike.is_first(fault, [*touched, *came]):
                        yield case.placing(fault, at_ns)

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
        return [at_ns for at_ns in dict.fromkeys(times) if begin_ns <= at_ns < end_ns]


def _missed(plan: Plan, records: Sequence[Record]) -> bool:
    """Whether a fault could not strike. The end of one that lasts may come too late, that is no matter."""
    missed = [record.what for record in records if isinstance(record.what, FaultMissed)]
    return any(each.kind == tag_of(plan.faults[each.index]) for each in missed)
