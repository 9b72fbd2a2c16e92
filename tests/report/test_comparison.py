"""What changed between runs, in words and figures: from rows whose numbers are made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from meshsim.report.comparison import Part, cells_of, changes, column_texts, parts_of, sentences, time_text
from meshsim.report.comparison_figures import drawings
from meshsim.report.comparison_page import render_comparison, write_comparison
from meshsim.report.drawing import png_file, svg_file
from meshsim.run.measure import Numbers
from meshsim.run.table import Row
from meshsim.units import MS, S

PERIOD, TIMEOUT = "config.supervision_poll_frequency", "config.mesh_orphan_timeout"


def row(
    setting: dict[str, Any] | None = None, *, seed: int = 0, detect_s: Sequence[float] = (1,), **fields: Any
) -> Row:
    names = ("profile", "backend", "scenario", "clock", "verdict")
    plain = {"profile": "2026-03", "backend": "sim", "scenario": "one", "clock": "virtual", "verdict": "passed"}
    counts = dict.fromkeys(
        ("unheard", "notices", "false_alarms", "orphans", "healthy_orphans", "messages", "heartbeats", "polls"), 0
    )
    times = tuple(int(second * S) for second in detect_s)
    numbers = {"span_ns": 10 * S, "failures": len(times), "detect_ns": times, "report_ns": times, "watchdog_ns": ()}
    given = {key: value for key, value in fields.items() if key not in names}
    return Row(
        setting=setting or {},
        seed=seed,
        plan_digest=f"{setting}{seed}",
        reason="",
        digest="",
        numbers=Numbers(**{**counts, **numbers, "margins": {}, **given}),
        **{name: fields.get(name, plain[name]) for name in names},
    )


def part(*rows: Row, name: str = "a") -> Part:
    return Part(name=name, cells=cells_of(rows))


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [(0, "0s"), (999, "999ns"), (1_500_000, "1.5ms"), (4_923_456_789, "4.92s"), (90 * S, "90s")],
)
def test_times_have_three_digits(duration_ns: int, text: str) -> None:
    assert time_text(duration_ns) == text


def test_what_changed_is_said_with_numbers_and_what_did_not_at_the_end() -> None:
    """Medians, worsts and counts, over all failures of all runs; rates over all their time."""
    before = [row(seed=seed, detect_s=[seed + 1.0], messages=100) for seed in range(3)]
    after = [row(seed=seed, detect_s=[0.1], messages=250, false_alarms=seed) for seed in range(3)]

    detection, notice, messages, alarms, same = sentences(before, after)

    numbers = "takes 100ms instead of 2s in the median, 1/20 of it, 100ms instead of 3s at worst (3 and 3 failures)."
    assert (detection, notice) == (f"Detection {numbers}", f"The first notice {numbers}")
    assert messages == "Messages: 25 instead of 10 a second, 2.5 times as much."
    assert alarms == "False alarms: none in 3 runs, then 3 in 2 of 3 runs."
    assert same.startswith(
        "Unchanged: heartbeats (0 a second), polls (0 a second), failures that nobody heard of (none)"
    )


def test_runs_that_tell_nothing_are_counted_and_left_out() -> None:
    """An inconclusive run has no numbers: it must not pull a mean down."""
    open_row = Row(
        **{**{f: getattr(row(), f) for f in Row.__struct_fields__}, "verdict": "inconclusive", "numbers": None}
    )

    texts = column_texts([row(messages=100), open_row])

    assert texts[:3] == ("2", "1 passed 1 inconclusive", "1s")
    assert texts[9] == "10"
    assert "Inconclusive: 0 of 1 runs, then 1 of 1." in list(sentences([row()], [open_row]))


def test_parts_are_compared_over_what_both_have() -> None:
    """What one says of all its runs is what is compared; cells that only one has are named as left out."""
    polled = part(row({PERIOD: "1s"}), row({PERIOD: "3s"}, detect_s=[3]))
    streamed = part(
        row({PERIOD: "3s", "controller": "streaming"}, detect_s=[0.5]),
        row({PERIOD: "9s", "controller": "streaming"}, detect_s=[9]),
        name="b",
    )

    (change,) = changes([polled, streamed])

    assert (change.name, change.against) == ("b", "a")
    assert "takes 500ms instead of 3s in the median" in change.sentences[0]
    assert change.sentences[-1] == "Left out: 2 settings that only one of the two has."


def test_parts_that_share_nothing_are_not_compared() -> None:
    (change,) = changes(
        [part(row({PERIOD: "1s"}), row({PERIOD: "2s"})), part(row({TIMEOUT: "1s"}), row({TIMEOUT: "2s"}))]
    )

    assert change.sentences == ("There is no setting that both have.",)


def test_one_table_is_compared_with_itself() -> None:
    """Each value beside the first of its key, pooled over the others; a key with one value is none to compare."""
    rows = [row({PERIOD: p, TIMEOUT: t, "hosts": 2}) for p in ("1s", "3s", "9s") for t in ("30s", "60s")]

    assert [(change.name, change.against) for change in changes([part(*rows)])] == [
        ("supervision_poll_frequency=3s", "supervision_poll_frequency=1s"),
        ("supervision_poll_frequency=9s", "supervision_poll_frequency=1s"),
        ("mesh_orphan_timeout=60s", "mesh_orphan_timeout=30s"),
    ]


def test_a_source_is_taken_apart_by_profile_and_backend() -> None:
    """Both backends of one folder are two things to compare, not twice the runs of one; a profile that a sweep sets
    is part of its settings.
    """
    both = [row(), row(backend="lockstep"), row(profile="fixed")]
    swept = [row({"profile": "fixed"}, profile="fixed"), row({"profile": "2026-03"})]

    assert [each.name for each in parts_of("out", both)] == [
        "out (2026-03, sim)",
        "out (2026-03, lockstep)",
        "out (fixed, sim)",
    ]
    assert [(each.name, len(each.cells)) for each in parts_of("out", swept)] == [("out", 2)]


def grid(**fields: Any) -> Part:
    return part(*(row({PERIOD: p, TIMEOUT: t}, messages=9, **fields) for p in ("1s", "3s") for t in ("5s", "60s")))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([grid()], ["trade-off", "map"]),
        ([grid(false_alarms=1)], ["trade-off", "alarms", "map"]),
        ([grid(), grid(healthy_orphans=1)], ["trade-off", "alarms", "map-1", "map-2"]),
        ([part(row({PERIOD: "1s"}), row({PERIOD: "2s"}))], ["trade-off"]),
        ([part(row({PERIOD: "1s"}, detect_s=()))], []),
    ],
)
def test_figures_are_drawn_of_what_there_is(parts: list[Part], expected: list[str]) -> None:
    """An empty figure says less than none."""
    assert [drawing.name for drawing in drawings(parts)] == expected


def test_figures_and_page_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_comparison([grid(false_alarms=1)], tmp_path / folder)

    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(
        [f"{name}.{kind}" for name in ("alarms", "map", "trade-off") for kind in ("png", "svg")] + ["index.html"]
    )
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)


def test_a_figure_follows_its_numbers() -> None:
    """The same picture for other rows would be no picture of them."""
    (one, *_), (other, *_) = drawings([grid()]), drawings([grid(detect_s=[2])])

    assert svg_file(one) != svg_file(other)
    assert png_file(one) != png_file(other)


def test_the_page_is_for_light_and_dark_and_needs_nothing_else() -> None:
    """No script, nothing fetched, no colour that only one scheme can show, nobody's markup passed on."""
    page = render_comparison([part(row({PERIOD: "<1s>"})), part(row({PERIOD: "<1s>"}, detect_s=[2]), name="<b>")])

    assert "prefers-color-scheme: dark" in page
    assert "<script" not in page
    assert re.search(r'(src|href)="(?!#)', re.sub(r'xlink:href="#[^"]*"', "", page)) is None
    assert "#0100" not in re.sub(r"--\w+:#\w+;", "", page)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert "All times are virtual time." in page


def test_wall_and_virtual_time_are_told_apart() -> None:
    parts = [part(row()), part(row(clock="wall", backend="live", detect_s=[1 * MS / S]), name="live")]

    assert "All times are virtual and wall time." in render_comparison(parts)
    assert "virtual and wall time" in next(iter(drawings(parts))).label
