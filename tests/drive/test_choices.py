"""Choices among ready queues in a run: the seed decides, and nothing else does."""

from __future__ import annotations

import msgspec
import pytest
from small_worlds import at, found, mesh, run_sim

from meshsim.faults.kinds import Abort, Hang, Raise
from meshsim.model.notes import EventRecorded

FAULTS = [
    Hang(target="trainer[0]", at=at(3), for_=at(2)),
    Abort(target="trainer[0]", reason="x", at=at(4)),
    Raise(target="trainer[0]", text="boom", at=at(4)),
]
ABORTED, RAISED = "failed: actor explicitly aborted due to: x", "failed: boom"


def outcome(seed: int, choices: str) -> str:
    plan = msgspec.structs.replace(mesh(horizon_s=8, faults=FAULTS, choices=choices), seed=seed)
    (recorded,) = found(run_sim(plan).records, EventRecorded)
    return recorded.text


@pytest.mark.parametrize(("choices", "outcomes"), [("fixed", {ABORTED}), ("seeded", {ABORTED, RAISED})])
def test_what_an_actor_dies_of_depends_on_the_seed_if_it_may(choices: str, outcomes: set[str]) -> None:
    """Its own signal and a message are there at once; the fixed order takes the signal."""
    assert {outcome(seed, choices) for seed in range(8)} == outcomes


def test_the_same_seed_chooses_alike() -> None:
    assert [outcome(seed, "seeded") for seed in range(4)] == [outcome(seed, "seeded") for seed in range(4)]
