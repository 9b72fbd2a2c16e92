"""From findings to a verdict: known and relaxed findings, and runs that say nothing."""

from __future__ import annotations

import msgspec
import pytest
from trace_builder import AGENTS, CLIENT, NODES, OBSERVER, TRAINERS, TraceBuilder, verdict

from meshsim.faults.kinds import InitFails, Signal, Stall
from meshsim.model.notes import EventRecorded, OperationEnded
from meshsim.oracle.expectations import Hears, Known, OperationResult, RecordCount
from meshsim.oracle.judge import Asked, Verdict
from meshsim.trace.records import FaultMissed, FaultStruck
from meshsim.units import Duration, S

TWICE = Known(invariant="at-most-once", quirk="Q18", reason="a dead proc is reported with every poll")
KILL = Signal(target="workers[1]", signal="SIGKILL", at=Duration(15 * S))


@pytest.fixture
def trace() -> TraceBuilder:
    """The client hears the same failure of trainer[1] twice."""
    trace = TraceBuilder().bring_up()
    trace.actor(TRAINERS[1], "failed: boom", at=15)
    trace.add(EventRecorded(AGENTS[1], TRAINERS[1], "failed: boom"), node=NODES[1])
    trace.heard(CLIENT, "owner", 1, at=20)
    trace.heard(CLIENT, "owner", 1, at=30)
    return trace


def test_an_unlisted_violation_fails(trace: TraceBuilder) -> None:
    """The reason is the first violation, for the one line that a table has."""
    result = verdict(trace.end(60))
    assert result.outcome == "violated"
    assert [violation.invariant for violation in result.violations] == ["at-most-once"]
    assert result.reason == ('at-most-once: client heard as owner 2 times: trainer rank 1 Failed "failed: boom"')


def test_a_listed_violation_passes_and_is_kept(trace: TraceBuilder) -> None:
    """The faithful profile shows it, the scenario says so, the verdict carries it."""
    result = verdict(trace.end(60), known=(TWICE,))
    assert (result.outcome, result.violations) == ("passed", ())
    assert [violation.subject for violation in result.known] == ["client"]


def test_a_listed_violation_of_another_subject_absorbs_nothing(trace: TraceBuilder) -> None:
    """The restriction counts for both: the finding is unlisted, and the listed one did not occur."""
    known = msgspec.structs.replace(TWICE, subject="observer")
    result = verdict(trace.end(60), known=(known,))
    assert [violation.invariant for violation in result.violations] == ["at-most-once", "known[0]"]


@pytest.mark.parametrize(("subject", "outcome"), [("client", "passed"), ("clien", "violated"), ("lient", "violated")])
def test_a_subject_is_named_as_a_whole(trace: TraceBuilder, subject: str, outcome: str) -> None:
    """`host1` would otherwise stand for `host10` too, and hide what goes wrong there."""
    known = msgspec.structs.replace(TWICE, subject=subject)

    assert verdict(trace.end(60), known=(known,)).outcome == outcome


def test_a_known_finding_that_does_not_occur_fails() -> None:
    """A quirk that has gone away must leave the scenario, too."""
    records = TraceBuilder().bring_up().end(60)
    result = verdict(records, known=(TWICE,))
    assert [(violation.invariant, violation.message) for violation in result.violations] == [
        (
            "known[0]",
            "expected a violation of at-most-once (Q18: a dead proc is reported with every poll), none occurred",
        )
    ]


def test_nothing_is_known_of_a_quirk_that_is_off(trace: TraceBuilder) -> None:
    """Turned off, its finding is a violation like any other; and its absence is what everybody wants."""
    gone = TraceBuilder().bring_up().end(60)

    assert [each.invariant for each in verdict(trace.end(60), known=(TWICE,), quirks_off=("Q18",)).violations] == [
        "at-most-once"
    ]
    assert verdict(gone, known=(TWICE,), quirks_off=("Q18",)) == Verdict(outcome="passed")


