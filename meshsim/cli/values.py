"""Values of options that need more than a type."""

from __future__ import annotations

from meshsim.cli.errors import UsageError
from meshsim.units import DurationError, parse_duration


def duration_ns(option: str, text: str) -> int:
    """A duration such as `10m`, in nanoseconds.

    Raises:
        UsageError: it is none, or not above zero.
    """
    try:
        value = parse_duration(text)
    except DurationError as error:
        raise UsageError(f"{option}: {error}") from None
    if value == 0:
        raise UsageError(f"{option}: expected more than 0s, got {text!r}")
    return value


def positive(option: str, value: int) -> int:
    """A whole number above zero.

    Raises:
        UsageError: it is not.
    """
    if value < 1:
        raise UsageError(f"{option}: expected at least 1, got {value}")
    return value


def share(option: str, text: str) -> float:
    """A share such as `10%`, as a number from 0 to 1.

    Raises:
        UsageError: it is none, or not from 0 % to 100 %.
    """
    digits = text.removesuffix("%").strip()
    try:
        value = float(digits)
    except ValueError:
        value = -1.0
    if not text.endswith("%") or not 0 <= value <= 100:
        raise UsageError(f'{option}: expected a share such as "10%", got {text!r}')
    return value / 100
