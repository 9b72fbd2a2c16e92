"""Many runs on a terminal: a few lines that stay in place while they go on, and are gone at the end.

Colours and width are the terminal's (NO_COLOR is heeded); a line that does not fit is cut. Drawn only when told so, by
`Progress`: rich's own thread stays off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from meshsim.cli.console import STYLES
from meshsim.cli.progress import Progress, leftover_words, pace_words, verdict_words
from meshsim.scenario.plan import plan_label

#: Seconds between two pictures at least. Source: chosen here; what is faster nobody reads.
FRAME_S = 0.1


class LiveView:
    """Draws progress in place."""

    def __init__(self, live: Live, clock: Callable[[], float] = perf_counter) -> None:
        self._live = live
        self._clock = clock
        self._next_s = 0.0

    def show(self, progress: Progress) -> None:
        now = self._clock()
        if now >= self._next_s:
            self._next_s = now + FRAME_S
            self._live.update(picture(progress), refresh=True)

    def red(self, line: str) -> None:
        """Above the picture, where it stays when that is gone."""
        verdict = line.partition(":")[0]
        self._live.console.print(Text(line, style=STYLES.get(verdict, "")))


def picture(progress: Progress) -> RenderableType:
    """What runs, how far it is, what was slow, what is wrong: a line each."""
    head = Table.grid(padding=(0, 1))
    head.add_column(no_wrap=True)
    head.add_column(width=20)
    head.add_column(no_wrap=True, overflow="ellipsis")
    bar = ProgressBar(total=max(progress.total, 1), completed=progress.done, width=20)
    head.add_row(f"{progress.done}/{progress.total} runs", bar, pace_words(progress))
    lines: list[RenderableType] = [head, _verdicts(progress)]
    for number, words in enumerate(progress.worker_words(), 1):
        lines.append(_line(f"worker {number}: {words}", "dim" if words == "idle" else ""))
    if progress.slowest:
        slow = "; ".join(f"{each.wall_text} {plan_label(each.plan)} {each.backend}" for each in progress.slowest)
        lines.append(_line(f"slowest: {slow}"))
    if progress.first_red:
        lines.append(_line(f"first red: {progress.first_red}", STYLES[progress.first_red.partition(":")[0]]))
    if progress.leftovers:
        lines.append(_line(leftover_words(progress.leftovers), "bold red"))
    return Group(*lines)


def _verdicts(progress: Progress) -> Text:
    texts = [
        Text(words, style=STYLES[words.partition(" ")[2]] if progress.verdicts[words.partition(" ")[2]] else "dim")
        for words in verdict_words(progress)
    ]
    line = Text(", ", no_wrap=True, overflow="ellipsis").join(texts)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _line(words: str, style: str = "") -> Text:
    return Text(words, style=style, no_wrap=True, overflow="ellipsis")


@contextmanager
def live_view(console: Console, clock: Callable[[], float] = perf_counter) -> Iterator[LiveView]:
    """A view on this terminal; it is clean again at the end, however that comes."""
    # What runs print to standard output or standard error is not ours to catch: workers would inherit the catcher.
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        yield LiveView(live, clock)