def test_another_quirk_that_is_off_excuses_nothing(trace: TraceBuilder) -> None:
    """The finding stays known, and has to occur."""
    gone = TraceBuilder().bring_up().end(60)

    assert verdict(trace.end(60), known=(TWICE,), quirks_off=("Q16",)).outcome == "passed"
    assert verdict(gone, known=(TWICE,), quirks_off=("Q16",)).outcome == "violated"


@pytest.mark.parametrize(
    ("conditions", "counts_when_on", "counts_when_off"),
    [
        ({}, True, True),
        ({"if_quirk": "Q18"}, True, False),
        ({"unless_quirk": "Q18"}, False, True),
        ({"if_quirk": "Q16"}, True, True),
        ({"unless_quirk": "Q16"}, False, False),
        ({"if_quirk": "Q16", "unless_quirk": "Q18"}, False, True),
    ],
    ids=str,
)
def test_an_expectation_counts_on_its_side_of_a_quirk(
    conditions: dict[str, str], counts_when_on: bool, counts_when_off: bool
) -> None:
    """Nobody hears anything: an expectation that counts is not met, one that does not is not asked."""
    records = TraceBuilder().bring_up().end(60)
    expect = (Hears(listener="client", **conditions),)

    on, off = (verdict(records, expect=expect, quirks_off=quirks_off) for quirks_off in ((), ("Q18",)))

    assert (on.outcome, off.outcome) == tuple(
        "violated" if counts else "passed" for counts in (counts_when_on, counts_when_off)
    )


def test_a_relaxed_invariant_is_not_judged(trace: TraceBuilder) -> None:
    """It finds nothing, so it cannot be known either."""
    judged = verdict(trace.end(60), relax=("at-most-once",))
    assert (judged.outcome, judged.violations, judged.known) == ("passed", (), ())


def test_what_is_planted_passes_when_it_is_caught(trace: TraceBuilder) -> None:
    """What must speak did, and the verdict carries what it said."""
    result = verdict(trace.end(60), caught_by=("at-most-once",))
    assert (result.outcome, result.violations) == ("passed", ())
    assert [violation.invariant for violation in result.known] == ["at-most-once"]


def test_a_canary_that_nobody_hears_is_dead(trace: TraceBuilder) -> None:
    """One speaks, the other does not: the message says which, at the end of the run."""
    result = verdict(trace.end(60), caught_by=("at-most-once", "accuracy"))
    assert result.outcome == "violated"
    assert [(each.invariant, each.subject, each.message, each.at) for each in result.violations] == [
        (
            "caught_by[1]",
            "accuracy",
            "the canary is dead: accuracy had to catch what was planted here, and stayed silent",
            60 * S,
        )
    ]


def test_what_somebody_else_finds_beside_a_canary_is_a_violation(trace: TraceBuilder) -> None:
    """Planted is one bug, not every bug."""
    trace.heard(CLIENT, "owner", 0, at=40)
    result = verdict(trace.end(60), caught_by=("at-most-once",))
    assert [violation.invariant for violation in result.violations] == ["accuracy", "right-cause"]


def test_an_expectation_can_be_a_canary(trace: TraceBuilder) -> None:
    """One that must fail does, and one that holds is dead."""
    expect = (Hears(listener="observer"), Hears(listener="client"))
    caught = verdict(trace.end(60), expect=expect, caught_by=("at-most-once", "expect[0]"))
    dead = verdict(trace.records, expect=expect, caught_by=("at-most-once", "expect[0]", "expect[1]"))
    assert caught.outcome == "passed"
    assert [violation.invariant for violation in dead.violations] == ["caught_by[2]"]


def test_a_canary_in_a_run_that_says_nothing_is_inconclusive(trace: TraceBuilder) -> None:
    """It was caught, but the run was cut off."""
    assert verdict(trace.records, caught_by=("at-most-once",)).outcome == "inconclusive"


def test_violations_come_in_order_of_time(trace: TraceBuilder) -> None:
    """What happened first is most often the reason for the rest."""
    trace.heard(CLIENT, "owner", 0, at=40)
    result = verdict(trace.end(60), expect=(Hears(listener="observer"),))
    invariants = [violation.invariant for violation in result.violations]
    assert invariants == ["at-most-once", "accuracy", "right-cause", "expect[0]"]


