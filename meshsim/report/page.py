"""One page for all runs: verdicts and how to see them again first, then how long everything took against its bounds,
then for each plan a timeline, the lives of its ranks and the stories of its faults; plans and versions last.

A single HTML file without scripts or links to elsewhere; the same bytes for the same results.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from meshsim.report.figure import LEGEND, inline_svg
from meshsim.report.ink import css_variables
from meshsim.report.lanes import ENDS, chart_of
from meshsim.report.late import late_view
from meshsim.report.latencies import latencies_of
from meshsim.report.margins import closest_text, margin_words
from meshsim.report.side_by_side import WorldsView, side_by_side
from meshsim.report.stories import FaultStory, fault_stories
from meshsim.report.swarm import latency_fragment
from meshsim.report.tables import LivesView, latency_rows, lives_view
from meshsim.report.worlds import Told, clock_of, told
from meshsim.run import RunResult, reproduce_line
from meshsim.run.choosing import BACKENDS, VIRTUAL
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import encode_plan, plan_digest, plan_label
from meshsim.units import S, format_duration
from meshsim.versions import versions

#: Digits of a digest that a table shows: enough to compare by eye.
DIGEST_DIGITS = 12


class RunView(msgspec.Struct, frozen=True):
    """What the page says about one run, as text."""

    backend: str
    verdict: str
    #: What came closest to its bound.
    closest: str
    digest: str
    virtual: str
    wall: str


class Finding(msgspec.Struct, frozen=True):
    """What is wrong with runs that were judged alike, and how to see it again."""

    backends: str
    #: Whether it is about worlds whose digests must be equal.
    is_virtual: bool
    verdict: str
    problems: tuple[str, ...]
    reproduce: str


class ChartView(msgspec.Struct, frozen=True):
    label: str
    svg: str


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """The runs of one plan, on each of its backends."""

    name: str
    anchor: str
    seed: int
    about: str
    #: Of the digests of the worlds in virtual time: `equal`, `differ`, or empty where there is nothing to compare.
    agreement: str
    #: What happened in each world, where there are several and one of them runs by the wall clock.
    worlds: WorldsView | None
    open: bool
    runs: tuple[RunView, ...]
    findings: tuple[Finding, ...]
    charts: tuple[ChartView, ...]
    stories: tuple[FaultStory, ...]
    known: tuple[str, ...]
    #: How close the runs came to their bounds, of each kind the closest.
    margins: tuple[str, ...]
    lives: LivesView
    #: What times of the run are, see `clock_of`.
    clock: str
    #: The plan as JSON, and what it is a digest of; no text where there are many.
    plan: str
    plan_digest: str

    @property
    def is_red(self) -> bool:
        """Whether there is something about it that is not as it should be."""
        return any(run.verdict != "passed" for run in self.runs)


def write_page(results: Sequence[RunResult], path: Path, *, title: str = "meshsim runs") -> None:
    """Write the page about these runs to `path`.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_page(results, title=title), encoding="utf-8")


#: A page of so few scenarios shows them all at once; on a longer one only what is red is unfolded.
OPEN_MAX = 3


def render_page(results: Sequence[RunResult], *, title: str = "meshsim runs") -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("meshsim.report"), autoescape=True, undefined=StrictUndefined)
    grouped = _grouped(results)
    groups = [_group_view(runs, few=len(grouped) <= OPEN_MAX) for runs in grouped]
    traces = told(results)
    latencies = latencies_of(traces)
    return environment.get_template("page.html").render(
        title=title,
        summary=_summary(results, groups),
        first=[group for group in groups if len(groups) <= OPEN_MAX or group.is_red],
        latencies=latency_rows(latencies),
        clocks=" or ".join(sorted({each.clock for each in latencies})),
        latency_figure=latency_fragment(latencies, "Latencies against their bounds") if latencies else "",
        late=late_view(traces),
        groups=groups,
        legend=[_legend_item(name, text) for name, text in LEGEND.items()],
        light=css_variables("light"),
        dark=css_variables("dark"),
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
    )


def _grouped(results: Iterable[RunResult]) -> list[list[RunResult]]:
    """Runs of the same plan together: sorted by name, variant, profile and seed; `sim`, `lockstep`, `live`."""
    groups: dict[tuple[str, str, str, int], list[RunResult]] = {}
    for run in results:
        plan = run.plan
        key = (plan.scenario, variant_label(plan.variant), plan.profile, plan.seed)
        groups.setdefault(key, []).append(run)
    return [sorted(groups[key], key=lambda run: BACKENDS.index(run.backend)) for key in sorted(groups)]


