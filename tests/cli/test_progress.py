"""How far many runs have come: the numbers, plain lines, and the picture on a terminal that is a file."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from meshsim.cli.live_view import FRAME_S, live_view, picture
from meshsim.cli.progress import LINE_RUNS, LINE_S, LOOK_S, PlainView, Progress
from meshsim.oracle.verdict import Verdict
from meshsim.procs.leftovers import Leftover
from meshsim.run import Job, Outcome
from meshsim.scenario.decode import decode
from meshsim.scenario.load import Loaded
from meshsim.scenario.plan import plan

_PLAN = plan(
    Loaded(scenario=decode({"name": "late-exit", "about": "x", "horizon": "1s"}), source="a.toml", variant={}), 1
)
Command = Callable[..., Any]

_BOTH = ("sim", "lockstep")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Clock:
    """Wall time by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Seen:
    """A view that keeps what it is told."""

    def __init__(self) -> None:
        self.shown = 0
        self.reds: list[str] = []

    def show(self, progress: Progress) -> None:
        self.shown += 1

    def red(self, line: str) -> None:
        self.reds.append(line)


def jobs(count: int, backends: tuple[str, ...] = ("sim",)) -> list[Job]:
    return [Job(msgspec.structs.replace(_PLAN, seed=seed), backends) for seed in range(count)]


def outcomes(job: Job, verdict: str = "passed", wall_s: float = 0.5) -> list[Outcome]:
    judged = Verdict(outcome=verdict, reason="too late" if verdict != "passed" else "")  # type: ignore[arg-type]
    return [
        Outcome(plan=job.plan, backend=backend, digest="d", verdict=judged, wall_s=wall_s, reproduce="r")
        for backend in job.backends
    ]


def lost(_: Sequence[int]) -> list[Leftover]:
    return [Leftover(pid, "proc", 7) for pid in (11, 12, 13, 14)]


def watched(todo: list[Job], view: object, clock: Clock, **more: object) -> Progress:
    return Progress(todo, more.pop("workers", 2), view, clock=clock, **more)  # type: ignore[arg-type]


def text_of(progress: Progress, *, width: int = 100, colour: bool = False) -> str:
    file = io.StringIO()
    environment = {} if colour else {"NO_COLOR": "1"}
    Console(file=file, force_terminal=True, width=width, _environ=environment).print(picture(progress))
    return file.getvalue()


def test_runs_a_second_and_time_left_come_from_what_is_over() -> None:
    """A job of two backends is two runs."""
    clock, todo = Clock(), jobs(10, _BOTH)
    progress = watched(todo, Seen(), clock, look=lambda _: [])

    progress.began(todo[0])
    assert (progress.runs_per_s, progress.left_s) == (None, None)
    clock.now_s += 4
    progress.over(todo[0], outcomes(todo[0]))

    assert (progress.done, progress.total, progress.runs_per_s, progress.left_s) == (2, 20, 0.5, 36.0)


def test_a_job_has_a_worker_until_it_is_over() -> None:
    """The one that is free first takes the next."""
    todo = jobs(3)
    progress = watched(todo, Seen(), Clock())

    progress.began(todo[0])
    progress.began(todo[1])
    progress.over(todo[0], outcomes(todo[0]))
    progress.began(todo[2])

    assert [each and each[0].plan.seed for each in progress.running] == [2, 1]


def test_the_first_red_is_told_at_once_and_alone() -> None:
    todo, seen = jobs(3), Seen()
    progress = watched(todo, seen, Clock())

    for job, verdict in zip(todo, ("passed", "violated", "inconclusive"), strict=True):
        progress.began(job)
        progress.over(job, outcomes(job, verdict))

    assert seen.reds == ["violated: late-exit on sim, seed 1: too late"]


