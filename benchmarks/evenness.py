"""Whether values are spread evenly over an interval: the distance of Kolmogorov and Smirnov."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Where Kolmogorov's limit is 5 %. Source: tables of it, such as Stephens 1970, table 1.
_AT_5_PERCENT = 1.358
#: Terms of the series below; they fall off as exp(-2 k² x²).
_TERMS = 100


def distance(values: Sequence[float], low: float, high: float) -> float:
    """The largest distance between the share of values up to x and what an even spread over low..high has there."""
    count = len(values)
    most = 0.0
    for index, value in enumerate(sorted(values)):
        even = min(max((value - low) / (high - low), 0.0), 1.0)
        most = max(most, even - index / count, (index + 1) / count - even)
    return most


def likely_distance(count: int) -> float:
    """So many evenly drawn values are further off than this with a chance of 5 %."""
    return _AT_5_PERCENT / _scale(count)


def chance(distance_found: float, count: int) -> float:
    """How likely so many evenly drawn values are at least that far off: Kolmogorov's limit, with Stephens' correction
    for few values (within 0.01 from 8 values on). Source: Stephens 1970, section 2.
    """
    x = distance_found * _scale(count)
    if x < 0.2:  # The series needs more and more terms; the chance is 1 to 12 digits.
        return 1.0
    total = 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, _TERMS))
    return min(max(total, 0.0), 1.0)


def _scale(count: int) -> float:
    root = math.sqrt(count)
    return root + 0.12 + 0.11 / root
