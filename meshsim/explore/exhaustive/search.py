"""The search: generation by generation, until nothing is left or enough was seen."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Iterator, Sequence, Set
from random import Random

import msgspec

from meshsim.explore.exhaustive.branching import Branched, Brancher
from meshsim.explore.exhaustive.cases import Bounds, Case
from meshsim.explore.exhaustive.estimate import estimated
from meshsim.explore.finding import Finding, Signature
from meshsim.explore.running import LIMITS
from meshsim.faults.kinds import Fault
from meshsim.run.limits import Limits
from meshsim.run.workers import WorkerDiedError, Workers
from meshsim.scenario.plan import Plan

#: How many cases a worker is given at a time, at least. Source: chosen here: a tenth of a second or two.
_PIECE = 16
#: How many cases are run before what they came to is known to all workers. Source: chosen here: some seconds of work.
_AT_ONCE = 256
#: How many times the rest is sounded. Source: chosen here: as many runs as one piece of work.
_PROBES = 32


class Exhausted(msgspec.Struct, kw_only=True):
    """What a search has seen."""

    #: Different histories, times and changed places aside; and orders aside by which nobody was the wiser, if equal
    #: states are settled.
    classes: int = 0
    runs: int = 0
    #: Cases that are known and were not run.
    left: int = 0
    #: About how many there are with all that follows from them, states that come up again counted each time; 0 when
    #: none is left.
    left_estimate: int = 0
    #: Runs in which a fault found nobody to strike: no cases.
    missed: int = 0
    #: Cases that came into a state that another one had been in.
    again: int = 0
    #: Distinct findings, in the order in which they were found, and how many runs showed each.
    findings: list[Finding] = []
    counts: dict[Signature, int] = {}
    #: Why cases were not seen: a run was broken off, or a worker ended with its piece of work.
    lost: list[str] = []

    @property
    def is_complete(self) -> bool:
        """Whether everything within the bounds was seen."""
        return not self.left and not self.lost

    def line(self) -> str:
        """One line for people."""
        left = f"{self.left} left" + (f", about {self.left_estimate} with what follows" if self.left else "")
        lost = f", {len(self.lost)} lost" if self.lost else ""
        return f"{self.classes} classes explored, {left}{lost}"


def explore_exhaustively(
    plan: Plan,
    menu: Sequence[Fault],
    *,
    at_most: int,
    window: tuple[int, int],
    jobs: int = 1,
    limit: int | None = None,
    goes_on: Callable[[], bool] = lambda: True,
    folded: bool = True,
    settled: bool = True,
    until_first: bool = False,
    limits: Limits = LIMITS,
    tell: Callable[[Exhausted], None] = lambda _: None,
) -> Exhausted:
    """Run everything within the bounds, on `sim`; the same result whatever the number of jobs.

    Args:
        plan: what all cases have in common.
        menu: what can go wrong: faults without a time, each with one target.
        at_most: how many faults a case has at most.
        window: from which instant on and before which one faults are placed and ties are broken, nanoseconds.
        jobs: how many processes.
        limit: how many runs at most; then the rest is estimated.
        goes_on: asked before each piece of work is begun; once it says no, the rest is estimated.
        folded: whether ranks that are alike are folded.
        settled: whether a state that came about in another order, and is the same, is gone into once; then its classes
            count once.
        until_first: whether to stop behind the first portion of cases that finds something.
        limits: of each run; one that reaches a limit is lost.
        tell: called after each piece of work.
    """
    bounds = Bounds(menu=tuple(menu), at_most=at_most, window=window, folded=folded, settled=settled)
    search = _Search(Brancher(plan, bounds, limits), tell)
    search.run(jobs, limit, goes_on, until_first=until_first)
    return search.result


class _Search:
    def __init__(self, brancher: Brancher, tell: Callable[[Exhausted], None]) -> None:
        self._brancher = brancher
        self._tell = tell
        self._upcoming: list[Case] = [Case()]
        self._known = {Case().key}
        self._states: set[bytes] = set()
        self._classes: set[bytes] = set()
        self.result = Exhausted()

    def run(self, jobs: int, limit: int | None, goes_on: Callable[[], bool], *, until_first: bool) -> None:
        result = self.result
        while self._upcoming and (limit is None or result.runs < limit) and not (until_first and result.findings):
            count = _AT_ONCE if limit is None else min(_AT_ONCE, limit - result.runs)
            generation, rest = self._upcoming[:count], self._upcoming[count:]
            self._upcoming = []
            pieces = pieces_of(generation)
            done = 0
            for piece in _run_all(self._brancher, pieces, self._states, jobs, goes_on):
                done += 1
                self._take(piece)
                self._tell(result)
            undone = [case for piece in pieces[done:] for case in piece]
            self._upcoming = [*undone, *rest, *self._upcoming]
            if undone:
                break
        result.left = len(self._upcoming)
        if result.left:
            result.left_estimate = estimated(self._upcoming, self._children, Random(0), _PROBES)

    def _children(self, case: Case) -> tuple[Case, ...]:
        return self._brancher.run(case).cases

    def _take(self, piece: list[Branched] | str) -> None:
        """Learn from a piece of work."""
        if isinstance(piece, str):
            self.result.lost.append(piece)
            return
        for each in piece:
            self._take_one(each)

    def _take_one(self, branched: Branched) -> None:
        result = self.result
        result.runs += 1
        if branched.broken_off:
            result.lost.append(branched.broken_off)
            return
        if branched.missed:
            result.missed += 1
            return
        for finding in branched.findings:
            if finding.signature not in result.counts:
                result.findings.append(finding)
            result.counts[finding.signature] = result.counts.get(finding.signature, 0) + 1
        if branched.class_:
            self._classes.add(branched.class_)
        result.classes = len(self._classes)
        until_ns = min((at_ns for at_ns, state in branched.states if state in self._states), default=None)
        if until_ns is not None or not branched.class_:
            result.again += 1
        self._states.update(state for _, state in branched.states)
        for case in branched.cases:
            if (until_ns is None or case.since <= until_ns) and case.key not in self._known:
                self._known.add(case.key)
                self._upcoming.append(case)


def _run_all(
    brancher: Brancher,
    pieces: Sequence[Sequence[Case]],
    states: Set[bytes],
    jobs: int,
    goes_on: Callable[[], bool],
) -> Iterator[list[Branched] | str]:
    """What became of the pieces, in their order, run by so many processes; not of those that were not begun."""
    if jobs == 1 or len(pieces) == 1:
        known = frozenset(states)
        for piece in pieces:
            if not goes_on():
                return
            yield _run_piece(brancher, piece, known)
        return
    answers: dict[int, list[Branched] | str] = {}
    done = 0
    patience_s = max(map(len, pieces)) * brancher.limits.wall_s
    # The largest first, so that no worker is left with one when the others have nothing to do.
    largest = sorted(range(len(pieces)), key=lambda index: -len(pieces[index]))
    bench = _Bench(brancher, [pieces[index] for index in largest], states)
    with Workers(min(jobs, len(pieces)), bench, patience_s=patience_s) as crew:
        for place, answer in crew.run(len(pieces), lambda _: goes_on()):
            answers[largest[place]] = str(answer) if isinstance(answer, WorkerDiedError) else pickle.loads(answer)
            while done in answers:
                yield answers.pop(done)
                done += 1


def pieces_of(cases: Sequence[Case]) -> list[list[Case]]:
    """Cases in pieces of work; those that differ in nothing but when the last fault strikes are not parted."""
    pieces: list[list[Case]] = []
    before = None
    for case in cases:
        if not pieces or (len(pieces[-1]) >= _PIECE and case.siblings != before):
            pieces.append([])
        pieces[-1].append(case)
        before = case.siblings
    return pieces


def _run_piece(brancher: Brancher, piece: Sequence[Case], known: Set[bytes]) -> list[Branched]:
    """Run cases one after the other; each knows the states of those before it, and of former generations."""
    seen: set[bytes] = set()
    done = []
    for case in piece:
        branched = brancher.run(case, _Either(known, seen))
        seen.update(state for _, state in branched.states)
        done.append(branched)
    return done


class _Either:
    """What is in one of two sets."""

    def __init__(self, one: Set[bytes], other: Set[bytes]) -> None:
        self._one = one
        self._other = other

    def __contains__(self, item: object) -> bool:
        return item in self._one or item in self._other


class _Bench:
    """Where pieces of work are done: in each worker."""

    def __init__(self, brancher: Brancher, pieces: Sequence[Sequence[Case]], states: Set[bytes]) -> None:
        self._brancher = brancher
        self._pieces = pieces
        self._states = states

    def __enter__(self) -> None:
        # What is there stays, and a run leaves little behind: looking for it in between costs a tenth of the time.
        gc.freeze()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()
        gc.unfreeze()

    def do(self, index: int) -> bytes:
        branched = _run_piece(self._brancher, self._pieces[index], self._states)
        gc.collect()
        return pickle.dumps(branched)
