"""Lives of ranks, from hand-written records."""

from __future__ import annotations

from meshsim.report.lives import Hearing, Life, lives_of
from meshsim.report.tables import lives_view
from meshsim.trace.records import Record
from meshsim.units import MS, S


def test_a_life_says_where_from_when_to_when_and_who_heard(records: list[Record]) -> None:
    """One was stopped as an orphan and nobody heard; the other's process was killed and its owner was told."""
    assert lives_of(records) == (
        Life(
            rank="trainer[0]",
            proc="workers[0]",
            begun_ns=150 * MS,
            ended_ns=8100 * MS,
            end="stopped: orphaned",
            heard=(),
        ),
        Life(
            rank="trainer[1]",
            proc="workers[1]",
            begun_ns=150 * MS,
            ended_ns=2500 * MS,
            end="process gone: signal 9",
            heard=(Hearing("client", "owner", 3004 * MS, 1),),
        ),
    )


def test_a_rank_that_lives_has_no_end(records: list[Record]) -> None:
    """Cut off before anything goes wrong."""
    lives = lives_of([record for record in records if record.at < 2 * S])

    assert [(life.ended_ns, life.end, life.heard) for life in lives] == [(None, "", ())] * 2


def test_with_too_many_ranks_those_without_a_story_go_first(records: list[Record]) -> None:
    """And the page says how many are not shown."""
    before_the_orphan = [record for record in records if record.at < 8 * S]

    view = lives_view(before_the_orphan, rows_max=1)

    assert [row.rank for row in view.rows] == ["trainer[1]"]
    assert view.left_out == 1
