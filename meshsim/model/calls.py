"""What waits for a supervision event: the event itself, or the replies of a call that it would cut short.

Runs of this kind name the reference that they look at (`ref`); the context that holds them tells them of its failures.

Source: supervision.md 12.4.
"""

from __future__ import annotations

import msgspec

from meshsim.model.commands import CancelTimer, Command, SetTimer
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope
from meshsim.model.stopping import Outcome
from meshsim.model.supervision import MeshFailure, failure_text

#: What a wait with a limit ends with, when nothing came.
GIVEN_UP = "deadline has elapsed"


class AwaitRun(msgspec.Struct):
    """One call of next_supervision_event (12.4). Giving up leaves the subscription as it is."""

    me: ActorId
    ref: str
    key: str
    limit_ns: int
    quirks_off: tuple[str, ...] = ()
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return False

    def start(self, now_ns: int) -> list[Command]:
        return [SetTimer(self.me, self.key, self.limit_ns)] if self.limit_ns else []

    def on_failure(self, failure: MeshFailure) -> list[Command]:
        self.outcome = Outcome(result=failure_text(failure, self.quirks_off))
        return [CancelTimer(self.me, self.key)] if self.limit_ns else []

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        assert isinstance(event, TimerFired)
        self.outcome = Outcome(error=GIVEN_UP)
        return []
