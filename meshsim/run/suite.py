"""Many runs: each plan on its backends, one after the other or by several processes, with a budget.

What comes back of a run is its `Outcome`; its records are in its run directory, if it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import msgspec

from meshsim.oracle.verdict import Verdict
from meshsim.run.choosing import in_order
from meshsim.run.directory import OutputError, prepare, write_run
from meshsim.run.execute import RunResult, compared, reproduce_command, run_plan
from meshsim.run.limits import Limits
from meshsim.run.outcome import Keep, Outcome, Ran, outcome, ran
from meshsim.run.pace import Pace
from meshsim.run.program import program_of
from meshsim.run.twin import Twin
from meshsim.run.workers import Work, WorkerDiedError, Workers
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan
from meshsim.scenario.streams import stream_key

#: Tells the records behind each violation of a result in lines.
Tell = Callable[[RunResult], tuple[tuple[str, ...], ...]]


class Job(msgspec.Struct, frozen=True):
    """One plan, and the backends that it runs on."""

    plan: Plan
    backends: tuple[str, ...]
    #: Whether each of its runs is repeated elsewhere, to see that it is deterministic.
    is_repeated: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How a suite is run."""

    out: Path = Path("out")
    keep: Keep = "all"
    #: Processes that run plans; 1: this one.
    workers: int = 1
    #: No run is begun after the first that is violated.
    fail_fast: bool = False
    #: No run is begun after this wall time, seconds.
    budget_s: float | None = None
    limits: Limits = Limits()
    pace: Pace = Pace()


