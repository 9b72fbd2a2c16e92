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

    def start(self, env: simpy.Environment) -> None:
        """Begin at the present instant, behind what is due already."""
        env.process(cast(Any, self))

    def send(self, _: object) -> simpy.Event:
        event = self.advance()
        if event is None:
            raise StopIteration
        return event

    def throw(self, error: BaseException) -> simpy.Event:
        raise error
