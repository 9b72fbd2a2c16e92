from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.shapes.runs import (
    coalesced,
    inverted_text,
    merge_intervals_defective,
    merge_runs,
    merge_runs_defective,
    runs_of,
)

#: A value or nothing for each rank: the naive model of a list of runs.
sparse = st.lists(st.sampled_from(["A", "B", "C", None]), max_size=12)


def runs(text):
    """`0..2 A, 2..5 B` as mesh_model.md B.2 writes it."""
    return [
        (int(start), int(end), value)
        for part in text.split(", ")
        for places, value in [part.split(" ")]
        for start, end in [places.split("..")]
    ]


def runs_over(values):
    return coalesced((rank, rank + 1, value) for rank, value in enumerate(values) if value is not None)


def later_wins(left, right):
    return [earlier if later is None else later for earlier, later in zip(left, right, strict=True)]


@pytest.mark.parametrize(
    ("left", "right", "merged", "upstream"),
    [
        ("0..8 A", "2..5 B", "0..2 A, 2..5 B, 5..8 A", "0..2 A, 2..5 B, 5..8 A"),
        ("0..2 A, 2..5 B, 5..8 A", "2..5 A", "0..8 A", "0..8 A"),
        ("0..3 A, 4..6 B", "2..5 C", "0..2 A, 2..5 C, 5..6 B", "0..2 A, 2..5 C, 5..6 B"),
        ("1..2 A", "2..3 A, 5..6 B", "1..3 A, 5..6 B", "1..3 A, 5..6 B"),
        ("0..2 A, 2..4 B, 4..8 A", "2..6 B", "0..2 A, 2..6 B, 6..8 A", "0..2 A, 2..6 B, 4..8 A"),
        ("0..1 A, 1..2 B", "0..2 A", "0..2 A", "0..2 A, 1..2 B"),
    ],
)
def test_merging_runs_by_the_rule_and_as_the_reference_does(left, right, merged, upstream):
    """mesh_model.md B.2, every row, and the smallest wrong one of 2.4."""
    assert merge_runs(runs(left), runs(right)) == runs(merged)
    assert merge_runs_defective(runs(left), runs(right)) == runs(upstream)


def test_the_older_merge_trims_only_the_first_run_that_it_covers():
    """mesh_model.md 2.7; the newer one gets this one right."""
    left, right = runs("0..1 A, 1..2 B, 2..4 C"), runs("0..3 D")

    assert merge_intervals_defective(left, right) == runs("0..3 D, 1..2 B, 2..4 C")
    assert merge_runs_defective(left, right) == merge_runs(left, right) == runs("0..3 D, 3..4 C")


@given(st.data())
def test_the_later_value_of_each_rank_wins(data):
    """Against two lists with a value or nothing for each rank."""
    left = data.draw(sparse)
    right = data.draw(st.lists(st.sampled_from(["A", "B", "C", None]), min_size=len(left), max_size=len(left)))

    assert merge_runs(runs_over(left), runs_over(right)) == runs_over(later_wins(left, right))


@given(sparse, st.integers(0, 11), st.sampled_from("ABC"))
def test_no_merge_is_wrong_about_single_ranks(left, rank, value):
    """What every caller does: each rank reports for itself."""
    wanted = later_wins([*left, *[None] * 12], [value if at == rank else None for at in range(len(left) + 12)])

    for merge in (merge_runs, merge_runs_defective, merge_intervals_defective):
        assert merge(runs_over(left), [(rank, rank + 1, value)]) == runs_over(wanted)


def test_wrong_merges_are_as_many_as_the_specification_counts():
    """mesh_model.md 2.4 and 2.7: up to 5 ranks, two values, every pair of lists; all that is wrong overlaps."""
    complete = {merge_runs: 0, merge_runs_defective: 0, merge_intervals_defective: 0}
    sparse_too = dict(complete)
    pairs = 0
    for count in range(1, 6):
        lists = [(values, runs_over(values)) for values in product((None, "A", "B"), repeat=count)]
        for (left, left_runs), (right, right_runs) in product(lists, lists):
            pairs += 1
            wanted = runs_over(later_wins(left, right))
            for merge in complete:
                merged = merge(left_runs, right_runs)
                if merged != wanted:
                    assert any(before[1] > after[0] for before, after in pairwise(merged))
                    sparse_too[merge] += 1
                    complete[merge] += None not in left

    assert pairs == 66_429
    assert (complete[merge_runs], sparse_too[merge_runs]) == (0, 0)
    assert (complete[merge_runs_defective], sparse_too[merge_runs_defective]) == (1_658, 6_672)
    assert complete[merge_intervals_defective] == 3_232


def test_runs_of_values_join_equal_neighbours():
    assert runs_of("AABA") == [(0, 2, "A"), (2, 3, "B"), (3, 4, "A")]
    assert runs_of("") == []


def test_inverted_text_joins_what_touches_and_keeps_the_order_of_first_ranks():
    """mesh_model.md 2.7."""
    assert inverted_text([(0, 1, "A"), (1, 2, "A"), (2, 4, "B"), (6, 7, "A")]) == "A=0..2,6..7;B=2..4"
    assert inverted_text([]) == ""
