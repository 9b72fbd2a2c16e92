"""What lateness makes of a verdict."""

from __future__ import annotations

import msgspec
import pytest

from meshsim.drive.timing import VALUES_MAX, Late, Lateness, Timing
from meshsim.oracle.verdict import Verdict
from meshsim.run import Pace
from meshsim.run.likeness import Likeness
from meshsim.run.pace import LIVE_AGREES, believed
from meshsim.scenario import plan
from meshsim.scenario.decode import decode
from meshsim.units import MS, S

#: The poll period is the usual 10 s: a fifth of it is 2 s.
PLAN = plan(decode({"name": "quiet", "horizon": "5s"}), 0)


def timing(**worst_ns: int) -> Timing:
    return Timing(0.5, {kind: Late(3, 0, late_ns, f"some {kind}") for kind, late_ns in worst_ns.items()})


EQUIVALENT, AS_LATE = Likeness("equivalent", "sim"), Likeness("equivalent", "late")
RED, OPEN = Likeness("red", reason="a part differs"), Likeness("inconclusive", reason="nobody can tell")


@pytest.mark.parametrize(
    ("outcome", "likeness", "worst_ns", "pace", "expected"),
    [
        ("passed", EQUIVALENT, 2 * S, Pace(), "passed"),
        ("passed", EQUIVALENT, 2 * S + 1, Pace(), "inconclusive"),
        ("passed", EQUIVALENT, 30 * MS, Pace(late_max_ns=20 * MS), "inconclusive"),
        ("passed", EQUIVALENT, 9 * S, Pace(late_max_ns=10 * S), "passed"),
        ("passed", AS_LATE, 2 * S, Pace(), "passed"),
        ("passed", OPEN, 1 * MS, Pace(), "inconclusive"),
        ("passed", RED, 1 * MS, Pace(), "violated"),
        ("passed", RED, 2 * S + 1, Pace(), "inconclusive"),
        ("violated", EQUIVALENT, 2 * S, Pace(), "violated"),
        ("violated", AS_LATE, 2 * S, Pace(), "inconclusive"),
        ("violated", RED, 2 * S, Pace(), "violated"),
        ("inconclusive", EQUIVALENT, 1 * MS, Pace(), "inconclusive"),
        ("inconclusive", RED, 1 * MS, Pace(), "inconclusive"),
    ],
)
def test_what_a_verdict_is_worth(outcome: str, likeness: Likeness, worst_ns: int, pace: Pace, expected: str) -> None:
    """A verdict needs a run that was nowhere too late, and is that of the plan; what late simulations find, too, is the
    doing of the lateness.
    """
    verdict = Verdict(outcome=outcome, reason="" if outcome == "passed" else "why")  # type: ignore[arg-type]

    result = believed(verdict, likeness, timing(timer=1 * MS, fault=worst_ns), PLAN, pace)

    assert result.outcome == expected


def test_a_run_that_is_another_one_says_so() -> None:
    result = believed(Verdict(outcome="passed"), RED, timing(timer=1 * MS), PLAN, Pace())

    assert [each.invariant for each in result.violations] == [LIVE_AGREES]
    assert result.reason == "live-agrees: a part differs"


def test_the_reason_has_what_was_late_and_the_number() -> None:
    result = believed(Verdict(outcome="violated", reason="it broke"), EQUIVALENT, timing(fault=3 * S), PLAN, Pace())

    assert (
        result.reason
        == "too late: some fault, by 3s; at most 2s is allowed in a run that is called violated (it broke)"
    )


def test_lateness_keeps_the_median_the_worst_and_what_it_was() -> None:
    lateness = Lateness()
    for what, late_ns in (("first", 5), ("second", 70), ("third", -3)):
        lateness.add("timer", what, late_ns)

    assert lateness.by_kind() == {"timer": Late(3, 5, 70, "second", [0, 5, 70])}


def test_of_very_many_values_some_are_kept_and_the_worst_is_among_them() -> None:
    """A long run has a hundred thousand of them, and its file should stay small."""
    late = Late.of(range(100_000, 0, -1), "the first")

    assert (late.count, late.worst_ns, len(late.values_ns)) == (100_000, 100_000, VALUES_MAX)
    assert late.values_ns == sorted(set(late.values_ns))
    assert (late.values_ns[0], late.values_ns[-1]) == (1, 100_000)


def test_a_timing_that_was_written_before_values_were_kept_can_be_read() -> None:
    old = b'{"time_scale":0.5,"late":{"timer":{"count":3,"median_ns":5,"worst_ns":70,"worst":"it"}},"inputs":[]}'

    assert msgspec.json.decode(old, type=Timing).late == {"timer": Late(3, 5, 70, "it")}
