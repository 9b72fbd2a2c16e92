"""The explorer: what it finds, and that nobody who runs the cases makes a difference."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from small_worlds import mesh

from meshsim.explore import explorer
from meshsim.explore.explorer import Exploration, NothingToDoError, Task, explore
from meshsim.explore.running import Case, explored
from meshsim.explore.strategies import STRATEGIES
from meshsim.run import run_plan
from meshsim.run.workers import WorkerDiedError, Workers

PLANS = (mesh(hosts=2, horizon_s=9), mesh(horizon_s=9, clients=["other"]))


def seen(exploration: Exploration) -> list[object]:
    """Everything but wall times."""
    return [
        exploration.runs,
        exploration.outcomes,
        exploration.coverage,
        exploration.growth,
        exploration.violated,
        exploration.decisions,
        [(found.finding, found.run, found.count) for found in exploration.found.values()],
    ]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_number_of_jobs_changes_nothing(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four generations of two plans, which learn from their first."""
    monkeypatch.setattr(explorer, "GENERATION", 12)
    task = Task(plans=PLANS, strategy=strategy, seed=3, runs=40)

    alone, together = (explore(msgspec.structs.replace(task, jobs=jobs)) for jobs in (1, 2))

    assert alone.found
    assert seen(alone) == seen(together)
    assert seen(alone) != seen(explore(msgspec.structs.replace(task, seed=4)))


def test_what_is_found_is_found_again_without_the_strategy() -> None:
    """The plan of a finding holds all that the run decided: `meshsim run` would find the same."""
    found = explore(Task(plans=PLANS, strategy="swarm", seed=5, runs=100)).found

    assert len(found) > 3
    for signature, each in found.items():
        again = explored(Case(plan=each.finding.plan))
        assert signature in again.signatures
        assert run_plan(each.finding.plan, "sim").verdict.outcome == "violated"


def test_it_ends_with_the_first_finding_if_it_shall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "GENERATION", 20)

    assert explore(Task(plans=PLANS, runs=200, until_first=True)).runs == 20


def test_it_ends_when_its_time_is_over() -> None:
    """Not within a generation, so that what was found does not depend on where it was cut."""
    assert explore(Task(plans=PLANS[:1], time_s=1e-9)).runs in (0, explorer.GENERATION)


def test_nothing_is_found_where_nothing_can_strike() -> None:
    with pytest.raises(NothingToDoError, match="none of alloc_fail can do anything in mesh"):
        explore(Task(plans=PLANS[:1], kinds=("alloc_fail",), runs=1))


def test_a_run_that_breaks_off_costs_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of meshsim's own, as an assertion in the middle of a run."""

    def breaks(case: Case, limits: object) -> object:
        if len(case.plan.faults) == 4:
            raise AssertionError("channel: closed -> connected")
        return explored(case)

    monkeypatch.setattr(explorer, "explored", breaks)

    result = explore(Task(plans=PLANS[:1], runs=20))

    assert result.runs == 20
    assert 0 < len(result.lost) < 20
    assert sum(result.outcomes.values()) == 20 - len(result.lost)
    assert result.lost[0].why.startswith("AssertionError in breaks, line ")


class Loops:
    """Work of which one piece never ends."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def do(self, index: int) -> bytes:
        while index == 1:
            pass
        return b"done"


def test_a_worker_that_never_answers_is_killed() -> None:
    """Its job is lost, and no other."""
    answers: dict[int, object] = {}
    with Workers(2, Loops(), patience_s=0.2) as crew:
        answers.update(crew.run(4, lambda _: True))

    assert {index: answers[index] for index in (0, 2, 3)} == {0: b"done", 2: b"done", 3: b"done"}
    assert isinstance(answers[1], WorkerDiedError)
    assert str(answers[1]) == "its worker process ended after 0.2 s without an answer"


def test_generations_are_learnt_from_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was faster."""
    learnt: list[list[int]] = []

    class Watching(STRATEGIES["random"]):  # type: ignore[misc,name-defined]  a class all the same
        def learn(self, cases: Sequence[Case], results: Sequence[object]) -> None:
            learnt.append([len(case.plan.faults) for case in cases])

    monkeypatch.setitem(STRATEGIES, "random", Watching)
    monkeypatch.setattr(explorer, "GENERATION", 10)

    explore(Task(plans=PLANS[:1], runs=25, jobs=2))

    assert list(map(len, learnt)) == [10, 10, 5]
