"""The options that say how fast `live` goes, and how late it may be."""

from __future__ import annotations

from meshsim.cli.errors import UsageError
from meshsim.cli.values import duration_ns
from meshsim.run.pace import SCALE_MAX, SCALE_MIN, Pace


def pace_of(time_scale: float, late_max: str | None = None) -> Pace:
    """The pace that the options ask for.

    Raises:
        UsageError: one of them cannot be.
    """
    if not SCALE_MIN <= time_scale <= SCALE_MAX:
        raise UsageError(f"--time-scale: expected a number from {SCALE_MIN:g} to {SCALE_MAX:g}, got {time_scale:g}")
    late_max_ns = None if late_max is None else duration_ns("--late-max", late_max)
    return Pace(time_scale=time_scale, late_max_ns=late_max_ns)


def refuse_pace(pace: Pace, *, is_live: bool) -> None:
    """Virtual time has no pace.

    Raises:
        UsageError: a pace was asked for, and nothing runs on `live`.
    """
    if pace != Pace() and not is_live:
        option = "--late-max" if pace.time_scale == Pace().time_scale else "--time-scale"
        raise UsageError(f"{option}: only where something runs on `live`, see --backend")
