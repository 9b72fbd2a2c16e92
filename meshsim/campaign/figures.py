"""Figures of campaigns: violations per thousand runs, coverage over time, findings over time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from meshsim.campaign.history import History
from meshsim.report.drawing import Drawing
from meshsim.report.ink import Ink, framed
from meshsim.report.lanes import RUNNING, STOPPED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colour and marker of each line, first to last; later ones begin again.
_LOOKS = ((RUNNING, "o"), ("fault", "s"), ("heard", "D"), ("watchdog", "^"), (STOPPED, "v"))

#: Working time in seconds, and how many there were then.
Growth = list[tuple[float, int]]


class Line(msgspec.Struct, frozen=True):
    """A strategy in one ledger."""

    name: str
    history: History
    strategy: str

    @property
    def runs(self) -> int:
        return sum(batch.runs for batch in self.history.batches if batch.strategy == self.strategy)

    @property
    def worked_s(self) -> float:
        return sum(batch.wall_s for batch in self.history.batches if batch.strategy == self.strategy)


def lines_of(histories: Sequence[History]) -> list[Line]:
    """Every strategy of every ledger; the ledger is named where there are several."""
    return [
        Line(f"{history.name} {strategy}" if len(histories) > 1 else strategy, history, strategy)
        for history in histories
        for strategy in history.strategies
    ]


def coverage_growth(line: Line) -> Growth:
    """Features of the model that the strategy had reached."""
    growth, reached = [(0.0, 0)], 0
    for batch in line.history.batches:
        if batch.strategy == line.strategy:
            reached += batch.features
            growth.append((batch.before_s + batch.wall_s, reached))
    return growth


def finding_growth(line: Line) -> Growth:
    """Distinct findings that the strategy had made."""
    times = [each.after_s[line.strategy] for each in line.history.findings if line.strategy in each.after_s]
    growth = [(0.0, 0), *((time, number) for number, time in enumerate(sorted(times), start=1))]
    return [*growth, (line.worked_s, len(times))]


def rate(line: Line, invariant: str) -> float:
    """Runs of a thousand in which an invariant was violated."""
    return 1000 * line.history.violated.get((line.strategy, invariant), 0) / line.runs


def invariants_of(lines: Sequence[Line]) -> list[str]:
    """Those that were violated, the one that most runs violated first."""
    most: dict[str, float] = {}
    for line in lines:
        for strategy, invariant in line.history.violated:
            if strategy == line.strategy:
                most[invariant] = max(rate(line, invariant), most.get(invariant, 0.0))
    return sorted(most, key=lambda invariant: (-most[invariant], invariant))


def drawings(histories: Sequence[History]) -> Iterator[Drawing]:
    """Every figure for which there is something to show."""
    lines = lines_of(histories)
    invariants = invariants_of(lines)
    if invariants:
        yield Drawing(
            name="violations",
            label="Runs of a thousand in which each invariant was violated, by strategy; on a logarithmic scale.",
            size=(7.6, 1.1 + 0.32 * len(invariants)),
            draw=partial(_draw_rates, lines=lines, invariants=invariants),
        )
    if lines:
        yield Drawing(
            name="coverage",
            label="Features of the model that were reached, against the working time of the strategy.",
            size=(7.6, 3.2),
            draw=partial(_draw_growth, lines=lines, growth_of=coverage_growth, of="features reached"),
        )
    if invariants:
        yield Drawing(
            name="findings",
            label="Distinct findings against the working time of the strategy; the first step is its first finding.",
            size=(7.6, 3.2),
            draw=partial(_draw_growth, lines=lines, growth_of=finding_growth, of="distinct findings"),
        )


def _draw_rates(figure: Figure, ink: Ink, *, lines: Sequence[Line], invariants: Sequence[str]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes = framed(figure, ink)
    for number, line in enumerate(lines):
        colour, marker = _LOOKS[number % len(_LOOKS)]
        # Beside one another, so that none hides another.
        aside = 0.9 * ((number + 1) / (len(lines) + 1) - 0.5)
        places = [(rate(line, invariant), y + aside) for y, invariant in enumerate(invariants)]
        drawn = [(x, y) for x, y in places if x]
        axes.plot(
            [x for x, _ in drawn],
            [y for _, y in drawn],
            marker=marker,
            linestyle="none",
            markersize=4.5,
            color=ink(colour),
            label=line.name,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_yticks(range(len(invariants)), invariants)
    axes.set_ylim(len(invariants) - 0.5, -0.5)
    axes.set_xlabel("runs of a thousand", color=ink("muted"), loc="left")
    _legend(axes, ink)


def _draw_growth(
    figure: Figure, ink: Ink, *, lines: Sequence[Line], growth_of: Callable[[Line], Growth], of: str
) -> None:
    from matplotlib.ticker import MaxNLocator

    axes = framed(figure, ink)
    for number, line in enumerate(lines):
        colour, _ = _LOOKS[number % len(_LOOKS)]
        growth = growth_of(line)
        axes.plot(
            [time for time, _ in growth],
            [reached for _, reached in growth],
            drawstyle="steps-post",
            linewidth=1.4,
            linestyle="-" if number < len(_LOOKS) else "--",
            color=ink(colour),
            label=line.name,
        )
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("working time of the strategy, s", color=ink("muted"), loc="left")
    axes.set_ylabel(of, color=ink("muted"))
    _legend(axes, ink)


def _legend(axes: Axes, ink: Ink) -> None:
    """Above the axes, where nothing is drawn."""
    axes.legend(
        frameon=False,
        labelcolor=ink("muted"),
        fontsize=7,
        ncols=5,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderpad=0,
    )