def _group_view(runs: list[RunResult], *, few: bool) -> GroupView:
    plan = runs[0].plan
    name = plan_label(plan)
    virtual = [run for run in runs if run.backend in VIRTUAL]
    agreement = "" if len(virtual) < 2 else "equal" if len({run.digest for run in virtual}) == 1 else "differ"
    # Equal digests mean equal traces: one drawing stands for both.
    drawn = told(runs)
    return GroupView(
        name=name,
        anchor=re.sub(r"[^a-z0-9]+", "-", f"{name}-{plan.seed}".lower()).strip("-"),
        seed=plan.seed,
        about=plan.about.strip(),
        agreement=agreement,
        open=few or any(run.verdict.outcome != "passed" for run in runs),
        runs=tuple(_run_view(run) for run in runs),
        findings=tuple(_findings(runs)),
        worlds=side_by_side(runs) if 1 < len(runs) > len(virtual) else None,
        charts=tuple(_chart_view(each, alone=len(drawn) == 1) for each in drawn),
        stories=tuple(fault_stories(runs[0].records)),
        lives=lives_view(runs[0].records),
        clock=clock_of(runs[0]),
        plan=msgspec.json.format(encode_plan(plan), indent=1).decode() if few else "",
        plan_digest=plan_digest(plan)[:DIGEST_DIGITS],
        known=tuple(dict.fromkeys(f"{v.invariant}: {v.message}" for run in runs for v in run.verdict.known)),
        margins=tuple(dict.fromkeys(margin_words(margin) for run in runs for margin in run.verdict.margins)),
    )


def _run_view(run: RunResult) -> RunView:
    return RunView(
        backend=run.backend,
        verdict=run.verdict.outcome,
        closest=closest_text([run.verdict]),
        digest=run.digest[:DIGEST_DIGITS],
        virtual=format_duration(run.virtual_ns),
        wall=run.wall_text,
    )


def _findings(runs: list[RunResult]) -> Iterable[Finding]:
    """One for each run; one for all in virtual time when their verdicts are the same."""
    virtual = [run for run in runs if run.backend in VIRTUAL]
    together = len(virtual) > 1 and all(run.verdict == virtual[0].verdict for run in virtual)
    for run in [*virtual[:1], *runs[len(virtual) :]] if together else runs:
        of_all = together and run is virtual[0]
        verdict = run.verdict
        problems = [f"{v.invariant} ({v.kind}) at {v.at / S:.3f}s: {v.message}" for v in verdict.violations]
        if verdict.outcome == "inconclusive":
            problems.append(verdict.reason)
        yield Finding(
            backends=" and ".join(each.backend for each in virtual) if of_all else run.backend,
            is_virtual=run.backend in VIRTUAL,
            verdict=verdict.outcome,
            problems=tuple(problems),
            reproduce=reproduce_line(run, "both" if of_all else None),
        )


def _chart_view(trace: Told, *, alone: bool) -> ChartView:
    label = "" if alone else f", {trace.backends}"
    chart = chart_of(trace.run.records, clock=f"{trace.clock} time")
    return ChartView(label, inline_svg(chart, f"Timeline of {trace.scenario}{label}"))


def _summary(results: Sequence[RunResult], groups: Sequence[GroupView]) -> str:
    counts = [
        f"{count} {outcome}"
        for outcome in ("passed", "violated", "inconclusive")
        if (count := sum(run.verdict.outcome == outcome for run in results))
    ]
    pairs = [group.agreement for group in groups if group.agreement]
    agreeing = f"; {pairs.count('equal')} of {len(pairs)} pairs with equal digests" if pairs else ""
    worlds = [group.worlds for group in groups if group.worlds]
    same = sum(all(row.is_same for row in view.rows) for view in worlds)
    beside = f"; in {same} of {len(worlds)} the same happened in every world" if worlds else ""
    return f"{len(results)} runs of {len(groups)} plans: {', '.join(counts) or 'none'}{agreeing}{beside}."


def _legend_item(name: str, text: str) -> dict[str, str]:
    if name in ENDS:
        return {"colour": name, "shape": "thin", "text": text}
    if name in ("heard", "watchdog"):
        return {"colour": name, "shape": "dot", "text": text}
    colours = {"orphan": "watchdog", "operation": "ink", "heartbeat": "grid", "poll": "grid", "message": "muted"}
    shape = "dot" if name in colours else "thin" if name == "fault" else ""
    return {"colour": colours.get(name, name), "shape": shape, "text": text}
