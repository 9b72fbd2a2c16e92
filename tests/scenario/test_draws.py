"""Times and targets that the seed draws: in the plan, in range, and each from a stream of its own."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from small_worlds import at

from meshsim.faults.kinds import Exit, Fault, Resume, When
from meshsim.scenario.draws import drawn_faults
from meshsim.scenario.plan import decode_plan, encode_plan, plan
from meshsim.scenario.schema import Scenario, Topology
from meshsim.units import Duration

WINDOW = Exit(target="host0", at=at(5), within=at(2))
GROUP = Exit(targets=["host0", "host1", "host2"], choose=2, at=at(5))


@given(seed=st.integers(0, 2**63 - 1), at_ns=st.integers(0, 10**12), within_ns=st.integers(1, 10**12))
def test_a_time_is_drawn_from_its_window(seed: int, at_ns: int, within_ns: int) -> None:
    """From the beginning on, and before the end."""
    (drawn,) = drawn_faults([Exit(target="host0", at=Duration(at_ns), within=Duration(within_ns))], seed)

    assert drawn.within is UNSET
    assert drawn.at is not None
    assert at_ns <= drawn.at < at_ns + within_ns


@given(seed=st.integers(0, 2**63 - 1), count=st.integers(1, 6), data=st.data())
def test_targets_are_chosen_without_repetition(seed: int, count: int, data: st.DataObject) -> None:
    """As many as asked for, in the order in which they are written; one alone is a plain target."""
    targets = [f"host{number}" for number in range(count)]
    choose = data.draw(st.integers(1, count))
    (drawn,) = drawn_faults([Exit(targets=targets, choose=choose, at=at(1))], seed)

    chosen = [drawn.target] if drawn.targets is UNSET else drawn.targets
    assert drawn.choose is UNSET
    assert len(chosen) == choose
    assert chosen == [target for target in targets if target in chosen]


def test_every_target_has_its_seed() -> None:
    """And no time is far more likely than others."""
    chosen = {drawn_faults([Exit(targets=["a", "b", "c"], choose=1, at=at(1))], seed)[0].target for seed in range(50)}
    times = [int(drawn_faults([WINDOW], seed)[0].at or 0) - at(5) for seed in range(200)]

    assert chosen == {"a", "b", "c"}
    assert sum(time < at(1) for time in times) in range(70, 131)


def test_a_window_behind_a_record_makes_the_fault_later() -> None:
    """`after` of the record is where the window begins."""
    (drawn,) = drawn_faults([Exit(target="host0", when=When(record="heard", after=at(3)), within=at(2))], 7)

    assert drawn.when is not None
    assert at(3) <= drawn.when.after < at(5)


@pytest.mark.parametrize(
    "others",
    [
        [WINDOW, GROUP, Resume(target="host0", at=at(1), within=at(9))],
        [WINDOW, Exit(targets=GROUP.targets, choose=2, at=at(5), within=at(3))],
    ],
    ids=["faults-behind", "keys-behind"],
)
def test_what_is_added_behind_changes_no_other_draw(others: Sequence[Fault]) -> None:
    """Each draw has a stream of its own: by the number of the fault, and what is drawn."""
    before = drawn_faults([WINDOW, GROUP], 3)
    after = drawn_faults(others, 3)

    assert after[0] == before[0]
    assert after[1].targets == before[1].targets


def test_a_plan_says_what_was_drawn() -> None:
    """Nothing is left to luck in it, and it can be written and read."""
    scenario = Scenario(name="x", horizon=at(20), topology=Topology(hosts=3), faults=[WINDOW, GROUP])
    made = plan(scenario, 1)

    assert made.faults == drawn_faults([WINDOW, GROUP], 1)
    assert decode_plan(encode_plan(made)) == made
    assert plan(scenario, 2).faults[0].at != made.faults[0].at
