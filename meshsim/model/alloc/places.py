"""Where simulated procs are, and how far it is from one to another.

A place is six coordinates, the most significant first. What two places first differ in decides how long a message
takes; within a zone it takes no time.

Source: mesh_model.md 5.6, 8.3.
"""

from __future__ import annotations

from math import sqrt

from meshsim.model.shapes.extent import Point
from meshsim.units import MS

#: Dimensions that an extent of simulated procs may have; those that it has not are 0 everywhere.
COORDINATES = ("region", "dc", "zone", "rack", "host", "gpu")

#: Shortest and longest time by coordinate; the others cost nothing.
LATENCY_NS: dict[str, tuple[int, int]] = {
    "region": (500 * MS, 1000 * MS),
    "dc": (50 * MS, 100 * MS),
    "zone": (5 * MS, 10 * MS),
}

Place = tuple[int, ...]


def place_of(point: Point) -> Place:
    """Coordinates of a point by the labels of its extent."""
    known = dict(zip(point.extent.labels, point.coords, strict=True))
    return tuple(known.get(label, 0) for label in COORDINATES)


def distance(one: Place, other: Place) -> str | None:
    """The most significant coordinate that differs; none for the same place."""
    return next((label for label, a, b in zip(COORDINATES, one, other, strict=True) if a != b), None)


def latency_ns(one: Place, other: Place, drawn: float) -> int:
    """How long a message takes. `drawn`, uniform in 0..1, becomes Beta(2, 1): its distribution function is x²."""
    low, high = LATENCY_NS.get(distance(one, other) or "", (0, 0))
    return low + int((high - low) * sqrt(drawn))