def test_a_trace_without_end_is_inconclusive() -> None:
    """The run was cut off: nothing wrong so far says nothing about the rest."""
    records = TraceBuilder().bring_up().records
    assert verdict(records) == Verdict(outcome="inconclusive", reason="the trace has no end: the run was cut off")


def test_no_trace_at_all_is_inconclusive() -> None:
    """A backend that could not even start leaves nothing."""
    from meshsim.oracle.judge import Brief, judge

    assert judge(Brief(config={}, horizon_ns=0), []).outcome == "inconclusive"


def test_a_violation_in_a_cut_off_trace_is_still_one(trace: TraceBuilder) -> None:
    """What happened cannot be undone by what follows."""
    assert verdict(trace.records).outcome == "violated"


def test_a_fault_that_never_struck_is_inconclusive() -> None:
    """Never silently green: the scenario asks about a run with the fault."""
    records = TraceBuilder().bring_up().end(60)
    assert verdict(records, faults=(KILL,)) == Verdict(
        outcome="inconclusive", reason="fault 0 on workers[1] never struck"
    )


def test_a_missed_fault_is_inconclusive_unless_it_is_expected() -> None:
    """A scenario about a fault that comes too late counts its record."""
    trace = TraceBuilder().bring_up()
    trace.add(FaultMissed(0, "signal", "workers[1]", "the process of workers[1] is gone"), at=15)
    records = trace.end(60)
    expected = RecordCount(record="fault_missed", times=1)
    assert verdict(records, faults=(KILL,)).reason == (
        "fault 0 on workers[1] missed: the process of workers[1] is gone"
    )
    assert verdict(records, faults=(KILL,), expect=(expected,)).outcome == "passed"


@pytest.mark.parametrize(
    "expected",
    [
        RecordCount(record="fault_missed", times=0, where={"index": 1}),
        RecordCount(record="fault_missed", not_=True, where={"index": 1}),
        RecordCount(record="fault_missed", at_most=0, where={"index": 1}),
        RecordCount(record="fault_missed", times=1, unless_quirk="Q18"),
    ],
    ids=["times is 0", "negated", "at most 0", "of the other profile"],
)
def test_an_expectation_that_holds_without_the_fault_does_not_stand_for_it(expected: RecordCount) -> None:
    """Who says that nothing misses, or speaks of another profile, does not expect that a fault never comes."""
    judged = verdict(TraceBuilder().bring_up().end(60), faults=(KILL,), expect=(expected,))
    assert (judged.outcome, judged.reason) == ("inconclusive", "fault 0 on workers[1] never struck")


def test_one_fault_that_may_miss_excuses_no_other() -> None:
    """The second never came, and nobody expects that."""
    trace = TraceBuilder().bring_up()
    trace.add(FaultMissed(0, "signal", "workers[1]", "the process of workers[1] is gone"), at=15)
    expected = RecordCount(record="fault_missed", times=1)
    judged = verdict(trace.end(60), faults=(KILL, KILL), expect=(expected,))
    assert (judged.outcome, judged.reason) == ("inconclusive", "fault 1 on workers[1] never struck")


def test_the_end_of_a_stall_and_a_failing_init_need_not_strike() -> None:
    """The stall struck and its process was killed; a failing init leaves no record of its own."""
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.add(FaultStruck(0, "stall", NODES[1], "SIGSTOP"), at=15)
    trace.add(FaultMissed(0, "resume", "workers[1]", "the process of workers[1] is gone"), at=20)
    faults = (Stall(target="workers[1]", at=Duration(15 * S)), InitFails(target="trainer[0]"))
    assert verdict(trace.end(60), faults=faults).outcome == "passed"


def test_a_verdict_survives_being_written_down(trace: TraceBuilder) -> None:
    """Run directories keep verdicts as JSON."""
    result = verdict(trace.end(60), expect=(Hears(listener="observer"),))
    assert msgspec.json.decode(msgspec.json.encode(result), type=Verdict) == result


