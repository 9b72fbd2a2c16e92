"""What is due, and when: one SimPy event for each instant, however much happens at it.

The order of things at the same instant is a decision of its own: first in, first out unless a tie order says otherwise.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import simpy

#: A function and its arguments.
Entry = tuple[Callable[..., None], tuple[Any, ...]]


class TieOrder(Protocol):
    """Chooses among things that are due at the same instant."""

    def choose(self, count: int) -> int:
        """Index of the one that goes first, of `count` in the order they were posted."""


class Agenda:
    """Entries by instant. An entry posted for the current instant is taken in the same sweep."""

    def __init__(self, env: simpy.Environment, tie_order: TieOrder | None = None) -> None:
        self._env = env
        self._tie_order = tie_order
        self._buckets: dict[int, deque[Entry]] = {}

    def post(self, at_ns: int, function: Callable[..., None], *arguments: Any) -> None:
        """Have `function(*arguments)` called at `at_ns`, which is not in the past."""
        bucket = self._buckets.get(at_ns)
        if bucket is None:
            bucket = self._buckets[at_ns] = deque()
            event = simpy.Event(self._env)
            event._ok = True
            event._value = None
            event.callbacks = [self._sweep]
            self._env.schedule(event, delay=at_ns - int(self._env.now))
        bucket.append((function, arguments))

    def _sweep(self, _: simpy.Event) -> None:
        now_ns = int(self._env.now)
        bucket = self._buckets[now_ns]
        if self._tie_order is None:
            while bucket:
                function, arguments = bucket.popleft()
                function(*arguments)
        else:
            while bucket:
                index = self._tie_order.choose(len(bucket))
                function, arguments = bucket[index]
                del bucket[index]
                function(*arguments)
        del self._buckets[now_ns]

    def remaining(self) -> Iterator[Entry]:
        """What was never reached, in the order it would have been."""
        for at_ns in sorted(self._buckets):
            yield from self._buckets[at_ns]
