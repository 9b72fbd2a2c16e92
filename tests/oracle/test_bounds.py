"""Bounds: what follows from the configuration, and nothing shorter."""

from __future__ import annotations

import pytest

from meshsim.model.config import Config
from meshsim.oracle.bounds import SLACK_NS, Bounds
from meshsim.units import S


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        ({}, 3 * 30 + 3 * 30),
        ({"ACTOR_SPAWN_MAX_IDLE": 5 * S}, 3 * 30 + 30),
        ({"ACTOR_SPAWN_MAX_IDLE": 60 * S}, 3 * 30 + 3 * 60),
    ],
    ids=["comm actors just in time", "a proc that failed is asked why", "slow comm actors"],
)
def test_a_spawn_of_procs_may_wait_for_its_comm_actors_too(config: dict[str, int], seconds: int) -> None:
    """Two ranks: each wait is for two replies just in time and one that never comes."""
    assert Bounds(Config.of(config)).operation_ns("spawn_procs", 2, 1) == seconds * S + SLACK_NS
