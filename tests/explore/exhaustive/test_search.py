"""An exhaustive search against brute force, and what it promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypedDict

import msgspec
import pytest
from small_worlds import mesh

from meshsim.drive.agenda import Entry
from meshsim.drive.conductor import Conductor
from meshsim.explore.concerning import is_timer
from meshsim.explore.exhaustive.alike import alike_of
from meshsim.explore.exhaustive.cases import Case
from meshsim.explore.exhaustive.search import Exhausted, explore_exhaustively, pieces_of
from meshsim.explore.exhaustive.trunk import Trunk
from meshsim.explore.finding import Signature, findings_of
from meshsim.explore.forking import Checkpoint
from meshsim.explore.state import digest_of, history, renamings_of, settled_digest
from meshsim.faults.kinds import DeliveryTimeout, Exit, Fault, Partition, Raise, Stall
from meshsim.model.actors.registry import default_program
from meshsim.model.messages import Envelope
from meshsim.oracle.judge import judge
from meshsim.run import run_plan
from meshsim.run.execute import brief_of
from meshsim.run.limits import Limits
from meshsim.scenario.plan import Plan, with_profile
from meshsim.scenario.schema import StopActorsOp
from meshsim.sim import SimBackend
from meshsim.trace.records import FaultMissed
from meshsim.units import MS, Duration, S


def world(per_host: int, profile: str = "fixed") -> Plan:
    """Polled once from 2.012 s to 2.016 s under `fixed`: three timers, then messages of 1 ms each."""
    return with_profile(mesh(per_host=per_host, horizon_s=6), profile)


def menu(per_host: int, *kinds: str) -> list[Fault]:
    made: dict[str, list[Fault]] = {
        "exit": [Exit(target=f"workers[{rank}]") for rank in range(per_host)],
        "raise": [Raise(target=f"trainer[{rank}]", text="boom") for rank in range(per_host)],
        "stall": [Stall(target=f"workers[{rank}]", for_=Duration(3 * S)) for rank in range(per_host)],
    }
    return [fault for kind in kinds for fault in made[kind]]


# --- brute force -----------------------------------------------------------------------------------------------


class Told:
    """Takes whatever it is told to at each tie of the window, whoever is concerned; the first when nothing is said."""

    def __init__(self, told: Sequence[int], window: tuple[int, int]) -> None:
        self._told = told
        self._window = window
        self.counts: list[int] = []

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        if not self._window[0] <= at_ns < self._window[1]:
            return 0
        waiting: set[str] = set()
        may = []
        for index, entry in enumerate(entries):
            if not (is_timer(entry) and entry[1][0] in waiting):
                may.append(index)
            if is_timer(entry):
                waiting.add(entry[1][0])
        turn = len(self.counts)
        self.counts.append(len(may))
        return may[self._told[turn]] if turn < len(self._told) else 0


def in_every_order(plan: Plan, window: tuple[int, int]) -> Iterator[tuple[Conductor, SimBackend]]:
    """Every run that can be made by breaking each tie of the window in each way."""
    told: list[int] = []
    while True:
        order = Told(told, window)
        backend = SimBackend(default_program())
        conductor = Conductor(plan, backend, order)
        conductor.run()
        yield conductor, backend
        told = [*told, *[0] * (len(order.counts) - len(told))]
        while told and told[-1] == order.counts[len(told) - 1] - 1:
            told.pop()
        if not told:
            return
        told[-1] += 1


class Seen(NamedTuple):
    """What brute force sees."""

    #: Of each run its class, and what has come of it: its end and what was recorded, but for orders in an instant.
    runs: set[tuple[bytes, bytes]]
    signatures: set[Signature]

    @property
    def classes(self) -> int:
        return len({class_ for class_, _ in self.runs})

    @property
    def classes_settled(self) -> int:
        """Classes, those counted once of which the same has come."""
        groups: list[set[bytes]] = []
        for run in self.runs:
            same = [group for group in groups if not group.isdisjoint(run)]
            groups = [*(group for group in groups if group not in same), set(run).union(*same)]
        return len(groups)


def by_brute_force(plan: Plan, faults: Sequence[Fault], at_most: int, window: tuple[int, int]) -> Seen:
    """All orders of all placements, right before and right behind every instant."""
    renamings = renamings_of(alike_of(plan).groups)
    seen = Seen(set(), set())
    instants: set[int] = {window[0]}
    for conductor, backend in in_every_order(plan, window):
        records = conductor.records
        if any(isinstance(record.what, FaultMissed) for record in records):
            continue
        class_ = digest_of(history(records, conductor.directory, timed=False), renamings=renamings)
        seen.runs.add((class_, settled_digest(conductor, backend.nodes)))
        seen.signatures.update(each.signature for each in findings_of(plan, records, judge(brief_of(plan), records)))
        # What is delivered is acknowledged half a second later; nothing is recorded then.
        delivered = {record.at + 500 * MS for record in records if isinstance(record.what, Envelope)}
        instants |= {at_ns for at_ns in {record.at for record in records} | delivered if window[0] <= at_ns < window[1]}
    if at_most:
        since = max((int(fault.at) for fault in plan.faults if fault.at is not None), default=0)
        for at_ns in sorted({max(window[0], instant + by) for instant in instants for by in (0, 1)}):
            for fault in faults if since <= at_ns < window[1] else ():
                placed = msgspec.structs.replace(fault, at=Duration(at_ns))
                more = msgspec.structs.replace(plan, faults=(*plan.faults, placed))
                found = by_brute_force(more, faults, at_most - 1, window)
                seen.runs.update(found.runs)
                seen.signatures.update(found.signatures)
    return seen


def window(begin_ms: float, end_ms: float) -> tuple[int, int]:
    return int(begin_ms * MS), int(end_ms * MS)


@pytest.mark.parametrize(
    ("per_host", "kinds", "at_most", "within"),
    [
        # Orders alone: a request and two casts at one instant, casts at another, replies at a third.
        (2, ["exit"], 0, window(2_000, 2_018)),
        # One fault of three kinds, among casts and replies.
        (2, ["exit", "raise", "stall"], 1, window(2_014.5, 2_018)),
        # One fault while a request, two casts and the death of a process meet.
        (2, ["exit"], 1, window(2_012.5, 2_014)),
        # Two faults.
        (2, ["exit"], 2, window(2_016, 2_016.5)),
        # Ranks that may change places.
        (3, ["exit"], 1, window(2_016, 2_016.5)),
        # Silence: nothing is delivered, but what was delivered before is acknowledged.
        (2, ["exit", "raise", "stall"], 1, window(2_016.5, 2_600)),
        # Two faults in silence, one timer in between: most of it goes on as something else did.
        (2, ["exit"], 2, window(4_000, 4_012.5)),
        (2, ["raise"], 2, window(4_000, 4_013.5)),
    ],
    ids=[
        *("orders", "one fault", "a death in between", "two faults", "three ranks"),
        *("silence", "two deaths in silence", "two failures in silence"),
    ],
)
def test_it_sees_what_brute_force_sees(per_host: int, kinds: list[str], at_most: int, within: tuple[int, int]) -> None:
    """As many classes and the same findings; every case of the search is one of brute force as well, so that as many
    classes are the same classes. Where equal states are settled none is lost of which something else has come, and the
    same is found; what an order leaves behind for a while alone may count.
    """
    plan, faults = world(per_host), menu(per_host, *kinds)

    result = explore_exhaustively(plan, faults, at_most=at_most, window=within, settled=False)
    seen = by_brute_force(plan, faults, at_most, within)
    settled = explore_exhaustively(plan, faults, at_most=at_most, window=within)

    assert (result.classes, set(result.counts)) == (seen.classes, seen.signatures)
    assert seen.classes_settled <= settled.classes <= seen.classes
    assert (settled.runs <= result.runs, set(settled.counts)) == (True, seen.signatures)
    assert (result.left, result.lost, result.is_complete) == (0, [], True)


def test_with_quirks_it_finds_what_brute_force_finds() -> None:
    """Where equal states are settled, runs are broken off, judged or known: nothing wrong gets lost with them."""
    plan, faults, within = world(2, "2026-03"), menu(2, "exit", "raise"), window(2_021.5, 2_022.5)

    seen = by_brute_force(plan, faults, 1, within)
    found = [explore_exhaustively(plan, faults, at_most=1, window=within, settled=each) for each in (False, True)]

    assert [set(result.counts) for result in found] == [seen.signatures, seen.signatures]
    assert seen.signatures
    assert [result.classes for result in found] == [seen.classes, seen.classes_settled]
    assert seen.classes_settled < seen.classes


# --- what it promises ------------------------------------------------------------------------------------------

POLL = window(2_014.5, 2_018)


class Bounded(TypedDict):
    at_most: int
    window: tuple[int, int]


def told(result: Exhausted) -> tuple[object, ...]:
    findings = [(each.signature, each.plan, each.violation) for each in result.findings]
    return result.classes, result.runs, result.left, result.missed, result.again, findings, result.counts


def test_two_processes_find_what_one_finds() -> None:
    """In pieces of work that come back in any order."""
    plan, faults = world(2, "2026-03"), menu(2, "exit", "raise", "stall")
    bounds = Bounded(at_most=1, window=window(2_021, 2_026))

    alone = explore_exhaustively(plan, faults, **bounds)

    assert alone.runs > 32, "else there is one piece of work"
    assert alone.again, "else no run is broken off"
    assert alone.findings
    assert told(explore_exhaustively(plan, faults, jobs=2, **bounds)) == told(alone)


def test_a_finding_is_a_plan_that_shows_it_again() -> None:
    """Faults and orders are in it, and every order that was asked for comes up."""
    result = explore_exhaustively(world(2, "2026-03"), menu(2, "exit"), at_most=1, window=window(2_020.5, 2_026))

    assert result.findings
    for finding in result.findings:
        run = run_plan(finding.plan, "sim")
        again = findings_of(finding.plan, run.records, run.verdict)
        assert finding.signature in {each.signature for each in again}


def test_ranks_that_are_alike_are_gone_into_once() -> None:
    """Unfolded there is more to do, and nothing else to find."""
    plan, faults = world(3), menu(3, "exit", "raise")
    bounds = Bounded(at_most=1, window=window(2_014.5, 2_015.5))

    folded = explore_exhaustively(plan, faults, **bounds)
    unfolded = explore_exhaustively(plan, faults, folded=False, **bounds)

    assert folded.runs < unfolded.runs
    assert folded.classes < unfolded.classes
    assert set(folded.counts) == set(unfolded.counts)


def test_a_search_that_stops_early_says_how_much_is_left() -> None:
    """Known by a search to the end: 0 is left of that."""
    plan, faults = world(2), menu(2, "exit", "raise")
    whole = explore_exhaustively(plan, faults, at_most=1, window=POLL)

    early = explore_exhaustively(plan, faults, at_most=1, window=POLL, limit=whole.runs // 3)

    rest = whole.runs - early.runs
    assert (early.runs, early.is_complete, whole.left_estimate) == (whole.runs // 3, False, 0)
    assert 0 < early.left <= rest
    assert rest / 2 <= early.left_estimate <= rest * 2
    assert early.line() == (
        f"{early.classes} classes explored, {early.left} left, about {early.left_estimate} with what follows"
    )


def test_it_stops_when_it_is_told_to() -> None:
    """After the piece of work that was begun; what was not begun is left."""
    asked: list[int] = []

    def goes_on() -> bool:
        asked.append(0)
        return len(asked) < 3

    result = explore_exhaustively(world(2), menu(2, "exit", "raise"), at_most=1, window=POLL, goes_on=goes_on)

    assert 0 < result.runs <= 1 + 2 * 16
    assert result.left > 0


def test_a_run_that_reaches_a_limit_is_lost() -> None:
    """Then the search is not complete, although nothing is left."""
    result = explore_exhaustively(world(2), menu(2, "exit"), at_most=1, window=POLL, limits=Limits(steps=10))

    assert (result.runs, result.left, result.is_complete) == (1, 0, False)
    assert result.lost[0].startswith("limit reached: 10 steps")


def test_cases_of_one_fault_at_different_times_are_one_piece_of_work() -> None:
    """So that one is broken off where it goes on as the one before, whoever runs them."""
    placed = [
        *(Case().placing(Exit(target="workers[0]"), at_ns) for at_ns in range(1, 16)),
        *(Case().placing(Exit(target="workers[1]"), at_ns) for at_ns in range(1, 6)),
        *(Case().placing(Raise(target="trainer[1]", text="boom"), at_ns) for at_ns in range(1, 3)),
    ]

    assert [len(piece) for piece in pieces_of(placed)] == [20, 2]


def test_until_first_stops_behind_the_portion_that_finds_something() -> None:
    plan, faults = world(2, "2026-03"), menu(2, "exit")

    result = explore_exhaustively(plan, faults, at_most=2, window=window(2_020.5, 2_022), until_first=True)

    assert result.findings
    assert result.left
    assert all(len(each.plan.faults) == 1 for each in result.findings)


def test_a_fault_that_finds_nobody_is_no_case() -> None:
    """The second exit of a process is missed; two exits of one are not counted, nor gone into."""
    faults = [Exit(target="workers[0]")]

    once = explore_exhaustively(world(2), faults, at_most=1, window=window(2_015.5, 2_016.5))
    twice = explore_exhaustively(world(2), faults, at_most=2, window=window(2_015.5, 2_016.5))

    assert (once.missed, twice.classes) == (0, once.classes)
    assert twice.missed == twice.runs - once.runs > 0


def test_what_all_cases_have_in_common_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes on from a copy of it, and comes to what it comes to from the beginning; also where the world has faults
    and operations of its own at the times at which faults are placed.
    """
    begun: list[Plan] = []

    def begin(conductor: Conductor) -> None:
        begun.append(conductor.plan)
        original(conductor)

    original = Conductor.begin
    monkeypatch.setattr(Conductor, "begin", begin)
    stalled = mesh(per_host=2, horizon_s=6, faults=[Stall(target="workers[0]", at=Duration(2_020 * MS))])
    stopped = mesh(per_host=2, horizon_s=6, operations=[StopActorsOp(mesh="trainer", at=Duration(2_022 * MS))])
    for plan in (stalled, stopped, world(2, "2026-03")):
        searched = plan, menu(2, "exit", "raise", "stall")
        bounds = Bounded(at_most=1, window=window(2_019, 2_026))
        begun.clear()

        forked = explore_exhaustively(*searched, **bounds)

        assert begun == [plan]
        with monkeypatch.context() as patched:
            patched.setattr(Trunk, "_reached", lambda _: None)
            assert told(explore_exhaustively(*searched, **bounds)) == told(forked)
        assert len(begun) == 1 + forked.runs > 30


def test_a_world_that_cannot_be_copied_is_run_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's machine may hold what only one can have."""
    bounds = Bounded(at_most=1, window=POLL)
    expected = told(explore_exhaustively(world(2), menu(2, "exit"), **bounds))

    def fail(*_: object) -> None:
        raise TypeError("cannot pickle '_thread.lock' object")

    monkeypatch.setattr(Checkpoint, "__init__", fail)

    assert told(explore_exhaustively(world(2), menu(2, "exit"), **bounds)) == expected


def test_cuts_are_placed_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """They stop what is on its way when the window begins: whoever carries it has to expect that."""
    searched = world(2), [Partition(target="workers[0]"), DeliveryTimeout(target="host0")]
    bounds = Bounded(at_most=1, window=window(2_015.5, 2_016.5))

    forked = explore_exhaustively(*searched, **bounds)
    monkeypatch.setattr(Trunk, "_reached", lambda _: None)

    assert forked.classes > 2
    assert told(explore_exhaustively(*searched, **bounds)) == told(forked)