SPAWN = Asked(index=0, do="spawn_actors", name="trainer", bring_up=True)
QUERY = Asked(index=1, do="query", name="trainer", bring_up=False)


@pytest.mark.parametrize(
    ("end", "error", "reason"),
    [
        (2, None, ""),
        (2, "no room", "bring-up did not complete: spawn_actors trainer: no room"),
        (None, None, "bring-up did not complete: spawn_actors trainer never ended"),
    ],
)
def test_a_run_without_its_topology_says_nothing(end: float | None, error: str | None, reason: str) -> None:
    """A host that was stalled from the start must not make a scenario green: nothing was tried."""
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "spawn_actors", "trainer", at=1, end=end, error=error)

    result = verdict(trace.end(5), asked=(SPAWN,))

    assert (result.outcome, result.reason) == ("inconclusive" if reason else "passed", reason)


def test_a_bring_up_that_is_expected_to_fail_is_judged_by_its_expectation() -> None:
    """A scenario about a failing spawn is not inconclusive because of it."""
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "spawn_actors", "trainer", at=1, end=2, error="no room")
    expect = (OperationResult(do="spawn_actors", name="trainer", error="no room"),)

    assert verdict(trace.end(5), asked=(SPAWN,), expect=expect).outcome == "passed"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [("not begun: the process of client is gone", "inconclusive"), ("error stopping actor mesh", "violated")],
)
def test_an_operation_that_nobody_could_be_asked_for_says_nothing(error: str, outcome: str) -> None:
    """An error that nobody expects is a violation; that there was nobody to ask is another scenario than this one."""
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "query_mesh", "trainer", index=1, at=3, end=3, error=error)

    assert verdict(trace.end(5), asked=(QUERY,)).outcome == outcome


def test_an_operation_that_never_began_says_nothing() -> None:
    """The one before it still waits, or who is to do it is busy for ever: what the scenario asks was not tried."""
    result = verdict(TraceBuilder().bring_up().end(5), asked=(QUERY,))

    assert (result.outcome, result.reason) == ("inconclusive", "query trainer never began")


@pytest.mark.parametrize(
    "expected",
    [
        OperationResult(do="query", name="trainer", not_=True),
        OperationResult(do="query", times=0),
        OperationResult(do="query", name="trainer", unless_quirk="Q18"),
    ],
    ids=["negated", "times is 0", "of the other profile"],
)
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "query trainer never began"),
        ("not begun: the process of client is gone", "query trainer: not begun: the process of client is gone"),
    ],
)
def test_what_holds_without_an_operation_does_not_stand_for_it(
    expected: OperationResult, error: str | None, reason: str
) -> None:
    """That a query does not end well is true of every run without one."""
    trace = TraceBuilder().bring_up()
    if error is not None:
        trace.add(OperationEnded(1, CLIENT, "query", "trainer", error, ""), node=NODES[0], at=3)
    result = verdict(trace.end(5), asked=(QUERY,), expect=(expected,))
    assert (result.outcome, result.reason) == ("inconclusive", reason)


@pytest.mark.parametrize(
    ("client", "expect", "reason"),
    [
        ("idle", (), "query trainer never ended"),
        ("failed: boom", (), ""),
        ("idle", (OperationResult(do="query", name="trainer", ends=False),), ""),
    ],
    ids=["it waits", "who asked has ended", "it is expected to wait"],
)
def test_an_operation_that_still_waits_is_expected_to_or_says_nothing(
    client: str, expect: tuple[OperationResult, ...], reason: str
) -> None:
    """An operation that hangs must not be green because nobody thought of it."""
    trace = TraceBuilder().bring_up()
    trace.operation(CLIENT, "query_mesh", "trainer", index=1, at=3, end=None)
    if client != "idle":
        trace.actor(CLIENT, client, at=4)

    result = verdict(trace.end(5), asked=(QUERY,), expect=expect)

    assert (result.outcome, result.reason) == ("inconclusive" if reason else "passed", reason)
