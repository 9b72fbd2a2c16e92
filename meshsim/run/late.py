"""What a plan may come to when things are late: simulated again and again, as late as a run on the wall clock was.

Each simulation takes its latenesses from those that were measured in the run: now those of the very things that were
late, now those of anything at about that time. So what is due at one instant, and what comes close to something else,
comes in many orders, among them those of a machine as busy as this one was.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from random import Random

import msgspec
from msgspec import UNSET

from meshsim.drive.backend import NodeRaisedError
from meshsim.drive.timing import Timing
from meshsim.model.commands import SetTimer
from meshsim.model.events import Event, TimerFired
from meshsim.model.ids import ActorId, Node
from meshsim.model.messages import Envelope
from meshsim.model.notes import NOTE_TYPES
from meshsim.model.tags import tag_of
from meshsim.oracle.equivalence import Account, account_of
from meshsim.oracle.judge import judge
from meshsim.run.brief import brief_of
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.scenario.streams import stream
from meshsim.sim.late import LateConductor
from meshsim.trace.records import ProcessStarted, Record
from meshsim.units import Duration

#: How many measurements before and after a moment stand for it. Chosen here: a machine is busy for a while.
_AROUND = 12
#: How often something is as late as anything was at any time, in one kind of simulation. Chosen here.
_RARE = 0.02

#: Which thing it was that came late: the node, what it took, from whom or which timer, and the how many-th of these.
_Which = tuple[Node, str, str, int]


class Measured(msgspec.Struct, frozen=True):
    """Latenesses of one kind, nanoseconds of virtual time, in order of time."""

    at_ns: tuple[int, ...]
    late_ns: tuple[int, ...]
    of: dict[_Which, int]

    @classmethod
    def of_all(cls, found: list[tuple[int, int, _Which]], others: Mapping[_Which, int] | None = None) -> Measured:
        """`others` were not measured: they stand for themselves alone."""
        found.sort(key=lambda each: each[0])
        return cls(
            at_ns=tuple(at for at, _, _ in found),
            late_ns=tuple(late for _, late, _ in found),
            of={**(others or {}), **{which: late for _, late, which in found}},
        )

    def about(self, now_ns: int, luck: Random) -> int:
        """One that was measured at about this time."""
        if not self.late_ns:
            return 0
        place = bisect(self.at_ns, now_ns)
        return self.late_ns[luck.randrange(max(0, place - _AROUND), min(len(self.late_ns), place + _AROUND))]


class Latenesses(msgspec.Struct, frozen=True):
    """Those of one run."""

    #: What nodes took, after it was handed to them; their timers, after they were due.
    taking: Measured
    #: What became known of what nodes took, after they took it.
    reporting: Measured
    #: Of faults, timers, nodes and the router: the worst.
    worst_ns: int


def latenesses(plan: Plan, records: Sequence[Record], timing: Timing) -> Latenesses:
    """What was measured in a run. How late bring-up was over is not in it: that is a sum."""
    worst = {kind: late.worst_ns for kind, late in timing.late.items() if kind != "bring_up"}
    # What the router hands over late is late for two reasons; what is later yet was for a process that was stopped.
    most_ns = worst.get("node", 0) + worst.get("router", 0)
    known_ns = _known(plan, records)
    count: Counter[tuple[Node, str, str]] = Counter()
    taking: list[tuple[int, int, _Which]] = []
    reporting: list[tuple[int, int, _Which]] = []
    #: What nobody knows to have been late, as nothing followed from it; it must not delay what follows from others.
    silent: dict[_Which, int] = {}
    due_ns: dict[tuple[Node, ActorId, str], int] = {}
    turns = _Turns()
    for taken in timing.inputs:
        record = records[taken.record]
        kind = _kind(taken.node, record.what)
        count[kind] += 1
        which = (*kind, count[kind])
        if isinstance(record.what, TimerFired):
            planned_ns = due_ns.pop((taken.node, record.what.actor, record.what.key), taken.at_ns)
            reported_ns: int | None = record.at
        else:
            planned_ns = record.at
            if isinstance(record.what, ProcessStarted) and record.what.parent:
                planned_ns += int(plan.network.spawn)
            reported_ns = known_ns.get(taken.record)
        if reported_ns is None:
            silent[which] = 0
        else:
            late_ns = max(0, reported_ns - taken.at_ns) + turns.next(reported_ns, taken.node)
            reporting.append((record.at, late_ns, which))
        if taken.at_ns - planned_ns <= most_ns:
            taking.append((record.at, max(0, taken.at_ns - planned_ns), which))
        for output in () if taken.outputs is UNSET else taken.outputs:
            if isinstance(output, SetTimer):
                due_ns[taken.node, output.actor, output.key] = taken.at_ns + output.after_ns
    never = dict.fromkeys(_untaken(records, timing, count), int(plan.horizon))
    return Latenesses(
        taking=Measured.of_all(taking, never),
        reporting=Measured.of_all(reporting, silent),
        worst_ns=max(worst.values(), default=0),
    )


class _Turns:
    """Which node was heard first of those that were heard at one instant: a nanosecond for each one before it."""

    def __init__(self) -> None:
        self._at_ns = -1
        self._node = Node("")
        self._turn = 0

    def next(self, at_ns: int, node: Node) -> int:
        if at_ns != self._at_ns:
            self._turn = 0
        elif node != self._node:
            self._turn += 1
        self._at_ns, self._node = at_ns, node
        return self._turn


def _untaken(records: Sequence[Record], timing: Timing, count: Counter[tuple[Node, str, str]]) -> Iterator[_Which]:
    """What was handed to nodes and not known to be taken when they died or the run ended.

    `count` is how much they took of each kind.
    """
    taken = {each.record for each in timing.inputs}
    for record in records if taken else ():
        if record.seq not in taken and isinstance(record.what, Envelope | ProcessStarted):
            kind = _kind(Node(record.node), record.what)
            count[kind] += 1
            yield (*kind, count[kind])


def _known(plan: Plan, records: Sequence[Record]) -> dict[int, int]:
    """When the first thing that a node asked for was known, by the record of what it had taken."""
    latency_ns = int(plan.network.latency)
    known: dict[int, int] = {}
    for record in records:
        if type(record.what) in NOTE_TYPES:
            at_ns = record.at
        elif isinstance(record.what, Envelope):
            at_ns = max(records[record.cause].at, record.at - latency_ns) if record.cause >= 0 else record.at
        else:
            continue
        known[record.cause] = min(at_ns, known.get(record.cause, at_ns))
    return known


def _kind(node: Node, what: object) -> tuple[Node, str, str]:
    """What a node takes, as it can be found again in another run of the plan."""
    match what:
        case Envelope(sender=sender, message=message):
            return node, tag_of(message), sender
        case TimerFired(actor=actor, key=key):
            return node, key, actor
        case _:
            return node, "", ""


class _Drawn:
    """The latenesses of one simulation: of the very same thing, or of one at about that time, or of any at all."""

    def __init__(self, luck: Random, late: Latenesses, number: int) -> None:
        self._luck = luck
        self._late = late
        self._is_faithful = number % 2 == 0
        #: How often what was measured is not what is taken, by a thousandth part.
        self._unlike = (0, 20, 200)[number // 2 % 3]
        self._is_disturbed = number % 4 == 3
        self._count: dict[str, Counter[tuple[Node, str, str]]] = {"take": Counter(), "report": Counter()}

    def take(self, node: Node, event: Event, now_ns: int) -> int:
        return self._of(self._late.taking, "take", node, event, now_ns)

    def report(self, node: Node, event: Event, now_ns: int) -> int:
        return self._of(self._late.reporting, "report", node, event, now_ns)

    def _of(self, measured: Measured, what: str, node: Node, event: Event, now_ns: int) -> int:
        luck = self._luck
        if self._is_disturbed and luck.random() < _RARE:
            return luck.randrange(self._late.worst_ns + 1)
        if self._is_faithful and luck.randrange(1000) >= self._unlike:
            kind = _kind(node, event)
            count = self._count[what]
            count[kind] += 1
            late_ns = measured.of.get((*kind, count[kind]))
            if late_ns is not None:
                return late_ns
        return measured.about(now_ns, luck)


def late_account(plan: Plan, late: Latenesses, number: int) -> Account:
    """What simulation `number` of this plan tells, in which things are as late as they were."""
    records = late_records(plan, late, number)
    return account_of(records, judge(brief_of(plan), records))


def late_records(plan: Plan, late: Latenesses, number: int) -> list[Record]:
    """Its trace; up to where code of a node raises, if it does."""
    luck = stream(plan.seed, "late", number)
    conductor = LateConductor(_shifted(plan, luck, late, number), program_of(plan), _Drawn(luck, late, number))
    with suppress(NodeRaisedError):
        conductor.run()
    return conductor.records


def _shifted(plan: Plan, luck: Random, late: Latenesses, number: int) -> Plan:
    """The plan with faults that strike late."""
    if number % 2 == 0:
        return plan
    faults = tuple(
        fault
        if fault.at is None
        else msgspec.structs.replace(fault, at=Duration(fault.at + int(late.worst_ns * luck.random() ** 4)))
        for fault in plan.faults
    )
    return msgspec.structs.replace(plan, faults=faults)
