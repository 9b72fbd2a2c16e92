import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.units import (
    DURATION_NS_MAX,
    MS,
    Drift,
    DurationError,
    S,
    debug_duration,
    format_duration,
    human_age,
    parse_drift,
    parse_duration,
    parse_shift,
)


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("0", 0),
        ("0s", 0),
        ("1ns", 1),
        ("1.5s", 1_500_000_000),
        ("200ms", 200_000_000),
        ("2m", 120_000_000_000),
        ("1h 30m", 5_400_000_000_000),
        ("1h30m", 5_400_000_000_000),
        ("7µs", 7_000),
        ("0.000000001s", 1),
    ],
)
def test_durations_are_read_exactly(text, duration_ns):
    """Whatever unit a person writes, the model counts whole nanoseconds."""
    assert parse_duration(text) == duration_ns


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a duration such as \"1.5s\", got ''"),
        ("5", "expected a duration such as \"1.5s\", got '5'"),
        ("-1s", "expected a duration such as \"1.5s\", got '-1s'"),
        ("1 fortnight", "expected a duration such as \"1.5s\", got '1 fortnight'"),
        ("0.5ns", "expected a whole number of nanoseconds, got '0.5ns'"),
        ("40000d", "expected at most 100 years, got '40000d'"),
    ],
)
def test_what_is_no_duration_is_refused_with_what_came(text, message):
    """A bare number would be read in one unit by one person and in another by the next."""
    with pytest.raises(DurationError) as caught:
        parse_duration(text)

    assert str(caught.value) == message


@given(st.integers(min_value=0, max_value=DURATION_NS_MAX))
def test_a_duration_survives_being_written_and_read(duration_ns):
    """Plans carry durations as text; nothing may be lost on the way."""
    assert parse_duration(format_duration(duration_ns)) == duration_ns


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (30 * S, "30s"),
        (120 * S, "120s"),
        (1_002 * MS, "1.002s"),
        (30_100 * MS, "30.1s"),
        (500 * MS, "500ms"),
        (1_500, "1.5µs"),
        (7, "7ns"),
        (0, "0ns"),
    ],
)
def test_debug_form_of_a_duration_has_one_unit(duration_ns, text):
    """It is part of the text of Timeout, and texts are compared."""
    assert debug_duration(duration_ns) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (42, "42s"), (62, "1m 2s"), (3_600, "1h"), (3_723, "1h 2m 3s"), (90_061, "1d 1h 1m 1s")],
)
def test_ages_are_whole_seconds_in_words(seconds, text):
    """As `Running up {age}` prints them; what is below a second does not show."""
    assert human_age(seconds * S + 999 * MS) == text


@pytest.mark.parametrize(("text", "shift_ns"), [("1.5s", 1_500 * MS), ("-200ms", -200 * MS), (" + 1s", S), ("-0", 0)])
def test_a_shift_may_have_a_sign(text, shift_ns):
    assert parse_shift(text) == shift_ns


@pytest.mark.parametrize("text", ["--1s", "- -1s", "soon", "", "-"])
def test_what_is_no_shift(text):
    with pytest.raises(DurationError, match=r'^expected a duration such as "1.5s" or "-200ms", got '):
        parse_shift(text)


@pytest.mark.parametrize(
    ("text", "ppb"),
    [("200us/s", 200_000), ("-1.5ms/s", -1_500_000), ("50ppm", 50_000), ("-0.5 ppm", -500), ("0s/s", 0), ("1s/s", S)],
)
def test_a_drift_is_a_share_of_time(text, ppb):
    assert parse_drift(text) == ppb
    assert parse_drift(str(Drift(ppb))) == ppb


@pytest.mark.parametrize("text", ["200us", "200us/m", "1.5s/s", "0.0001ppm", "ppm", "/s", "fast"])
def test_what_is_no_drift(text):
    with pytest.raises(DurationError, match=r"^expected a drift such as "):
        parse_drift(text)
