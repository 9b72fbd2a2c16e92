"""Why a run was violated: which events are needed is found out by runs without them, and says how those ended."""

from __future__ import annotations

import msgspec
from small_worlds import at, mesh

from meshsim.explore.causes import LINES_MAX, chain_of
from meshsim.explore.why import Why, explainable, is_reproduced, why
from meshsim.faults.kinds import Exit, Fault, Signal, Stall
from meshsim.model.messages import Envelope, GetState
from meshsim.model.notes import Heard, PollEnded
from meshsim.oracle.expectations import Known
from meshsim.oracle.verdict import Violation
from meshsim.run import RunResult, run_plan
from meshsim.scenario.decisions import Fate
from meshsim.trace.records import DecisionTaken, FaultStruck, ProcessDied, Record
from meshsim.units import MS, Duration, S

#: What hosts are asked by, and how long that takes.
MESSAGE, LATENCY_NS = "get_state", MS

#: What breaks while a dead process is told of again and again.
BREAKING = ("at-most-once", "no-endless-repetition")

KILL = Exit(target="workers[1]", at=at(5))
#: Nobody is told anything of it twice.
HARMLESS = Stall(target="workers[0]", at=at(7), for_=at(0.1))


def asked(*faults: Fault, invariant: str = "at-most-once", **keys: object) -> tuple[RunResult, Violation, Why]:
    result = run_plan(mesh(faults=list(faults), **keys), "sim")
    violation = next(each for each in explainable(result.verdict) if each.invariant == invariant)
    return result, violation, why(result, violation)


def is_poll_after_kill(record: Record) -> bool:
    """The first question of the poll that finds a proc dead."""
    return record.at > 5 * S and isinstance(record.what, Envelope) and isinstance(record.what.message, GetState)


def names(answer: Why) -> list[list[str]]:
    return [[event.name for event in trial.without] for trial in answer.needed]


def test_the_event_that_is_needed_is_named_and_the_others_are_not() -> None:
    _, _, answer = asked(HARMLESS, KILL, HARMLESS)

    assert [event.words for event in answer.events][1] == "exit workers[1], code 1 at 5s"
    assert names(answer) == [["fault 1"]]
    assert answer.is_smallest


def test_every_flip_is_a_run_and_says_how_it_ended() -> None:
    _, _, answer = asked(HARMLESS, KILL)

    everything, without_harmless, without_kill = answer.trials
    assert (everything.flips, everything.outcome) == (True, "passed")
    assert (without_kill.flips, without_kill.outcome) == (True, "passed")
    assert not without_harmless.flips
    assert without_harmless.outcome.startswith("violated: at-most-once: ")


def test_faults_and_decisions_that_are_all_needed_are_all_named() -> None:
    """A host answers twice, before another one does once: its dead proc is taken for the one that is first (Q44)."""
    world = mesh(hosts=2, faults=[HARMLESS, Exit(target="workers[2]", at=at(5))])
    asked_at = next(record.at for record in run_plan(world, "sim").records if is_poll_after_kill(record)) - LATENCY_NS
    late = Fate(at=Duration(asked_at), src="client", dst="host0", message=MESSAGE, delay=Duration(5 * MS))
    twice = Fate(at=Duration(asked_at), src="client", dst="host1", message=MESSAGE, copies=[Duration(0)])
    result = run_plan(msgspec.structs.replace(world, decisions=(late, twice)), "sim")
    violation = next(each for each in result.verdict.violations if each.invariant == "right-cause")

    answer = why(result, violation)

    assert [event.name for event in answer.events] == ["fault 0", "fault 1", "decision 0", "decision 1"]
    assert names(answer) == [["fault 1"], ["decision 0"], ["decision 1"]]
    chain = chain_of(result.records, violation, [event for trial in answer.needed for event in trial.without])
    kinds = [type(link.record.what) for link in chain]
    assert FaultStruck in kinds
    assert DecisionTaken in kinds


def test_what_two_events_bring_about_each_alone_is_gone_without_both_only() -> None:
    """Either signal kills it."""
    twice = [Signal(target="workers[1]", at=at(5), signal=name) for name in ("SIGKILL", "SIGKILL")]
    at_once = Exit(targets=["workers[1]"], at=at(5.5))
    (_, _, answer) = asked(twice[0], HARMLESS, msgspec.structs.replace(at_once, code=1))

    alone = [trial.without[0].name for trial in answer.trials[1:] if trial.flips]
    assert (alone, names(answer)) == ([], [["fault 0", "fault 2"]])


def test_more_than_two_that_are_each_enough_are_found_together() -> None:
    ways = [Exit(target="workers[1]", at=at(5 + 0.5 * number)) for number in range(4)]
    (_, _, answer) = asked(*ways)

    assert names(answer) == [[f"fault {number}" for number in range(4)]]
    assert not answer.is_smallest


def test_what_the_scenario_shows_by_itself_needs_nothing() -> None:
    known = Known(invariant="at-most-once", quirk="Q18", reason="-")
    _, _, answer = asked(HARMLESS, invariant="known[0]", known=[known])

    assert (answer.needed, [trial.flips for trial in answer.trials]) == ((), [False, False])


def test_in_a_run_that_passed_what_its_scenario_lists_is_explained() -> None:
    known = [Known(invariant=name, quirk="Q18", reason="-") for name in BREAKING]
    result, violation, answer = asked(HARMLESS, KILL, known=known)

    assert (result.verdict.outcome, result.verdict.violations) == ("passed", ())
    assert violation in result.verdict.known
    assert names(answer) == [["fault 1"]]


def test_a_violation_that_does_not_come_again_is_known_as_such() -> None:
    result = run_plan(mesh(faults=[KILL]), "sim")
    violation = result.verdict.violations[0]

    assert is_reproduced(result.plan, violation)
    assert not is_reproduced(mesh(), violation)
    assert not is_reproduced(result.plan, msgspec.structs.replace(violation, subject="somebody else"))


def test_a_chain_begins_with_the_events_and_ends_with_the_evidence() -> None:
    """It has the poll that found the end, and says of whose end the owner heard."""
    result, violation, answer = asked(KILL)
    chain = chain_of(result.records, violation, answer.needed[0].without)

    kinds = [type(link.record.what) for link in chain]
    assert kinds.index(FaultStruck) < kinds.index(ProcessDied) < kinds.index(PollEnded) < kinds.index(Heard)
    assert chain[-1].is_evidence
    assert all(cause < place for place, link in enumerate(chain) for cause in (*link.causes, *link.found))
    (end,) = chain[kinds.index(Heard)].found
    assert chain[end].record.node == "host0/workers_1"
    assert [link.record.seq for link in chain] == sorted(link.record.seq for link in chain)


def test_of_a_long_chain_the_middle_is_left_out_and_counted() -> None:
    """A run of minutes in which nothing is wrong until its end."""
    result, violation, answer = asked(Exit(target="workers[1]", at=at(300)), horizon_s=400)
    chain = chain_of(result.records, violation, answer.needed[0].without)

    assert len(chain) <= LINES_MAX + len(violation.records)
    assert sum(link.hidden for link in chain) > 100
