"""How close a run came to its bounds, in words."""

from __future__ import annotations

from meshsim.oracle.verdict import Margin, Verdict
from meshsim.units import format_duration


def closest_text(verdict: Verdict) -> str:
    """What came closest to its bound, or went beyond it: `report 41 %`; `-` when nothing had one."""
    closest = verdict.closest
    return "-" if closest is None else f"{closest.kind} {closest.percent}"


def margin_words(margin: Margin) -> str:
    """One margin: `detect: trainer[1] took 10s of at most 11s (91 %)`."""
    bound = format_duration(margin.bound_ns)
    if margin.took_ns > margin.bound_ns:
        return f"{margin.kind}: {margin.subject} took longer than {bound}"
    return (
        f"{margin.kind}: {margin.subject} took {format_duration(margin.took_ns)} of at most {bound} ({margin.percent})"
    )
