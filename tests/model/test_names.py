"""Names as text (mesh_model.md 7, B.8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.ids import InvalidNameError, NameSource, short_uuid
from meshsim.model.names import InvalidUuidError, parse_name, parse_short_uuid, reserved_name, standalone_uuid

INVALID = "names must contain only alphanumeric characters and underscores, and must start with a letter or underscore"


@pytest.mark.parametrize(
    ("text", "base", "number"),
    [
        ("trainer-1JPwcyDCgEup", "trainer", 2**64 - 1),
        ("w_0-111111111121", "w_0", 58),
        ("w-_111111111121", "w", 58),
        ("w-1111111-11121", "w", 58),
        ("host_agent", "host_agent", None),
        ("monarch::Trainer", "monarch::Trainer", None),
    ],
)
def test_a_name_comes_apart_at_its_first_dash(text, base, number):
    assert parse_name(text) == (base, number)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "invalid name: missing name"),
        ("-1JPwcyDCgEup", "invalid name: missing name"),
        ("trainer-", "invalid name: missing name"),
        ("1a", f"invalid name '1a': {INVALID}"),
        ("a b-1JPwcyDCgEup", f"invalid name 'a b': {INVALID}"),
        ("a-0JPwcyDCgEup", "invalid character '0' in ShortUuid"),
        ("a-1JPwcyDCgEul", "invalid character 'l' in ShortUuid"),
    ],
)
def test_what_is_no_name_is_refused_with_the_reference_text(text, error):
    with pytest.raises((InvalidNameError, InvalidUuidError)) as caught:
        parse_name(text)

    assert str(caught.value) == error


@pytest.mark.parametrize(("base", "name"), [("logger", "logger"), ("", "unnamed")])
def test_a_reserved_name_is_its_base(base, name):
    assert reserved_name(base) == name


def test_a_reserved_name_has_no_suffix():
    with pytest.raises(InvalidNameError, match="invalid name 'a-b'"):
        reserved_name("a-b")


def test_a_uuid_that_stands_alone_begins_with_an_underscore():
    assert standalone_uuid(2**64 - 1) == "_1JPwcyDCgEup"


@given(st.integers(0, 2**64 - 1))
def test_uuids_are_read_as_they_are_written(number):
    assert parse_short_uuid(short_uuid(number)) == parse_short_uuid(standalone_uuid(number)) == number
    assert short_uuid(number).startswith("1")


def test_drawn_names_can_be_read():
    assert parse_name(NameSource(7).draw("w"))[0] == "w"
