"""The timers of a free-running node: which one fires next. The same code says so again when a run is replayed."""

from __future__ import annotations

import heapq
from itertools import count

from meshsim.drive.delays import Delays, TimerKey


class Timers:
    """The timers of one node, by virtual time."""

    def __init__(self) -> None:
        #: When a timer is due, and the number of the input that set it.
        self._due: dict[TimerKey, tuple[int, int]] = {}
        #: Every time that was ever set and is not past; only what agrees with `_due` counts.
        self._heap: list[tuple[int, int, TimerKey]] = []
        self._order = count()
        self._late = Delays()

    def set(self, timer: TimerKey, due_ns: int, set_by: int) -> None:
        due_ns += self._late.take(timer)
        self._due[timer] = (due_ns, set_by)
        heapq.heappush(self._heap, (due_ns, next(self._order), timer))

    def cancel(self, timer: TimerKey) -> None:
        self._due.pop(timer, None)

    def delay(self, timer: TimerKey, by_ns: int, times: int | None) -> None:
        """A timer fires later than asked for, the one that is set now first; so often, or from now on."""
        self._late.begin(timer, by_ns, times)
        if timer in self._due:
            due_ns, set_by = self._due[timer]
            self.set(timer, due_ns, set_by)

    def next_ns(self) -> int | None:
        """When the next one is due; None when none is set."""
        while self._heap:
            due_ns, _, timer = self._heap[0]
            if self._due.get(timer, (-1, 0))[0] == due_ns:
                return due_ns
            heapq.heappop(self._heap)
        return None

    def take(self) -> tuple[TimerKey, int, int]:
        """The next one, which is not set any more: when it was due, and which input set it."""
        _, _, timer = heapq.heappop(self._heap)
        return timer, *self._due.pop(timer)
