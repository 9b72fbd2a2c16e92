import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import slices

from meshsim.model.shapes.selection import Along, Either, Everything, Nothing, of_ranks, selected_ranks, selection_text
from meshsim.model.shapes.slice import Range, Slice, SliceError

ROOT = Slice.row_major((2, 4))


@pytest.mark.parametrize(
    ("selection", "text", "base_ranks"),
    [
        (Everything(), "*", [0, 1, 2, 3, 4, 5, 6, 7]),
        (Nothing(), "", []),
        (Along(Range.at(1), Everything()), "1:2", [4, 5, 6, 7]),
        (Along(Range(0), Along(Range(1, None, 2), Everything())), "0:,1::2", [1, 3, 5, 7]),
        (Along(Range(0, 99), Nothing()), "0:99,", []),
        (of_ranks(ROOT, [6]), "1:2,2:3", [6]),
        (of_ranks(ROOT, [7, 3, 3]), "(0:1,3:4)|(1:2,3:4)", [3, 7]),
        (Either((Everything(), Along(Range.at(0), Everything()))), "(*)|(0:1)", [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_selections_pick_each_rank_once(selection, text, base_ranks):
    """mesh_model.md 1.7: what is shorter than the slice selects all of the rest."""
    assert selected_ranks(selection, ROOT) == base_ranks
    assert selection_text(selection) == text


def test_a_rank_that_the_slice_does_not_have_cannot_be_selected():
    with pytest.raises(SliceError) as caught:
        of_ranks(ROOT, [8])

    assert str(caught.value) == "value 8 not in slice"


@given(slices(), st.data())
def test_any_set_of_ranks_can_be_selected(ranks, data):
    """The empty set selects nothing."""
    chosen = data.draw(st.sets(st.sampled_from(list(ranks))))

    assert selected_ranks(of_ranks(ranks, chosen), ranks) == sorted(chosen)
    assert (of_ranks(ranks, chosen) == Nothing()) == (not chosen)
