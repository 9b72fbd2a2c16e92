"""How close a run came to its bounds, in words."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.oracle.verdict import Margin, Verdict
from meshsim.units import format_duration


def closest_text(verdicts: Iterable[Verdict]) -> str:
    """What came closest to its bound in any of these runs, or went beyond it: `report 41 %`; `-` for nothing."""
    margins = (verdict.closest for verdict in verdicts)
    found = (margin for margin in margins if margin is not None)
    closest = max(found, key=lambda margin: margin.share, default=None)
    return "-" if closest is None else f"{closest.kind} {closest.percent}"


def margin_words(margin: Margin) -> str:
    """One margin: `detect: trainer[1] took 10s of at most 11s (91 %)`."""
    bound = format_duration(margin.bound_ns)
    if margin.took_ns > margin.bound_ns:
        return f"{margin.kind}: {margin.subject} took longer than {bound}"
    return (
        f"{margin.kind}: {margin.subject} took {format_duration(margin.took_ns)} of at most {bound} ({margin.percent})"
    )
