"""The certificate: what its rows and its page say, and what it comes to."""

from __future__ import annotations

import msgspec
import pytest

from meshsim.cli.certify import exit_code
from meshsim.report.certificate import HEADERS, cells, exceptions, markdown, total_words
from meshsim.run.certify import Certificate, Certified, LiveRun, Machine
from meshsim.units import MS

MACHINE = Machine(platform="Linux", cores=2, versions={"meshsim": "1"}, load_before=0.5, load_after=7.0)
GOOD = LiveRun(outcome="equivalent", like="sim", latest="some node", late_ns=12 * MS, replayed=40)
LATE = LiveRun(outcome="equivalent", like="late", latest="some timer", late_ns=30 * MS, replayed=41)
OPEN = LiveRun(outcome="inconclusive", reason="too late\nto tell", late_ns=90 * MS, replayed=42)
RED = LiveRun(outcome="red", reason="replay: a node | said <this>")


def row(*live: LiveRun, **keys: object) -> Certified:
    keys = {"twins": True, "outcomes": 1, **keys}
    return Certified(scenario="one", source="one.toml", seed=0, live=live, **keys)  # type: ignore[arg-type]


def certificate(*rows: Certified, missing: int = 0) -> Certificate:
    return Certificate(
        command="meshsim certify x",
        repeats=2,
        time_scale=0.1,
        jobs=12,
        wall_s=90.0,
        machine=MACHINE,
        missing=missing,
        rows=list(rows),
    )


def test_a_row_counts_what_its_runs_came_to() -> None:
    found = dict(zip(HEADERS, cells(row(GOOD, LATE, OPEN, RED, outcomes=3)), strict=True))

    assert found == {
        "scenario": "one",
        "seed": "0",
        "sim=lockstep": "yes",
        "live": "4",
        "equivalent": "2",
        "inconclusive": "1",
        "red": "1",
        "allowed": "3",
        "replayed": "3",
        "latest": "90ms",
    }


def test_the_total_has_the_share_of_equivalent_runs() -> None:
    made = certificate(row(GOOD, LATE, GOOD, OPEN), row(twins=False, twins_why="they differ"))

    assert total_words(made) == (
        "2 scenarios; sim = lockstep: 1 yes, 1 no; 4 live runs: 3 equivalent (75.00 %), 1 inconclusive, 0 red"
    )


def test_everything_else_than_equivalent_is_named_with_its_reason() -> None:
    made = certificate(
        row(GOOD, OPEN, RED), row(twins=None, not_compared="it is for sim"), row(twins=False, twins_why="x")
    )

    assert list(exceptions(made)) == [
        "one, seed 0: live run 1: inconclusive: too late to tell",
        "one, seed 0: live run 2: red: replay: a node | said <this>",
        "one, seed 0: not compared: it is for sim",
        "one, seed 0: sim and lockstep: x",
    ]


def test_the_page_has_a_row_for_each_scenario_and_says_how_it_was_made() -> None:
    page = markdown(certificate(row(GOOD, RED), missing=3))

    assert "| one | 0 | yes | 2 | 1 | 0 | 1 | 1 | 1 | 12ms |" in page
    assert "`meshsim certify x`" in page
    assert "load 0.5 at the beginning, 7 at the end" in page
    assert "interrupted: 3 scenarios are missing" in page
    assert "1 live runs, 40 inputs" in page
    assert "a node \\| said &lt;this>" in page


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(GOOD, LATE)], 0),
        ([row(GOOD), row(OPEN)], 3),
        ([row(GOOD, OPEN), row(RED)], 1),
        ([row(GOOD, twins=False, twins_why="they differ")], 1),
        ([row(GOOD, twins=None, twins_why="no room")], 3),
        ([row(twins=None, not_compared="it is for sim")], 0),
    ],
)
def test_exit_codes(rows: list[Certified], expected: int) -> None:
    assert exit_code(certificate(*rows)) == expected


def test_it_can_be_read_back() -> None:
    made = certificate(row(GOOD, OPEN))

    assert msgspec.json.decode(msgspec.json.encode(made), type=Certificate) == made
