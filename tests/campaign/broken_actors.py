"""Actors that no simulation survives, when their process is started late."""

from __future__ import annotations

import os

from meshsim.model.actors.plain import TestActor
from meshsim.model.commands import Command
from meshsim.model.events import Event, Started
from meshsim.units import S

_LATE_NS = S // 2


class Exits(TestActor):
    def handle(self, event: Event, now_ns: int) -> list[Command]:
        if isinstance(event, Started) and now_ns > _LATE_NS:
            os._exit(7)
        return super().handle(event, now_ns)


class Loops(TestActor):
    def handle(self, event: Event, now_ns: int) -> list[Command]:
        while isinstance(event, Started) and now_ns > _LATE_NS:
            pass
        return super().handle(event, now_ns)
