"""Places of simulated procs and what their distance costs (mesh_model.md 8.3)."""

import pytest

from meshsim.model.alloc.places import distance, latency_ns, place_of
from meshsim.model.shapes.extent import Extent
from meshsim.units import MS

HERE = (0, 0, 0, 0, 0, 0)


def test_a_point_is_a_place_by_its_labels():
    """Labels may come in any order; what an extent does not have is 0."""
    extent = Extent(("gpu", "region", "zone"), (2, 2, 3))

    assert [place_of(point) for point in list(extent.points())[:4]] == [
        (0, 0, 0, 0, 0, 0),
        (0, 0, 1, 0, 0, 0),
        (0, 0, 2, 0, 0, 0),
        (1, 0, 0, 0, 0, 0),
    ]
    assert place_of(list(extent.points())[-1]) == (1, 0, 2, 0, 0, 1)


@pytest.mark.parametrize(
    ("there", "differs", "shortest", "longest"),
    [
        ((1, 1, 1, 1, 1, 1), "region", 500, 1000),
        ((0, 3, 1, 0, 0, 0), "dc", 50, 100),
        ((0, 0, 2, 1, 0, 0), "zone", 5, 10),
        ((0, 0, 0, 1, 1, 1), "rack", 0, 0),
        ((0, 0, 0, 0, 1, 0), "host", 0, 0),
        ((0, 0, 0, 0, 0, 1), "gpu", 0, 0),
        (HERE, None, 0, 0),
    ],
)
def test_the_most_significant_difference_decides(there, differs, shortest, longest):
    assert distance(HERE, there) == differs
    assert latency_ns(HERE, there, 0.0) == shortest * MS
    assert latency_ns(HERE, there, 1.0) == longest * MS


def test_long_times_are_more_likely():
    """Beta(2, 1): half of all messages take more than 0.707 of the range."""
    assert latency_ns(HERE, (1, 0, 0, 0, 0, 0), 0.25) == 750 * MS