class Suite(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the jobs: outcomes in the order of the jobs, `sim`, `lockstep`, `live`."""

    outcomes: list[Outcome]
    #: Jobs that were not begun, and why not.
    left: list[Job] = []
    why_left: str = ""


def repeat_share(jobs: Sequence[Job], share: float) -> list[Job]:
    """The jobs with a share of them marked to be repeated: at least one if the share is not 0, the same each time."""
    count = math.ceil(share * len(jobs))
    order = sorted(range(len(jobs)), key=lambda index: _lot(jobs[index]))
    chosen = frozenset(order[:count])
    return [msgspec.structs.replace(job, is_repeated=index in chosen) for index, job in enumerate(jobs)]


def _lot(job: Job) -> int:
    plan = job.plan
    return stream_key(plan.seed, "repeated", plan.scenario, variant_label(plan.variant), plan.profile)


def run_suite(
    jobs: Sequence[Job],
    settings: Settings,
    tell: Tell,
    *,
    began: Callable[[Job], None] = lambda _: None,
    over: Callable[[Job, Sequence[Outcome]], None] = lambda *_: None,
    done: Callable[[Outcome], None] = lambda _: None,
    tick: Callable[[], None] = lambda: None,
) -> Suite:
    """Run jobs and keep their runs.

    `began` and `over` are called as it happens, `done` with each outcome in the order of the jobs; `tick` now and then
    while nothing happens and several processes are at work.

    Raises:
        ScenarioError: a class that a plan names cannot be imported; nothing has run.
        OutputError: `settings.out` cannot be written.
    """
    # Seeds of one variant have the same classes; variants may name others.
    for plan in {
        (job.plan.source, job.plan.scenario, variant_label(job.plan.variant)): job.plan for job in jobs
    }.values():
        program_of(plan)
    if settings.keep != "none":
        prepare(settings.out)
    bench = _Bench(jobs, settings, tell)
    tally = _Tally(jobs, settings, over, done)

    def begin(index: int) -> bool:
        if not tally.may_begin():
            return False
        began(jobs[index])
        return True

    workers = min(settings.workers, len(jobs))
    if workers > 1:
        with Workers(workers, bench) as crew:
            for index, answer in crew.run(len(jobs), begin, tick):
                tally.finish(index, bench.answered(index, answer))
    else:
        with bench:
            for index, job in enumerate(jobs):
                if not begin(index):
                    break
                tally.finish(index, bench.run(job))
    return tally.suite()


class _Bench(Work):
    """Where jobs are done: in this process, or in each worker."""

    def __init__(self, jobs: Sequence[Job], settings: Settings, tell: Tell) -> None:
        self._jobs = jobs
        self._settings = settings
        self._tell = tell
        self._twin = Twin(settings.limits)

    def __exit__(self, *_: object) -> None:
        self._twin.close()

    def run(self, job: Job) -> list[Ran]:
        """Run a plan on its backends, and keep the runs."""
        results: dict[str, RunResult] = {}
        rans = []
        # `sim` first: it is what `lockstep` is compared with.
        for backend in in_order(job.backends):
            result = run_plan(job.plan, backend, limits=self._settings.limits, pace=self._settings.pace)
            if backend == "lockstep" and "sim" in results:
                result = compared(results["sim"], result)
            if job.is_repeated:
                result = self._twin.repeated(result)
            results[backend] = result
            rans.append(self._kept(result, is_repeated=job.is_repeated))
        return rans

    def _kept(self, result: RunResult, *, is_repeated: bool) -> Ran:
        keep, verdict = self._settings.keep, result.verdict.outcome
        is_kept = keep == "all" or (keep == "red" and verdict != "passed")
        place = str(write_run(result, self._settings.out)) if is_kept else ""
        evidence = self._tell(result) if verdict == "violated" else ()
        return ran(result, place=place, evidence=evidence, is_repeated=is_repeated)

    def do(self, index: int) -> bytes:
        """In a worker: what became of a job."""
        try:
            return _ENCODER.encode(_Answer(self.run(self._jobs[index])))
        except OutputError as error:
            return _ENCODER.encode(_Answer([], str(error)))

    def answered(self, index: int, data: bytes | WorkerDiedError) -> list[Ran]:
        """In the parent: what a worker sent, or that it died."""
        job = self._jobs[index]
        if isinstance(data, WorkerDiedError):
            verdict = Verdict(outcome="inconclusive", reason=str(data))
            return [
                Ran(backend=backend, digest="", verdict=verdict, reproduce=self._command(job.plan, backend))
                for backend in job.backends
            ]
        answer = _DECODER.decode(data)
        if answer.error:
            raise OutputError(answer.error)
        return answer.rans

    def _command(self, plan: Plan, backend: str) -> str:
        return reproduce_command(plan, backend, self._settings.pace.time_scale if backend == "live" else 1.0)


class _Answer(msgspec.Struct, frozen=True):
    """What a worker sends of a job."""

    rans: list[Ran]
    #: Why it could not be kept; empty when it was.
    error: str = ""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Answer)


class _Tally:
    """What is over, and whether more may begin."""

    def __init__(
        self,
        jobs: Sequence[Job],
        settings: Settings,
        over: Callable[[Job, Sequence[Outcome]], None],
        done: Callable[[Outcome], None],
    ) -> None:
        self._jobs = jobs
        self._fail_fast = settings.fail_fast
        self._over = over
        self._done = done
        self._deadline = math.inf if settings.budget_s is None else perf_counter() + settings.budget_s
        self._outcomes: dict[int, list[Outcome]] = {}
        #: Jobs below this one have been passed on.
        self._passed_on = 0
        self._why_left = ""

    def may_begin(self) -> bool:
        if not self._why_left and perf_counter() > self._deadline:
            self._why_left = "the time budget is used up"
        return not self._why_left

    def finish(self, index: int, rans: list[Ran]) -> None:
        """Jobs are begun in order, so none that is over has one before it that never will be."""
        outcomes = self._outcomes[index] = [outcome(self._jobs[index].plan, of) for of in rans]
        if self._fail_fast and any(each.verdict.outcome == "violated" for each in outcomes):
            self._why_left = "a run before was violated"
        self._over(self._jobs[index], outcomes)
        while self._passed_on in self._outcomes:
            for each in self._outcomes[self._passed_on]:
                self._done(each)
            self._passed_on += 1

    def suite(self) -> Suite:
        return Suite(
            outcomes=[each for index in sorted(self._outcomes) for each in self._outcomes[index]],
            left=[job for index, job in enumerate(self._jobs) if index not in self._outcomes],
            why_left=self._why_left,
        )
