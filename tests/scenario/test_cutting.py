"""Slices in scenario files: how a range is written, and which ranks come of it (mesh_model.md 1.6, B.1)."""

import pytest

from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.slice import Range
from meshsim.scenario.cutting import RangeTextError, checked_cut, cut, parse_range
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.schema import Slice

REGION = Region.of(Extent(("hosts", "gpus"), (2, 4)))


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("3", Range(3, 4)),
        ("2..4", Range(2, 4)),
        ("1..", Range(1)),
        ("0..=3", Range(0, 4)),
        ("0:8:2", Range(0, 8, 2)),
        ("1::3", Range(1, None, 3)),
        ("1:", Range(1)),
    ],
)
def test_ranges_are_written_as_in_the_reference(text: str, chosen: Range) -> None:
    assert parse_range(text) == chosen


@pytest.mark.parametrize("text", ["", "a", "..", "..3", "-1..2", "1..=", "1...2", "0:4:0", "1 ..2", "٣..4", "1..2\n"])
def test_other_texts_are_no_ranges(text: str) -> None:
    with pytest.raises(RangeTextError):
        parse_range(text)


@pytest.mark.parametrize(
    ("ranges", "index", "text", "ranks"),
    [
        ({"gpus": "2..4"}, {}, "2+hosts=2/4,gpus=2/1", [2, 3, 6, 7]),
        ({"gpus": "2..4", "hosts": "1"}, {}, "6+hosts=1/4,gpus=2/1", [6, 7]),
        ({}, {"gpus": 3}, "3+hosts=2/4", [3, 7]),
        ({"gpus": "0:4:2"}, {"hosts": 1}, "4+gpus=2/2", [4, 6]),
    ],
)
def test_a_slice_is_a_region(ranges: dict[str, str], index: dict[str, int], text: str, ranks: list[int]) -> None:
    region = cut(REGION, Slice(name="part", mesh="all", range=ranges, index=index))

    assert (str(region), list(region.base_ranks())) == (text, ranks)


@pytest.mark.parametrize(
    ("ranges", "index", "message"),
    [
        ({}, {}, "x: expected range or index: nothing is chosen"),
        ({"gpus": "two"}, {}, 'x.range: expected a range such as "2..4", "1..", "0..=3" or "0:8:2", got "two"'),
        ({"gpus": "4.."}, {}, "x: empty range: 4::1 for dimension gpus of size 4"),
        ({"cpus": "1"}, {}, "x: no such dimension: cpus"),
    ],
)
def test_a_slice_that_cannot_be_is_said_so_in_the_words_of_the_reference(
    ranges: dict[str, str], index: dict[str, int], message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        checked_cut(REGION, Slice(name="part", mesh="all", range=ranges, index=index), "x")

    assert str(caught.value) == message
