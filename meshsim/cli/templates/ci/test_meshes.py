"""Scenarios from Python, where a file is not enough: values that are computed, runs that are compared."""

from __future__ import annotations

from meshsim.pytest_plugin.fixture import Meshsim
from meshsim.scenario import Scenario


def training(meshsim: Meshsim, batch: str, **keys: object) -> Scenario:
    """Two trainers that are cast one batch; `keys` are those of a scenario file."""
    return meshsim.scenario(
        horizon="15s",
        config={"supervision_poll_frequency": "2s"},
        topology={
            "procs": [{"name": "workers", "per_host": {"gpus": 2}}],
            "actors": [{"name": "trainer", "procs": "workers", "actor": "my_actors:Trainer"}],
        },
        operations=[{"do": "cast", "at": "4s", "mesh": "trainer", "text": batch}],
        **keys,
    )


def test_a_step_harms_nobody(meshsim: Meshsim) -> None:
    scenario = training(meshsim, "step", expect=[{"kind": "never_hears", "listener": "client"}])

    meshsim.run(scenario).assert_passed()


def test_a_bad_batch_is_heard_of_with_its_reason(meshsim: Meshsim) -> None:
    result = meshsim.run(training(meshsim, "bad batch"))

    assert any("failed: bad batch after 0 steps" in line for line in result.lines("heard", actor="client"))


def test_the_same_seed_is_the_same_run(meshsim: Meshsim) -> None:
    first = meshsim.run("scenarios/fast/worker-dies.toml", seed=7)
    second = meshsim.run("scenarios/fast/worker-dies.toml", seed=7)

    assert first.digest == second.digest
