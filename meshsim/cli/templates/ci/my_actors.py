"""Actors of your own. The same class runs as an object in simulation and in a real process, unchanged.

A scenario names it as `actor = "my_actors:Trainer"`. It takes one event at a time and answers with what is to be done;
it never waits, sleeps or reads a clock: time comes as `now_ns`, and a timer is asked for with `SetTimer`.
"""

from __future__ import annotations

from meshsim.model.actors.plain import TestActor
from meshsim.model.commands import Command, Fail
from meshsim.model.events import Event
from meshsim.model.messages import Envelope, Work
from meshsim.model.supervision import Generic


class Trainer(TestActor):
    """Counts the steps it is cast, and fails when it is given a bad batch."""

    steps: int = 0

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what must be done."""
        match event:
            case Envelope(port=0, message=Work(text="bad batch")):
                return [Fail(Generic(f"bad batch after {self.steps} steps"))]
            case Envelope(port=0, message=Work(text="step")):
                self.steps += 1
        return super().handle(event, now_ns)
