"""SimPy processes that can be copied in the middle, as all of a run can (`meshsim.explore.forking`).

A generator cannot: nobody but itself knows where it stands. So what walks faults and operations is written as a small
machine, which SimPy resumes as it would a generator.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

import simpy


class Script(ABC):
    """One SimPy process. Where it stands is in its fields."""

    @abstractmethod
    def advance(self) -> simpy.Event | None:
        """Go on from what was waited for, or begin.

        Returns:
            What to wait for next; None when it is over.
        """

    def start(self, env: simpy.Environment, after_ns: int | None = None) -> None:
        """Begin at the present instant, or so much later, before what is going to be due then."""
        self._env, self._after_ns = env, after_ns
        env.process(cast(Any, self))

    def send(self, _: object) -> simpy.Event:
        if self._after_ns is not None:
            after_ns, self._after_ns = self._after_ns, None
            return self._env.timeout(after_ns)
        event = self.advance()
        if event is None:
            raise StopIteration
        return event

    def throw(self, error: BaseException) -> simpy.Event:
        raise error
