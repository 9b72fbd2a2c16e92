"""Messages that a node takes in any order: what is tried out, and that nothing is lost by it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.drive.agenda import Entry
from meshsim.explore.exhaustive.commuting import Commuting, Trials
from meshsim.explore.exhaustive.search import explore_exhaustively
from meshsim.explore.exhaustive.ties import Tie, WatchedOrder
from meshsim.explore.exhaustive.watching import WatchedBackend, WatchedConductor
from meshsim.explore.finding import findings_of
from meshsim.explore.state import settled_digest
from meshsim.faults.kinds import Exit, Fault, Raise
from meshsim.model.actors.registry import default_program
from meshsim.model.commands import ExitProcess, NodeCommand, SetTimer
from meshsim.model.ids import ActorId, Node
from meshsim.model.messages import Envelope, Work
from meshsim.model.notes import Warned
from meshsim.model.runtime.node import NodeMachine
from meshsim.oracle.judge import judge
from meshsim.run.execute import brief_of
from meshsim.scenario.decisions import First
from meshsim.scenario.plan import Plan, with_profile
from meshsim.units import MS

ME, OTHER = ActorId("unix:@a,p,me[0]"), ActorId("unix:@b,p,other[0]")
ANSWER = Envelope(ME, OTHER, Work("done"))

#: What a node does with the texts that it has taken so far.
Rule = Callable[[list[str]], list[NodeCommand]]


class Taker:
    """Takes texts; a stand-in for a node of which the rule is known."""

    def __init__(self, rule: Rule, *, remembers: Callable[[list[str]], object]) -> None:
        self._rule = rule
        self._remembers = remembers
        self.taken: list[str] = []
        self.asked = 0

    def snapshot(self) -> dict[str, object]:
        return {"remembers": self._remembers(self.taken)}

    def copied(self) -> Taker:
        self.asked += 1
        twin = Taker(self._rule, remembers=self._remembers)
        twin.taken = copy.copy(self.taken)
        return twin

    def handle(self, event: Envelope, now_ns: int) -> list[NodeCommand]:
        self.taken.append(cast(Work, event.message).text)
        return self._rule(self.taken)


def texts(count: int) -> list[Envelope]:
    return [Envelope(OTHER, ME, Work(f"text {number}")) for number in range(count)]


def are_alike(node: Taker, count: int = 3, trials: Trials | None = None) -> bool:
    return (trials or Trials()).are_alike(cast(NodeMachine, node), texts(count), 0)


def raises(taken: list[str]) -> list[NodeCommand]:
    raise ValueError(taken[-1])


@pytest.mark.parametrize(
    ("rule", "remembers", "expected"),
    [
        (lambda taken: [ANSWER] if len(taken) == 3 else [], len, True),
        (lambda taken: [SetTimer(ME, "again", 5)], sorted, True),
        (lambda taken: [Warned(ME, taken[-1])], len, True),
        # It remembers who was first; it tells the first; it tells whom it took how many.
        (lambda taken: [], lambda taken: taken[:1], False),
        (lambda taken: [Envelope(ME, OTHER, Work(taken[0]))] if len(taken) == 3 else [], len, False),
        (lambda taken: [Warned(ME, f"{taken[-1]} is number {len(taken)}")], len, False),
        # Something may follow at once, whatever that may be.
        (lambda taken: [SetTimer(ME, "now", 0)], len, False),
        (lambda taken: [ExitProcess(1)] if len(taken) == 3 else [], len, False),
        (raises, len, False),
    ],
    ids=[
        *("counts", "remembers which", "notes each", "remembers the first", "tells the first", "notes which it was"),
        *("at once", "ends", "raises"),
    ],
)
def test_an_order_matters_unless_all_is_the_same(
    rule: Rule, remembers: Callable[[list[str]], object], *, expected: bool
) -> None:
    """The state and what was asked for, in all; not at which of the messages it was, nor the order of notes."""
    node = Taker(rule, remembers=remembers)

    assert are_alike(node) is expected
    assert node.taken == [], "copies take them"


def test_the_same_is_tried_once() -> None:
    node, trials = Taker(lambda taken: [], remembers=len), Trials()

    assert are_alike(node, trials=trials)
    tried = node.asked
    assert are_alike(node, trials=trials)
    assert node.asked == tried == 6
    node.taken.append("another state")
    assert are_alike(node, trials=trials)
    assert node.asked == 12


def test_more_than_four_are_not_tried() -> None:
    node = Taker(lambda taken: [], remembers=len)

    assert (are_alike(node, 4), are_alike(node, 5)) == (True, False)


# --- in runs ---------------------------------------------------------------------------------------------------

FIXED = with_profile(mesh(per_host=3, horizon_s=6), "fixed")
#: All that is wrong with the modelled system but casts in a tree, in which answers are gathered as they come.
DIRECT = msgspec.structs.replace(with_profile(FIXED, "2026-03"), quirks_off=("Q45",))
#: A poll in either: queries of the host and of three actors, and what they answer.
WINDOW = (2_010 * MS, 2_040 * MS)
#: Faults before the poll.
BOOM, EXIT = Raise(target="trainer[1]", text="boom", at=at(2.009)), Exit(target="workers[2]", at=at(2.009))


def carried_out(plan: Plan, orders: Sequence[First] = ()) -> tuple[list[Tie], tuple[object, ...]]:
    """The ties of a run, and what has come of it: what everybody has in mind, what was recorded, what is wrong."""
    order = WatchedOrder(orders, WINDOW)
    backend = WatchedBackend(default_program())
    conductor = order.conductor = WatchedConductor(plan, backend, order)
    conductor.window, conductor.on_window, conductor.on_instant = WINDOW, lambda: None, lambda *_: None
    order.indifferent = Commuting(conductor, backend, Trials()).among
    conductor.run()
    records = conductor.records
    wrong = {str(each.signature) for each in findings_of(plan, records, judge(brief_of(plan), records))}
    return order.ties, (settled_digest(conductor, backend.nodes), wrong)


def skipped(ties: Sequence[Tie]) -> Iterator[First]:
    """What could have gone first, and need not."""
    for tie in ties:
        gone_into = tie.others(all_=False)
        every = msgspec.structs.replace(tie, indifferent=frozenset()).others(all_=False)
        yield from (first for first in every if first not in gone_into)


@pytest.mark.parametrize(
    ("world", "faults"),
    [(FIXED, ()), (FIXED, (BOOM,)), (FIXED, (EXIT,)), (DIRECT, ()), (DIRECT, (BOOM,))],
    ids=["nothing", "a failure", "a death", "nothing, with quirks", "a failure, with quirks"],
)
def test_what_is_not_tried_comes_to_the_same(world: Plan, faults: tuple[Fault, ...]) -> None:
    """Every order that is left out is run here, to the end."""
    plan = msgspec.structs.replace(world, faults=faults)

    ties, came_of_it = carried_out(plan)

    left_out = list(skipped(ties))
    assert left_out, "else nothing is tried here"
    for first in left_out:
        assert carried_out(plan, (first,))[1] == came_of_it


class Asked:
    """Asks about the first answers of three actors, as they are and in other circumstances; takes them as they come."""

    def __init__(self, backend: WatchedBackend) -> None:
        self._backend = backend
        self.conductor: WatchedConductor
        self.told: dict[str, frozenset[int]] = {}

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        if not self.told and len(entries) == 3 and all(entry[1][1] == "client" for entry in entries):
            among = Commuting(self.conductor, self._backend, Trials()).among
            self.told["as they are"] = among(at_ns, entries)
            self.told["one waits behind another"] = among(at_ns, entries[:2])
            self.conductor.watchers.append(lambda _: None)
            self.told["somebody watches"] = among(at_ns, entries)
            self.conductor.watchers.clear()
            self.conductor.post.closed.add((Node("client"), Node("host0")))
            self.told["what is sent comes back at once"] = among(at_ns, entries)
            self.conductor.post.closed.clear()
            self.conductor.processes.reachable[Node("client")] = False
            self.told["nobody takes them"] = among(at_ns, entries)
            self.conductor.processes.reachable[Node("client")] = True
            self.conductor._look_at(Node("client"), (ME, "timer"), at_ns)
            self.told["a timer is due"] = among(at_ns, entries)
        return 0


def test_all_that_a_node_takes_has_to_be_known() -> None:
    """What else its node takes at this instant might come in between."""
    backend = WatchedBackend(default_program())
    asked = Asked(backend)
    conductor = asked.conductor = WatchedConductor(FIXED, backend, asked)
    conductor.window, conductor.on_window, conductor.on_instant = WINDOW, lambda: None, lambda *_: None
    conductor.run()

    assert asked.told == {
        "as they are": frozenset({0, 1, 2}),
        "one waits behind another": frozenset(),
        "somebody watches": frozenset(),
        "what is sent comes back at once": frozenset(),
        "nobody takes them": frozenset(),
        "a timer is due": frozenset(),
    }


def test_a_search_finds_the_same_with_fewer_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With trials and without, which also counts some orders as classes by which nobody was the wiser: those of runs
    that were known before the answers came.
    """
    plan = msgspec.structs.replace(DIRECT, horizon=at(12))
    menu = [Exit(target="workers[2]"), Raise(target="trainer[1]", text="boom")]

    with_trials = explore_exhaustively(plan, menu, at_most=1, window=WINDOW)
    monkeypatch.setattr(Trials, "are_alike", lambda *_: False)
    without = explore_exhaustively(plan, menu, at_most=1, window=WINDOW)

    assert set(with_trials.counts) == set(without.counts) != set()
    assert with_trials.classes <= without.classes
    assert with_trials.runs < without.runs / 2
