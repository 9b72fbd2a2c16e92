"""How far many runs have come: what is known of it, and as plain lines. `live_view` draws the same on a terminal.

It is told when a job begins and when it is over, by the process that hands them out, and does nothing in between: a
thread that draws would be there when processes are forked.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Protocol

from meshsim.procs.leftovers import Leftover, leftovers
from meshsim.run import Job, Outcome
from meshsim.scenario.plan import plan_label
from meshsim.units import S, format_duration

#: A plain line comes after so many runs, or after so many seconds of wall time. Source: chosen here.
LINE_RUNS, LINE_S = 100, 10.0

#: Seconds between two searches for processes that are left over. Source: chosen here; one takes some milliseconds.
LOOK_S = 5.0

#: How many of the slowest runs are named.
SLOWEST = 3

_VERDICTS = ("passed", "violated", "inconclusive")


class View(Protocol):
    """Shows progress to somebody."""

    def show(self, progress: Progress) -> None:
        """Something has changed, or time has passed."""

    def red(self, line: str) -> None:
        """The first run that did not pass, as soon as it is over."""


class Progress:
    """What has been, what is, and what there is to come. Times are wall times, seconds."""

    def __init__(
        self,
        jobs: Sequence[Job],
        workers: int,
        view: View,
        *,
        clock: Callable[[], float] = perf_counter,
        look: Callable[[Sequence[int]], list[Leftover]] = leftovers,
    ) -> None:
        self.total = sum(len(job.backends) for job in jobs)
        #: What each worker has now, and since when.
        self.running: list[tuple[Job, float] | None] = [None] * max(1, min(workers, len(jobs)))
        self.verdicts: Counter[str] = Counter()
        #: The longest runs, longest first.
        self.slowest: list[Outcome] = []
        self.first_red = ""
        self.leftovers: list[Leftover] = []
        #: Jobs that have not begun.
        self._ahead = len(jobs)
        self._view = view
        self._clock = clock
        self._look = look if any(set(job.backends) != {"sim"} for job in jobs) else lambda _: []
        self._started = clock()
        self._looked = self._started

    @property
    def done(self) -> int:
        return self.verdicts.total()

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._started

    @property
    def runs_per_s(self) -> float | None:
        """None until the first run is over."""
        return self.done / self.elapsed_s if self.done and self.elapsed_s > 0 else None

    @property
    def left_s(self) -> float | None:
        """How long it still takes if it goes on like this."""
        return None if self.runs_per_s is None else (self.total - self.done) / self.runs_per_s

    def began(self, job: Job) -> None:
        """A worker that is free has taken a job."""
        self.running[self.running.index(None)] = job, self._clock()
        self._ahead -= 1
        self._view.show(self)

    def over(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """A job's runs are over."""
        slot = next(index for index, each in enumerate(self.running) if each is not None and each[0] is job)
        self.running[slot] = None
        self.verdicts.update(each.verdict.outcome for each in outcomes)
        self.slowest = sorted([*self.slowest, *outcomes], key=lambda each: -each.wall_s)[:SLOWEST]
        red = next((each for each in outcomes if each.verdict.outcome != "passed"), None)
        if red is not None and not self.first_red:
            self.first_red = red_line(red)
            self._view.red(self.first_red)
        self._look_again()
        if not self._ahead:  # Otherwise the worker takes the next one at once: nobody needs to see it idle.
            self._view.show(self)

    def tick(self) -> None:
        """Time has passed."""
        self._look_again()
        self._view.show(self)

    def look(self) -> None:
        """Search for processes that are left over; those of this process too, when it runs nothing itself."""
        self._looked = self._clock()
        is_idle = len(self.running) > 1 or self.running == [None]
        self.leftovers = self._look([os.getpid()] if is_idle else [])

    def worker_words(self) -> list[str]:
        """What each worker runs, and since when if that is long."""
        return ["idle" if each is None else f"{job_words(each[0])}{self._since(each[1])}" for each in self.running]

    def _since(self, at_s: float) -> str:
        wall_s = self._clock() - at_s
        return f", for {_seconds(wall_s)}" if wall_s >= 1 else ""

    def _look_again(self) -> None:
        if self._clock() - self._looked >= LOOK_S:
            self.look()


def red_line(one: Outcome) -> str:
    """What one run came to that did not pass, on one line."""
    reason = f": {one.verdict.reason}" if one.verdict.reason else ""
    return f"{one.verdict.outcome}: {plan_label(one.plan)} on {one.backend}, seed {one.plan.seed}{reason}"


def job_words(job: Job) -> str:
    return f"{plan_label(job.plan)} {' '.join(job.backends)} seed {job.plan.seed}"


def verdict_words(progress: Progress) -> list[str]:
    return [f"{progress.verdicts[name]} {name}" for name in _VERDICTS]


def pace_words(progress: Progress) -> str:
    """`12.3 runs/s, 25s left`; what nobody knows yet is left out."""
    rate, left_s = progress.runs_per_s, progress.left_s
    if rate is None or left_s is None:
        return f"after {_seconds(progress.elapsed_s)}"
    return f"{rate:.1f} runs/s, {_seconds(left_s)} left"


def leftover_words(left: Sequence[Leftover]) -> str:
    """Which processes are left over, the first few by pid."""
    some = ", ".join(f"{each.pid} {each.name}" for each in left[:3])
    return f"left over: {len(left)} processes of runs that have ended: {some}{', ...' if len(left) > 3 else ''}"


def _seconds(wall_s: float) -> str:
    return format_duration(round(wall_s) * S)


class PlainView:
    """Lines for a log: now and then, and the first run that did not pass at once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._runs = 0
        self._at_s = 0.0

    def show(self, progress: Progress) -> None:
        if progress.done < self._runs + LINE_RUNS and progress.elapsed_s < self._at_s + LINE_S:
            return
        self._runs, self._at_s = progress.done, progress.elapsed_s
        now = [words for words in progress.worker_words() if words != "idle"]
        parts = [
            f"{progress.done}/{progress.total} runs: {', '.join(verdict_words(progress))}",
            pace_words(progress),
            *([f"running: {' and '.join(now)}"] if now else []),
            *([leftover_words(progress.leftovers)] if progress.leftovers else []),
        ]
        self._say("; ".join(parts))

    def red(self, line: str) -> None:
        self._say(line)
