"""The page for a first look."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from meshsim.faults.kinds import Signal
from meshsim.oracle.verdict import Verdict, Violation
from meshsim.report.latencies import KINDS, latencies_of
from meshsim.report.page import render_page, write_page
from meshsim.report.worlds import told
from meshsim.run import RunResult
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import Actors, Procs, Scenario, Topology
from meshsim.trace.digest import digest
from meshsim.trace.records import Record
from meshsim.units import Duration, S

SCENARIO = Scenario(
    name="late-exit",
    about="A proc <dies> late & is reported once.",
    horizon=Duration(10 * S),
    topology=Topology(
        procs=[Procs(name="workers", per_host={"gpus": 2})], actors=[Actors(name="trainer", procs="workers")]
    ),
    faults=[Signal(target="workers[1]", at=Duration(2 * S), signal="SIGKILL")],
)


@pytest.fixture
def sim(records: list[Record]) -> RunResult:
    return RunResult(
        plan=msgspec.structs.replace(plan(SCENARIO, 7), source="scenarios/fast/late-exit.toml"),
        backend="sim",
        records=records,
        digest=digest(records),
        verdict=Verdict(outcome="passed"),
        virtual_ns=10 * S,
        wall_s=0.25,
        stderr={},
    )


@pytest.fixture
def lockstep(sim: RunResult) -> RunResult:
    return msgspec.structs.replace(sim, backend="lockstep", wall_s=1.5)


class _Outline(HTMLParser):
    """Tags with their attributes, and the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(" ".join(data.split()))


def test_the_same_results_give_the_same_bytes_in_any_order(sim: RunResult, lockstep: RunResult) -> None:
    """Pages are kept as reference: a diff must mean that a run differs."""
    assert render_page([sim, lockstep]) == render_page([lockstep, sim])


def test_the_page_needs_nothing_but_itself(sim: RunResult) -> None:
    """It opens from a CI artifact by double click: no script, nothing from the network, no path of this machine."""
    page = render_page([sim])

    outline = _Outline(page)
    assert "script" not in {tag for tag, _ in outline.tags}
    assert not re.search(r"https?:|//[a-z]|url\((?!#)", page)
    links = [value for _, attrs in outline.tags for key, value in attrs.items() if key in ("href", "src", "xlink:href")]
    assert links
    assert all(link is not None and link.startswith("#") for link in links)
    assert str(Path.cwd()) not in page


def test_a_pair_is_compared_and_drawn_once_when_it_agrees(sim: RunResult, lockstep: RunResult) -> None:
    """Equal digests mean equal traces: one timeline stands for both worlds."""
    page = render_page([sim, lockstep])

    outline = _Outline(page)
    assert [tag for tag, _ in outline.tags].count("svg") == 2  # The latencies, and one timeline.
    assert outline.texts.count(sim.digest[:12]) == 2
    assert "equal" in outline.texts
    assert "2 runs of 1 plans: 2 passed; 1 of 1 pairs with equal digests." in outline.texts
    assert {"250ms", "1.50s", "10s"} <= set(outline.texts)
    assert "meshsim run scenarios/fast/late-exit.toml --backend both --seed 7" in outline.texts


def test_a_red_run_is_open_and_says_what_is_wrong(sim: RunResult, lockstep: RunResult) -> None:
    """A reader of a red build sees the violation, the timelines of both worlds and the reproduce line at once."""
    violation = Violation(invariant="at-most-once", subject="client", message="client heard it twice", at=3 * S)
    red = msgspec.structs.replace(
        lockstep, digest="f" * 64, verdict=Verdict(outcome="violated", violations=(violation,), reason="x")
    )

    outline = _Outline(render_page([sim, red]))

    assert [attrs for tag, attrs in outline.tags if tag == "details"] == [
        {"id": "late-exit-7", "open": None},
        {"class": "plan"},
    ]
    assert [tag for tag, _ in outline.tags].count("svg") == 3
    assert "differ" in outline.texts
    assert "at-most-once (safety) at 3.000s: client heard it twice" in outline.texts
    assert "meshsim run scenarios/fast/late-exit.toml --backend lockstep --seed 7" in outline.texts


def test_a_reader_meets_what_matters_in_this_order(sim: RunResult) -> None:
    """Verdict and reproduce line come before everything else, plan and versions after it."""
    outline = _Outline(render_page([sim]))

    landmarks = [
        "passed",
        "meshsim run scenarios/fast/late-exit.toml --backend sim --seed 7",
        "Verdicts",
        "How long it took, and how long it may",
        "Timelines",
        "What each rank's life was, in virtual time",
        "Plans",
        "Made with",
    ]
    places = [outline.texts.index(text) for text in landmarks]
    assert places == sorted(places)


def test_latencies_are_told_with_the_clock_that_measured_them(sim: RunResult) -> None:
    """A row for each kind: how many there were, least, median and most, and what it is."""
    outline = _Outline(render_page([sim]))

    assert "latency, virtual time" in outline.texts
    first = latencies_of(told([sim]))[0].margin.kind
    count = sum(each.margin.kind == first for each in latencies_of(told([sim])))
    row = outline.texts.index(KINDS[first], outline.texts.index("what it is"))
    assert {first, str(count)} <= set(outline.texts[row - 8 : row])


def test_lives_say_who_ended_how_and_who_heard(sim: RunResult) -> None:
    """The one row that a reader of a failed training run looks for."""
    outline = _Outline(render_page([sim]))

    row = outline.texts.index("process gone: signal 9")
    assert outline.texts[row - 4 : row + 2] == [
        "trainer[1]",
        "workers[1]",
        "0.150s",
        "2.500s",
        "process gone: signal 9",
        "client (owner) after 0.504s",
    ]


def test_texts_of_a_scenario_are_text_and_not_markup(sim: RunResult) -> None:
    """A scenario file is data, also on the page."""
    outline = _Outline(render_page([sim]))

    assert SCENARIO.about in outline.texts


def test_an_inconclusive_run_says_why(sim: RunResult) -> None:
    """Never a red, never silently green: the machine's trouble is shown as what it is."""
    run = msgspec.structs.replace(
        sim, records=[], verdict=Verdict(outcome="inconclusive", reason="cannot fork: no memory")
    )

    assert "cannot fork: no memory" in _Outline(render_page([run])).texts


def test_the_page_is_written_with_the_folders_it_needs(sim: RunResult, tmp_path: Path) -> None:
    """`make demo` starts from a fresh clone."""
    place = tmp_path / "reports" / "demo.html"

    write_page([sim], place)

    assert place.read_text(encoding="utf-8") == render_page([sim])
