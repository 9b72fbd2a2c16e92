"""How fast a `live` run goes, and how late things may be in it."""

from __future__ import annotations

import msgspec

from meshsim.model.config import Config
from meshsim.scenario.plan import Plan

#: Share of the poll period that nothing may be late by unless told otherwise. Chosen here: what is found at the next
#: poll anyway is told apart from what is found late.
_SHARE = 5


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """Of the runs on `live`; the other backends have no pace."""

    #: Wall time for virtual time: at 0.1 a scenario of 35 s takes 3.5 s.
    time_scale: float = 1.0
    #: Virtual nanoseconds; a fifth of the scenario's poll period when not given.
    late_max_ns: int | None = None

    def late_max_of(self, plan: Plan) -> int:
        """What something may be late by before the run is inconclusive, virtual nanoseconds."""
        if self.late_max_ns is not None:
            return self.late_max_ns
        return Config.of(plan.config, plan.quirks_off).supervision_poll_frequency // _SHARE
