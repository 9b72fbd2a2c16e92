"""What is due, and when: one SimPy event for each instant, however much happens at it.

The order of things at the same instant is a decision of its own: first in, first out unless a tie order says otherwise.
A tie order never changes the order within a lane, such as the messages of one link.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Protocol

import simpy

#: A function and its arguments.
Entry = tuple[Callable[..., None], tuple[Any, ...]]


class TieOrder(Protocol):
    """Chooses among things that are due at the same instant."""

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        """Index of the one that goes first, of those that may, in the order they were posted."""


class Agenda:
    """Entries by instant. An entry posted for the current instant is taken in the same sweep."""

    def __init__(
        self,
        env: simpy.Environment,
        tie_order: TieOrder | None = None,
        lane_of: Callable[[Entry], Hashable | None] = lambda _: None,
    ) -> None:
        self._env = env
        #: Who goes first at an instant; first in, first out if there is none. May change between two instants.
        self.tie_order = tie_order
        self._lane_of = lane_of
        self._buckets: dict[int, deque[Entry]] = {}
        #: The instant that is being swept.
        self.now_ns = 0

    @property
    def instant(self) -> int:
        """The present instant, also between two sweeps: faults and operations act from SimPy processes of their own."""
        return int(self._env.now)

    def post(self, at_ns: int, function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401  whatever the function takes
        """Have `function(*arguments)` called at `at_ns`, which is not in the past."""
        self.at(at_ns).append((function, arguments))

    def at(self, at_ns: int) -> deque[Entry]:
        """What is due at an instant, to be appended to: cheaper than `post` for many entries of one instant."""
        bucket = self._buckets.get(at_ns)
        if bucket is None:
            bucket = self._buckets[at_ns] = deque()
            # A bare event: `Timeout` costs more, and nobody waits for this one.
            event = simpy.Event(self._env)
            event._ok = True
            event._value = None
            event.callbacks = [self._sweep]
            self._env.schedule(event, delay=at_ns - int(self._env.now))
        return bucket

    def _sweep(self, _: simpy.Event) -> None:
        self.now_ns = now_ns = int(self._env.now)
        bucket = self._buckets[now_ns]
        if self.tie_order is None:
            pop = bucket.popleft
            while bucket:
                function, arguments = pop()
                function(*arguments)
        else:
            while bucket:
                eligible = self._first_of_each_lane(bucket)
                index = eligible[self.tie_order.choose(now_ns, [bucket[index] for index in eligible])]
                function, arguments = bucket[index]
                del bucket[index]
                function(*arguments)
        del self._buckets[now_ns]

    def _first_of_each_lane(self, bucket: deque[Entry]) -> list[int]:
        """Indices of entries that have no earlier one in their lane; an entry without a lane is always among them."""
        seen: set[Hashable] = set()
        indices = []
        for index, entry in enumerate(bucket):
            lane = self._lane_of(entry)
            if lane is None or lane not in seen:
                indices.append(index)
                seen.add(lane)
        return indices

    def take_next(self, function: Callable[..., None], dst: str) -> tuple[Any, ...] | None:
        """Take the next entry of this instant if it calls `function` for `dst` (its second argument); its arguments.

        Only where the order of equal times is first in, first out: another order has to be asked.
        """
        bucket = self._buckets[self.now_ns]
        if self.tie_order is None and bucket and bucket[0][0] is function and bucket[0][1][1] == dst:
            return bucket.popleft()[1]
        return None

    def remaining(self) -> Iterator[Entry]:
        """What was never reached, in the order it would have been."""
        return (entry for _, entry in self.due())

    def due_now(self) -> tuple[Entry, ...]:
        """What is still to come at the present instant."""
        return tuple(self._buckets.get(self.instant, ()))

    def due(self) -> Iterator[tuple[int, Entry]]:
        """All that is still to come, and when."""
        for at_ns in sorted(self._buckets):
            for entry in self._buckets[at_ns]:
                yield at_ns, entry