def test_a_worker_that_takes_the_next_job_at_once_is_not_shown_idle() -> None:
    """Pictures come when a job begins; at the end, when none is left to begin, also when one is over."""
    todo, seen = jobs(2), Seen()
    progress = watched(todo, seen, Clock(), workers=1)
    shown = []

    for step in (progress.began, lambda job: progress.over(job, outcomes(job))) * 2:
        step(todo[len(shown) // 2])
        shown.append(seen.shown)

    assert shown == [1, 1, 2, 3]


def test_the_slowest_runs_are_named_longest_first() -> None:
    todo = jobs(5)
    progress = watched(todo, Seen(), Clock())

    for job, wall_s in zip(todo, (1, 5, 2, 4, 3), strict=True):
        progress.began(job)
        progress.over(job, outcomes(job, wall_s=wall_s))

    assert [each.wall_s for each in progress.slowest] == [5, 4, 3]


@pytest.mark.parametrize(("backends", "found"), [(("sim",), 0), (_BOTH, 4)])
def test_processes_that_are_left_over_are_looked_for_now_and_then(backends: tuple[str, ...], found: int) -> None:
    """Simulation starts none, so nobody looks."""
    clock, todo = Clock(), jobs(2, backends)
    progress = watched(todo, Seen(), clock, look=lost)

    progress.tick()
    assert progress.leftovers == []
    clock.now_s += LOOK_S
    progress.tick()

    assert len(progress.leftovers) == found


def test_only_a_process_that_runs_nothing_counts_as_idle() -> None:
    """With one worker the runs are in this very process: what is marked as its own then is not left over."""
    asked: list[int] = []
    todo = jobs(2, _BOTH)
    progress = watched(todo, Seen(), Clock(), workers=1, look=lambda idle: asked.append(len(idle)) or [])

    progress.look()
    progress.began(todo[0])
    progress.look()

    assert asked == [1, 0]


def test_plain_lines_come_after_so_many_runs_or_so_much_time() -> None:
    """Not one for each run: a log of a thousand runs stays readable."""
    said: list[str] = []
    clock, todo = Clock(), jobs(LINE_RUNS + 2)
    progress = watched(todo, PlainView(said.append), clock, workers=1)

    for job in todo[:LINE_RUNS]:
        progress.began(job)
        clock.now_s += 0.01
        progress.over(job, outcomes(job))
    progress.began(todo[LINE_RUNS])
    clock.now_s += LINE_S
    progress.tick()

    assert said == [
        "100/102 runs: 100 passed, 0 violated, 0 inconclusive; 100.0 runs/s, 0s left; running: late-exit sim seed 100",
        "100/102 runs: 100 passed, 0 violated, 0 inconclusive; 9.1 runs/s, 0s left; "
        "running: late-exit sim seed 100, for 10s",
    ]


def test_the_picture_says_what_runs_and_what_was() -> None:
    clock, todo = Clock(), jobs(4, _BOTH)
    progress = watched(todo, Seen(), clock, look=lost)
    progress.began(todo[0])
    progress.began(todo[1])
    clock.now_s += LOOK_S
    progress.over(todo[0], outcomes(todo[0], "violated", wall_s=2.5))

    lines = [_CONTROL.sub("", line).rstrip() for line in text_of(progress).splitlines()]

    assert lines[0].startswith("2/8 runs ")
    assert lines[0].endswith(" 0.4 runs/s, 15s left")
    assert lines[1:] == [
        "0 passed, 2 violated, 0 inconclusive",
        "worker 1: idle",
        "worker 2: late-exit sim lockstep seed 1, for 5s",
        "slowest: 2.50s late-exit sim; 2.50s late-exit lockstep",
        "first red: violated: late-exit on sim, seed 0: too late",
        "left over: 4 processes of runs that have ended: 11 proc, 12 proc, 13 proc, ...",
    ]


def test_colours_can_be_turned_off_and_lines_fit_the_width() -> None:
    """NO_COLOR; a narrow terminal cuts lines rather than breaking them."""
    todo = jobs(2)
    progress = watched(todo, Seen(), Clock())
    progress.began(todo[0])
    progress.over(todo[0], outcomes(todo[0], "violated"))

    assert "\x1b[1;31m" in text_of(progress, colour=True)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text_of(progress))
    narrow = [_CONTROL.sub("", line) for line in text_of(progress, width=40).splitlines()]
    assert max(map(len, narrow)) <= 40
    assert len(narrow) == len(text_of(progress).splitlines())


def test_the_view_draws_in_place_when_told_and_leaves_only_the_first_red() -> None:
    """Two pictures in one frame are one; the last line is not a picture."""
    file, clock, todo = io.StringIO(), Clock(), jobs(1)
    console = Console(file=file, force_terminal=True, width=80, _environ={"NO_COLOR": "1"})

    with live_view(console, clock) as view:
        progress = watched(todo, view, clock, workers=1)
        progress.began(todo[0])
        drawn = file.getvalue()
        progress.tick()
        assert file.getvalue() == drawn
        clock.now_s += FRAME_S
        progress.over(todo[0], outcomes(todo[0], "violated"))
        assert len(file.getvalue()) > len(drawn)

    assert "worker 1: late-exit sim seed 0" in drawn
    assert "\x1b[2K" in file.getvalue().rpartition("worker 1")[2]  # The picture is wiped away.
    assert "violated: late-exit on sim, seed 0: too late" in file.getvalue()


def test_nothing_draws_by_itself() -> None:
    """A thread that draws would be there, perhaps with a lock in its hand, when processes are forked."""
    import threading

    before = threading.active_count()
    with live_view(Console(file=io.StringIO(), force_terminal=True)):
        assert threading.active_count() == before


def test_progress_is_silent_in_a_file_unless_asked_for(meshsim: Command, folder: Path) -> None:
    """Results go to standard output either way."""
    file = folder / "sc" / "kill-one.toml"
    file.write_text(file.read_text().replace("times = 1", "times = 3"))
    red = "meshsim: violated: kill-one on sim, seed 7: "

    assert meshsim("run", "sc").err == ""
    assert meshsim("run", "sc", "--progress", "none", "-v").err == ""
    assert meshsim("run", "sc", "--progress", "plain").err.startswith(red)
    assert meshsim("run", "sc", "-v").err.startswith(red)
    assert meshsim("run", "sc", "-v", "--json").out.startswith("{")
