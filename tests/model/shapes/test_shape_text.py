import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import regions

from meshsim.model.shapes.extent import Extent, ExtentError
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.shape_text import ShapeParseError, parse_point, parse_region
from meshsim.model.shapes.slice import SliceError

labels = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), max_size=3, unique=True
).map(tuple)


@pytest.mark.parametrize(
    ("text", "pairs", "coords"),
    [
        ("x=1/4,y=2/5", (("x", 4), ("y", 5)), (1, 2)),
        ("", (), ()),
        ("  \t", (), ()),
        (" x = 1 / 4 , y=2/5 ", (("x", 4), ("y", 5)), (1, 2)),
        ("x=1/4 y=2/5", (("x", 4), ("y", 5)), (1, 2)),
        ('"dim/0"=0/3', (("dim/0", 3),), (0,)),
        ('"a\\"b\\\\c\\n"=0/1', (('a"b\\c\\n', 1),), (0,)),
    ],
)
def test_points_are_read_with_blanks_and_quoted_labels(text, pairs, coords):
    """mesh_model.md 1.3; a blank does for a comma, and an escape that means nothing stays."""
    extent = Extent.of(pairs)

    assert parse_point(text) == extent.point_of_rank(extent.rank_of_coords(coords))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("=1/4", "failed to parse point: missing label"),
        (",x=1/4", "failed to parse point: missing label"),
        ('""=1/4', "failed to parse point: empty quoted label"),
        ("x", "failed to parse point: expected '=' after label 'x'"),
        ("x:1/4", "failed to parse point: expected '=' after label 'x:1'"),
        ("x=", "failed to parse point: missing coordinate for dimension 'x'"),
        ("x=/4", "failed to parse point: missing coordinate for dimension 'x'"),
        ("x=1", "failed to parse point: expected '/' after coordinate for dimension 'x'"),
        ("x=1,y=2/5", "failed to parse point: expected '/' after coordinate for dimension 'x'"),
        ("x=1/", "failed to parse point: missing size for dimension 'x'"),
        ("x=a/4", "failed to parse point: invalid coordinate 'a' for dimension 'x': invalid digit found in string"),
        ("x=-1/4", "failed to parse point: invalid coordinate '-1' for dimension 'x': invalid digit found in string"),
        ("x=1/4y", "failed to parse point: invalid size '4y' for dimension 'x': invalid digit found in string"),
        (
            f"x=1/{2**64}",
            f"failed to parse point: invalid size '{2**64}' for dimension 'x': number too large to fit in target type",
        ),
        ("x=1/4,", "failed to parse point: trailing comma"),
        ("x=1/4 , ", "failed to parse point: trailing comma"),
        ("x=4/4", "out of range: dim size 4; does not contain index 4"),
        ("x=9/4,y=5/5", "out of range: dim size 5; does not contain index 5"),
    ],
)
def test_texts_that_are_no_points_say_what_is_wrong(text, error):
    """mesh_model.md 1.3, every error."""
    with pytest.raises(ExtentError) as caught:
        parse_point(text)

    assert str(caught.value) == error


@given(labels, st.data())
def test_points_print_and_read_back(names, data):
    """Labels without line breaks: the two ends do not agree on the escapes of those."""
    names = tuple(name.translate({10: "_", 13: "_", 9: "_"}) for name in names)
    sizes = tuple(data.draw(st.integers(1, 5)) for _ in names)
    extent = Extent(names, sizes)
    point = extent.point_of_rank(data.draw(st.integers(0, extent.num_ranks - 1)))

    assert parse_point(str(point)) == point


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("", Region((), 0, (), ())),
        ("5+", Region((), 5, (), ())),
        ("2+hosts=2/4,gpus=2/1", Region(("hosts", "gpus"), 2, (2, 2), (4, 1))),
        ("x = 2/4 , y = 3/1 ", Region(("x", "y"), 0, (2, 3), (4, 1))),
        ("7=2/1", Region(("7",), 0, (2,), (1,))),
        ('"+"=2/1', Region(("+",), 0, (2,), (1,))),
        ('"a\\"\\\\\\n\\r\\t"=2/1', Region(('a"\\\n\r\t',), 0, (2,), (1,))),
    ],
)
def test_regions_are_read_with_offset_and_quoted_labels(text, region):
    """mesh_model.md 1.5."""
    assert parse_region(text) == region


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        (ShapeParseError, "x", "parse error: expected '=' but got end of input"),
        (ShapeParseError, "x/2", "parse error: expected '=' but got '/'"),
        (ShapeParseError, "x=2,", "parse error: expected '/' but got ','"),
        (ShapeParseError, "x=2/1+", "parse error: expected ',' but got '+'"),
        (ShapeParseError, "x=2/1,", "parse error: expected 'label' but got end of input"),
        (ShapeParseError, "=2/1", "parse error: expected 'label' but got '='"),
        (ShapeParseError, '"x', "parse error: expected '\"' but got end of input"),
        (ShapeParseError, "x=a/1", "parse error: token 'a' is not a 'usize'"),
        (ShapeParseError, "a+x=2/1", "parse error: token 'a' is not a 'usize'"),
        (SliceError, "x=2/2,y=2/2", "nonunique strides"),
    ],
)
def test_texts_that_are_no_regions_say_what_is_wrong(kind, text, error):
    """mesh_model.md 1.5: errors of the parser or of the slice."""
    with pytest.raises(kind) as caught:
        parse_region(text)

    assert str(caught.value) == error


@given(regions(), labels)
def test_regions_print_and_read_back(region, names):
    """For whatever labels."""
    if len(names) >= len(region.labels):
        region = Region.over(names[: len(region.labels)], region.slice)

    assert parse_region(str(region)) == region
