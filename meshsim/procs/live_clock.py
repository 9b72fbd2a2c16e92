"""Virtual time of a `live` run: CLOCK_MONOTONIC since the start of the run, scaled.

The clock is the same in every process of a machine, so times that different processes read can be compared.
"""

from __future__ import annotations

import time

import msgspec


class LiveClock(msgspec.Struct, frozen=True):
    """Reads the time; `time_scale` is wall time for virtual time, so 0.1 runs ten times as fast."""

    base_ns: int
    time_scale: float

    @classmethod
    def starting_now(cls, time_scale: float) -> LiveClock:
        return cls(time.monotonic_ns(), time_scale)

    def now_ns(self) -> int:
        """Virtual nanoseconds since the start of the run."""
        return int((time.monotonic_ns() - self.base_ns) / self.time_scale)

    def wait_s(self, until_ns: int) -> float:
        """Wall seconds until a virtual time; 0 when it is past."""
        return max(0.0, (self.base_ns + until_ns * self.time_scale - time.monotonic_ns()) / 1e9)
