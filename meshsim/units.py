"""Time as integer nanoseconds, and durations as people write them.

Every instant and duration inside meshsim is an `int` of nanoseconds: floats drift, integers do not.
Scenario files and environment variables write durations as text with units, as the modelled system's own
configuration does (`"1.5s"`, `"200ms"`, `"2m"`, `"1h 30m"`); they are parsed exactly.
"""

from __future__ import annotations

import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec

NS = 1
US = 1_000 * NS
MS = 1_000 * US
S = 1_000 * MS
MINUTE = 60 * S
HOUR = 60 * MINUTE
DAY = 24 * HOUR

#: The longest duration that is accepted anywhere: one hundred years. Keeps sums inside signed 64 bits.
DURATION_NS_MAX = 100 * 365 * DAY

#: The fastest drift of a clock: a second in a second. Source: chosen here, far above what real clocks do.
DRIFT_PPB_MAX = 1 * S

_UNITS = {
    "ns": NS,
    "us": US,
    "µs": US,
    "ms": MS,
    "s": S,
    "sec": S,
    "secs": S,
    "second": S,
    "seconds": S,
    "m": MINUTE,
    "min": MINUTE,
    "mins": MINUTE,
    "minute": MINUTE,
    "minutes": MINUTE,
    "h": HOUR,
    "hr": HOUR,
    "hour": HOUR,
    "hours": HOUR,
    "d": DAY,
    "day": DAY,
    "days": DAY,
}
_PART = re.compile(r"\s*(\d{1,20}(?:\.\d{1,20})?)\s*([a-zµ]+)\s*")


class DurationError(ValueError):
    """A text is not a duration. `str()` says what was expected and what came."""


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as `"1.5s"`, `"200ms"`, `"2m"` or `"1h 30m"`; `"0"` is zero.

    Raises:
        DurationError: not a duration, finer than a nanosecond, or longer than a hundred years.
    """
    if text.strip() == "0":
        return 0
    total = Decimal(0)
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or part.group(2) not in _UNITS:
            raise DurationError(f'expected a duration such as "1.5s", got {text!r}')
        total += Decimal(part.group(1)) * _UNITS[part.group(2)]
        position = part.end()
    if position == 0:
        raise DurationError(f'expected a duration such as "1.5s", got {text!r}')
    if total != int(total):
        raise DurationError(f"expected a whole number of nanoseconds, got {text!r}")
    if total > DURATION_NS_MAX:
        raise DurationError(f"expected at most 100 years, got {text!r}")
    return int(total)


def parse_shift(text: str) -> int:
    """Nanoseconds of a duration that may have a sign: `"1.5s"`, `"-200ms"`.

    Raises:
        DurationError: as `parse_duration`.
    """
    bare = text.strip()
    sign = -1 if bare.startswith("-") else 1
    try:
        return sign * parse_duration(bare[1:] if bare[:1] in ("-", "+") else bare)
    except DurationError as error:
        limit = str(error).partition(", got ")[0].replace('as "1.5s"', 'as "1.5s" or "-200ms"')
        raise DurationError(f"{limit}, got {text!r}") from None


def parse_drift(text: str) -> int:
    """Parts per billion of a drift such as `"200us/s"`, `"-1.5ms/s"` or `"50ppm"`.

    Raises:
        DurationError: not a drift, finer than one part per billion, or faster than a second in a second.
    """
    ppb = None
    with suppress(DurationError):
        if text.endswith("/s"):
            ppb = parse_shift(text.removesuffix("/s"))
        elif text.endswith("ppm"):
            ppb = parse_shift(f"{text.removesuffix('ppm').rstrip()}us")
    if ppb is None or not -DRIFT_PPB_MAX <= ppb <= DRIFT_PPB_MAX:
        raise DurationError(f'expected a drift such as "200us/s" or "-50ppm", at most 1s/s, got {text!r}')
    return ppb


def format_duration(duration_ns: int) -> str:
    """The shortest exact text that `parse_duration` reads back: `1.5s`, `200ms`, `2m`, `1h 30m`."""
    if duration_ns < 0:
        return f"-{format_duration(-duration_ns)}"
    if duration_ns == 0:
        return "0s"
    parts = []
    for name, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        count, duration_ns = divmod(duration_ns, size)
        if count:
            parts.append(f"{count}{name}")
    if duration_ns:
        parts.append(_below_a_minute(duration_ns))
    return " ".join(parts)


def debug_duration(duration_ns: int) -> str:
    """A duration as the modelled system's debug form prints it: `30s`, `1.002s`, `500ms`, `1.5µs`.

    Seconds are not split into minutes. Source: supervision.md 2.1 (text of `Timeout`).
    """
    for name, size in (("s", S), ("ms", MS), ("µs", US)):
        if duration_ns >= size:
            return f"{_decimal(duration_ns, size)}{name}"
    return f"{duration_ns}ns"


def human_age(duration_ns: int) -> str:
    """Whole seconds in words, largest unit first: `0s`, `42s`, `1m 2s`, `1h 2m 3s`.

    Source: supervision.md 3.1 (`Running up {age}`).
    """
    seconds = duration_ns // S
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{name}")
    if seconds or not parts:
        parts.append(f"{seconds}s")
    return " ".join(parts)


def _below_a_minute(duration_ns: int) -> str:
    for name, size in (("s", S), ("ms", MS), ("us", US)):
        if duration_ns >= size:
            return f"{_decimal(duration_ns, size)}{name}"
    return f"{duration_ns}ns"


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    if not rest:
        return str(whole)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}"


class Duration(int):
    """Nanoseconds that are written as text with a unit in scenario files and plans."""


class Shift(Duration):
    """A `Duration` that may have a sign: how far a clock is off, or is moved."""


class Drift(int):
    """Parts per billion, which is nanoseconds in a second, written as text: `200us/s`."""

    def __str__(self) -> str:
        return f"{format_duration(int(self))}/s"


def duration(default_ns: int) -> Any:  # noqa: ANN401  as msgspec.field
    """A struct field with this default. A factory, because msgspec cannot put a custom type into a JSON schema."""
    return msgspec.field(default_factory=lambda: Duration(default_ns))
