"""Strategies: cases that depend on seed and number alone, each with something of its own."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from small_worlds import mesh

from meshsim.drive.agenda import Agenda
from meshsim.explore.orders import Lots, Priorities
from meshsim.explore.running import Case, Explored
from meshsim.explore.space import Space
from meshsim.explore.strategies import STRATEGIES, Guided, Pct, Strategy
from meshsim.explore.strategies.pct import DEPTH
from meshsim.model.tags import tag_of
from meshsim.scenario.plan import Plan

PLAN = mesh(hosts=2, horizon_s=20)
SPACE = Space.of(PLAN)


def strategy(name: str, seed: int = 1, plan: Plan = PLAN) -> Strategy:
    return STRATEGIES[name](plan, SPACE, seed, SPACE.kinds)


def told(*coverage: int) -> Explored:
    return Explored(
        outcome="passed",
        reason="",
        signatures=(),
        findings=(),
        coverage=frozenset(coverage),
        records=1,
        decisions=0,
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_case_depends_on_seed_and_number_alone(name: str) -> None:
    """Not on what was proposed before, nor by whom."""
    forwards = [strategy(name).propose(number) for number in range(20)]
    one = strategy(name)
    backwards = [one.propose(number) for number in reversed(range(20))]

    assert forwards == backwards[::-1]
    assert forwards != [strategy(name, seed=2).propose(number) for number in range(20)]
    assert len(set(map(repr, forwards))) == 20


@pytest.mark.parametrize(("name", "most"), [("random", 4), ("swarm", 8), ("pct", 2), ("guided", 4)])
def test_cases_have_some_faults_over_those_of_the_plan(name: str, most: int) -> None:
    faulty = msgspec.structs.replace(PLAN, faults=strategy("random").propose(0).plan.faults)
    own = len(faulty.faults)

    counts = Counter(len(strategy(name, plan=faulty).propose(number).plan.faults) - own for number in range(200))

    assert min(counts) >= 0
    assert max(counts) == most


def test_a_swarm_uses_few_kinds_in_one_run_and_all_in_many() -> None:
    cases = [strategy("swarm").propose(number) for number in range(400)]
    kinds = [{tag_of(fault) for fault in case.plan.faults} for case in cases]

    assert max(map(len, kinds)) <= 6
    assert set().union(*kinds) == set(SPACE.kinds)


def test_only_chosen_kinds_strike() -> None:
    for kind in STRATEGIES.values():
        chosen = kind(PLAN, SPACE, 1, ["exit", "stall"])
        assert {tag_of(fault) for number in range(50) for fault in chosen.propose(number).plan.faults} == {
            "exit",
            "stall",
        }


def test_pct_states_its_probability() -> None:
    """From the processes and the choices of the run without faults."""
    pct = strategy("pct")
    assert isinstance(pct, Pct)
    order = pct.propose(0).order
    assert isinstance(order, Priorities)

    assert pct.processes > 5
    assert pct.probability == pytest.approx(1 / (pct.processes * pct.choices ** (DEPTH - 1)))
    assert len(order.changes) == DEPTH - 1
    assert f"{pct.processes} processes, {pct.choices} choices" in pct.about()


def test_guided_changes_what_reached_something_new() -> None:
    """What reached nothing new, or was lost, is not gone on with."""
    guided = strategy("guided")
    assert isinstance(guided, Guided)
    cases = [guided.propose(number) for number in range(4)]

    guided.learn(cases, [told(1, 2), told(2), None, told(2, 3)])

    assert guided.corpus == [cases[0], cases[3]]
    changed = [guided.propose(number) for number in range(4, 60)]
    kept = sum(_is_like(case, guided.corpus) for case in changed)
    assert 20 < kept < 56


def _is_like(case: Case, corpus: list[Case]) -> bool:
    """Whether it shares a fault with a case of the corpus, or all but one."""
    faults = set(map(repr, case.plan.faults))
    return any(faults & set(map(repr, each.plan.faults)) for each in corpus)


class _World:
    """Three processes, each with three things that are due at one instant."""

    def __init__(self, order: Lots | Priorities) -> None:
        import simpy

        env = simpy.Environment(initial_time=0)
        self.said: list[str] = []
        agenda = Agenda(env, order.order())
        for number in range(3):
            for node in "abc":
                agenda.post(5, self._deliver, "src", node, number)
        env.run()

    def _deliver(self, src: str, dst: str, number: int) -> None:
        self.said.append(dst)


def test_priorities_let_one_process_after_the_other_go_first() -> None:
    """But for the choices at which one loses its priority."""
    blocks = "".join(_World(Priorities(1, ())).said)
    changed = "".join(_World(Priorities(1, (1,))).said)

    first = blocks[0]
    assert blocks == "".join(node * 3 for node in dict.fromkeys(blocks))
    assert changed.startswith(first)
    assert changed.endswith(first * 2)


def test_lots_give_every_order() -> None:
    assert len({"".join(_World(Lots(seed)).said) for seed in range(50)}) > 40
