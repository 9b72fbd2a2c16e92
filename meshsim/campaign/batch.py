"""The unit of a campaign: an exploration of one plan by one strategy with a seed of its own.

What a batch gives depends on what it is and on nothing else, so whoever runs batches, in whatever order, gets the same.
Both ends are bytes: a task travels to other machines, what was done goes into the ledger.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from itertools import count, islice

import msgspec

from meshsim.explore.explorer import Exploration, Task, explore
from meshsim.explore.finding import Signature
from meshsim.explore.running import LIMITS
from meshsim.oracle.verdict import Violation
from meshsim.run.limits import Limits
from meshsim.scenario.plan import Plan, decode_plan, encode_plan, plan_digest
from meshsim.scenario.streams import DRAWN_SEED_MAX, stream
from meshsim.versions import version_of

#: Runs of a batch, unless told otherwise. Source: chosen here: four generations of the explorer, so that a strategy
#: which learns can, and few enough that a campaign which is killed loses seconds.
RUNS = 512


class Key(msgspec.Struct, frozen=True, order=True):
    """What tells one batch from another; two with the same key give the same. In the order in which they are run."""

    #: How many batches with the same rest come before it.
    round: int
    plan_digest: str
    strategy: str
    #: The campaign's, which that of the batch is drawn from.
    seed: int
    #: Tags of the kinds of faults that may be used; all when empty.
    kinds: tuple[str, ...]
    runs: int


class BatchTask(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that is to be run."""

    key: Key
    plan: bytes
    limits: Limits = LIMITS
    #: Of meshsim: another one may find something else.
    version: str

    @property
    def seed(self) -> int:
        """The seed of the exploration: with it, `meshsim explore` finds the same."""
        key = self.key
        return stream(key.seed, "campaign", key.plan_digest, key.strategy, key.round).randrange(DRAWN_SEED_MAX)


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """A distinct finding of a batch."""

    signature: Signature
    #: The first run of the batch that showed it, from 0, and how many did.
    run: int
    count: int
    #: Wall time from the beginning of the batch until it was known, seconds.
    after_s: float
    #: The plan of that run, which needs no strategy, by `encode_plan`.
    plan: bytes
    violation: Violation


class LostRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run whose process crashed, or was killed because it came to no end."""

    run: int
    why: str


class BatchDone(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    """What a batch gave. All of it but wall times is the same whoever ran it."""

    runs: int
    outcomes: dict[str, int]
    #: In the order in which they were found.
    sightings: tuple[Sighting, ...]
    #: Features of the model that were reached, in order of their numbers; see `meshsim.explore.coverage`.
    coverage: tuple[int, ...]
    #: By invariant: in how many runs it was violated.
    violated: dict[str, int]
    decisions: int
    records: int
    lost: tuple[LostRun, ...]
    #: Wall time, seconds.
    wall_s: float


class BatchFailed(msgspec.Struct, frozen=True, tag="failed"):
    """A batch that gave nothing: a defect of meshsim's own, or a class that this machine does not have."""

    why: str


Answer = BatchDone | BatchFailed

_ENCODER = msgspec.msgpack.Encoder()
_TASK = msgspec.msgpack.Decoder(BatchTask)
_ANSWER: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)


def encode_task(task: BatchTask) -> bytes:
    return _ENCODER.encode(task)


def decode_answer(data: bytes) -> Answer:
    """What `run_encoded` gave."""
    return _ANSWER.decode(data)


def run_encoded(data: bytes) -> bytes:
    """Run an encoded task and encode what it gives: `BatchDone`, or `BatchFailed` if it raises."""
    answer: Answer
    try:
        task = _TASK.decode(data)
        here = version_of("meshsim")
        if here == task.version:
            answer = run_batch(task)
        else:
            answer = BatchFailed(f"meshsim is {here} where it was to run, and {task.version} where the campaign is")
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        answer = BatchFailed(f"{type(error).__name__} in {place.name}, line {place.lineno}: {error}")
    return _ENCODER.encode(answer)


def run_batch(task: BatchTask) -> BatchDone:
    """Run one batch, each run in a process that may crash.

    Raises:
        NothingToDoError: none of the kinds of faults can do anything in the plan.
        ScenarioError: a class that the plan names cannot be imported.
    """
    exploration = explore(
        Task(
            plans=(decode_plan(task.plan),),
            strategy=task.key.strategy,
            seed=task.seed,
            kinds=task.key.kinds,
            runs=task.key.runs,
            jobs=1,
            limits=task.limits,
        )
    )
    return _done(exploration)


def _done(exploration: Exploration) -> BatchDone:
    return BatchDone(
        runs=exploration.runs,
        outcomes=dict(sorted(exploration.outcomes.items())),
        sightings=tuple(
            Sighting(
                signature=signature,
                run=found.run,
                count=found.count,
                after_s=found.after_s,
                plan=encode_plan(found.finding.plan),
                violation=found.finding.violation,
            )
            for signature, found in exploration.found.items()
        ),
        coverage=tuple(sorted(exploration.coverage)),
        violated=dict(sorted(exploration.violated.items())),
        decisions=exploration.decisions,
        records=exploration.records,
        lost=tuple(LostRun(run=lost.run, why=lost.why) for lost in exploration.lost),
        wall_s=exploration.elapsed_s,
    )


class Agenda:
    """The batches of a campaign that are not done yet, in order, the nth of them by index; it may have no end.

    Round by round, so that all plans and strategies get the same number of runs.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        strategies: Sequence[str],
        *,
        seed: int = 0,
        kinds: Sequence[str] = (),
        runs: int = RUNS,
        rounds: int | None = None,
        limits: Limits = LIMITS,
        done: frozenset[Key] = frozenset(),
    ) -> None:
        self.plans = {plan_digest(plan): plan for plan in plans}
        self._encoded = {digest: encode_plan(plan) for digest, plan in self.plans.items()}
        self._strategies = tuple(strategies)
        self._seed = seed
        self._kinds = tuple(kinds)
        self._runs = runs
        self._rounds = rounds
        self._limits = limits
        self._done = done
        self._coming = self._keys()
        self._known: list[Key] = []

    @property
    def left(self) -> int | None:
        """How many batches there are to run; none when there is no end to them."""
        return None if self._rounds is None else sum(1 for _ in self._keys())

    def task(self, index: int) -> BatchTask:
        """The batch at this place, from 0, among those that were not done when this began."""
        self._known += islice(self._coming, max(0, index + 1 - len(self._known)))
        key = self._known[index]
        return BatchTask(
            key=key, plan=self._encoded[key.plan_digest], limits=self._limits, version=version_of("meshsim")
        )

    def _keys(self) -> Iterator[Key]:
        for number in count() if self._rounds is None else range(self._rounds):
            for digest in self.plans:
                for strategy in self._strategies:
                    key = Key(number, digest, strategy, self._seed, self._kinds, self._runs)
                    if key not in self._done:
                        yield key
