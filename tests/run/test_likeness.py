"""Which differences between a live run and `sim` are none, which nobody can tell, and which are red."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from late_runs import recorded, timing
from small_worlds import at, mesh

from meshsim.drive.timing import Late, Timing
from meshsim.faults.kinds import Signal
from meshsim.model.messages import Envelope
from meshsim.model.notes import ActorStatusChanged, Heard
from meshsim.oracle.judge import judge
from meshsim.run import brief_of
from meshsim.run.likeness import Likeness, Reference
from meshsim.scenario.plan import Plan
from meshsim.trace.records import FaultStruck, ProcessReaped, Record
from meshsim.units import MS, S

#: A worker is killed between two polls, which come every 2 s, far from both and from the end.
KILLED = mesh(horizon_s=8, faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(3))])


def likeness(plan: Plan, records: list[Record], measured: Timing) -> Likeness:
    return Reference(plan).likeness(records, judge(brief_of(plan), records), measured)


def test_a_late_run_that_tells_the_same_is_equivalent_however_late() -> None:
    run = recorded(KILLED, 10 * MS)

    assert likeness(KILLED, run.records, timing(90 * S)) == Likeness("equivalent", "sim")


def test_what_lateness_brings_about_is_allowed() -> None:
    """Each poll begins later than in `sim`; the last one comes after the end, so that a notice is missing."""
    plan = mesh(horizon_s=8.1, faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(3))])
    run = recorded(plan, 20 * MS)

    result = likeness(plan, run.records, timing(20 * MS, run.inputs))

    assert (result.outcome, result.like) == ("equivalent", "late")
    assert result.outcomes > 1


def without_notice(records: list[Record]) -> list[Record]:
    """The node says nothing; numbers stay what they are, as nothing follows from a notice."""
    index = next(record.seq for record in records if isinstance(record.what, Heard))
    return [*records[:index], told_again(records[index], records), *records[index + 1 :]]


def told_again(record: Record, records: list[Record]) -> Record:
    """In its place stands what says nothing new."""
    same = next(each for each in records if isinstance(each.what, Envelope) and each.node == record.node)
    return msgspec.structs.replace(record, what=same.what)


def heard_with(**changes: object) -> Callable[[list[Record]], list[Record]]:
    """The first notice is another one."""

    def change(records: list[Record]) -> list[Record]:
        index = next(record.seq for record in records if isinstance(record.what, Heard))
        other = msgspec.structs.replace(records[index].what, **changes)
        return [*records[:index], msgspec.structs.replace(records[index], what=other), *records[index + 1 :]]

    return change


def with_another_cause(records: list[Record]) -> list[Record]:
    """The notice comes of the strike itself, and not of a poll."""
    struck = next(record.seq for record in records if isinstance(record.what, FaultStruck))
    index = next(record.seq for record in records if isinstance(record.what, Heard))
    return [*records[:index], msgspec.structs.replace(records[index], cause=struck), *records[index + 1 :]]


def with_causes_swapped(records: list[Record]) -> list[Record]:
    """A process is waited for before its host could know: the two records change places."""
    reaped = next(record for record in records if isinstance(record.what, ProcessReaped))
    died = records[reaped.cause]
    changed = list(records)
    changed[died.seq] = msgspec.structs.replace(died, what=reaped.what)
    changed[reaped.seq] = msgspec.structs.replace(reaped, what=died.what)
    return changed


def with_another_end(records: list[Record]) -> list[Record]:
    """The last status of an actor is another one."""
    last = [record for record in records if isinstance(record.what, ActorStatusChanged)][-1]
    other = msgspec.structs.replace(last.what, text="stopped: by nobody")
    return [*records[: last.seq], msgspec.structs.replace(last, what=other), *records[last.seq + 1 :]]


DEFECTS = {
    "a notice is dropped": without_notice,
    "another rank": heard_with(rank=0),
    "another status": heard_with(status="Stopped"),
    "another text": heard_with(text="failed: process failure: Killed(sig=15)"),
    "another cause": with_another_cause,
    "causes swapped": with_causes_swapped,
    "another end": with_another_end,
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
@pytest.mark.parametrize("late_ns", [10 * MS, 300 * MS])
def test_what_no_lateness_brings_about_is_red(defect: Callable[[list[Record]], list[Record]], late_ns: int) -> None:
    """In a run that kept time to a fifth of the poll period."""
    run = recorded(KILLED, 10 * MS)

    result = likeness(KILLED, defect(run.records), timing(late_ns, run.inputs))

    assert result.outcome == "red"
    assert " instead of " in result.reason


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        ({"node": Late(3, 0, 400 * MS, "some node")}, "red"),
        ({"node": Late(3, 0, 401 * MS, "some node")}, "inconclusive"),
        ({"bring_up": Late(1, 0, 400 * MS, "bring-up")}, "red"),
        ({"bring_up": Late(1, 0, 401 * MS, "bring-up")}, "inconclusive"),
    ],
)
def test_what_came_too_late_is_inconclusive(late: dict[str, Late], expected: str) -> None:
    """The poll period is 2 s. The reason has the difference and the number."""
    run = recorded(KILLED, 10 * MS)

    result = likeness(KILLED, heard_with(rank=0)(run.records), Timing(1.0, late))

    assert result.outcome == expected
    assert "rank 0" in result.reason
    if expected == "inconclusive":
        assert "too late to tell: " in result.reason


def test_simulations_are_remembered_for_the_next_run_of_the_plan() -> None:
    plan = mesh(horizon_s=8.1, faults=[Signal(target="workers[1]", signal="SIGKILL", at=at(3))])
    run = recorded(plan, 20 * MS)
    reference = Reference(plan)
    verdict = judge(brief_of(plan), run.records)

    first = reference.likeness(run.records, verdict, timing(20 * MS, run.inputs))
    second = reference.likeness(run.records, verdict, timing(20 * MS, run.inputs))
    earlier = reference.likeness(run.records, verdict, timing(19 * MS, run.inputs))

    assert first.simulations > 0
    assert second.simulations == 0
    assert earlier.simulations > 0
