"""The wall clock of a machine: how it differs from virtual time, which is what every monotonic clock shows.

Only the wall clock is wrong here. Timers and limits are monotonic (supervision.md, Conventions: "timers are
monotonic"), so no jump moves them. A monotonic clock drifts too, by the same share, but what it measures is some
minutes at most: 200 us/s are 2 ms of a poll interval, which no bound can tell from the network. A wall clock adds its
error up for as long as it runs, so drift is modelled there and nowhere else. Chosen here: the reference has no drift.

Q37 (supervision.md 8.8) is what makes it matter: times of one machine are compared with the clock of another.
"""

from __future__ import annotations

import msgspec

_PPB = 1_000_000_000


class WallClock(msgspec.Struct, frozen=True, omit_defaults=True):
    """Wall time as a function of virtual time; both in nanoseconds."""

    #: What it is ahead at `since_ns`; less than nothing when it is behind.
    offset_ns: int = 0
    #: What it gains, in parts per billion: nanoseconds in a second.
    drift_ppb: int = 0
    #: Virtual time from which the drift counts.
    since_ns: int = 0

    def at(self, now_ns: int) -> int:
        """Wall time at a virtual time."""
        return now_ns + self.ahead_ns(now_ns)

    def ahead_ns(self, now_ns: int) -> int:
        """How much it is ahead of virtual time; rounded towards the past, so that all backends agree."""
        return self.offset_ns + self.drift_ppb * (now_ns - self.since_ns) // _PPB


#: A clock that is right.
TRUE_CLOCK = WallClock()
