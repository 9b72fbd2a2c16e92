"""The accumulating port of a status wait: overlays come in, a snapshot of all ranks is what is read.

The reference's port starts empty, becomes its template (NotExist everywhere) at the first update, and shows a whole
copy for each update; who reads finds the newest. Here the port is its template from the start, and only the newest
snapshot is kept, dense: nobody can tell, and a wait over many ranks stays cheap.

Its reference advertises a reducer: relays may merge replies on their way (`meshsim.model.messaging.split_port`).

Source: mesh_model.md 2.5, 3.4; supervision.md 11.2. Quirks: Q48, error_removes_port, overlay_merge_defect.
"""

from __future__ import annotations

import msgspec

from meshsim.model.commands import Command, GiveBack
from meshsim.model.config import Config
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import Envelope, RankStatus
from meshsim.model.messaging.reducers import STATUS_OVERLAY
from meshsim.model.shapes.overlay import OverlayError, ValueOverlay
from meshsim.model.shapes.runs import merge_runs_defective, runs_of, values_of
from meshsim.model.status import INITIALIZING, NOT_EXIST, Run, Status
from meshsim.units import MS

#: How long relays may hold back an update for this port. Source: mesh_model.md 3.6, supervision.md 13.
MAX_INTERVAL_NS = 50 * MS


class StatusPort(msgspec.Struct):
    """State of one port over `count` ranks."""

    index: int
    #: By view rank: the newest snapshot.
    statuses: list[Status]
    #: Whether a message that the port cannot take closes it.
    closes: bool = True
    #: Whether overlays merge as the reference does it.
    defective: bool = False
    #: Ranks with such a status have not answered yet.
    pending: tuple[Status, ...] = (NOT_EXIST,)
    #: What its merge has made so far; runs may overlap.
    runs: list[Run] = []
    #: Ranks below this one have answered: where to look on.
    settled: int = 0
    closed: bool = False

    @classmethod
    def over(cls, count: int, index: int, config: Config) -> StatusPort:
        closes, defective = config.has("error_removes_port"), config.has("overlay_merge_defect")
        pending = (NOT_EXIST,) if config.has("Q48") else (NOT_EXIST, INITIALIZING)
        return cls(index, [NOT_EXIST] * count, closes, defective, pending)

    def ref(self, me: ActorId, *, returnable: bool) -> PortRef:
        """What those who are asked reply to."""
        return PortRef(me, self.index, returnable, STATUS_OVERLAY, max_interval_ns=MAX_INTERVAL_NS)

    @property
    def is_complete(self) -> bool:
        """No rank is NotExist any more (Q48: anything else counts). Off: one that is initializing has not answered."""
        statuses = self.statuses
        while self.settled < len(statuses) and statuses[self.settled] not in self.pending:
            self.settled += 1
        return self.settled == len(statuses)

    def update(self, overlay: RankStatus) -> None:
        """Apply an overlay that was not refused, later over earlier; an empty one changes nothing."""
        if self.defective:
            self._merge_as_the_reference(overlay)
            return
        statuses = self.statuses
        for start, end, status in overlay.runs:
            statuses[start:end] = [status] * (end - start)
            self.settled = min(self.settled, start) if status in self.pending else self.settled

    def refuse(self, envelope: Envelope) -> list[Command]:
        """Give back an overlay that names a rank the mesh does not have; nothing for any other.

        Nothing of it is applied, and the port closes: all later replies are lost, too (`error_removes_port`).
        """
        assert isinstance(envelope.message, RankStatus)
        count = len(self.statuses)
        runs = envelope.message.runs
        if not any(end > count for _, end, _ in runs):
            return []
        self.closed = self.closes
        try:
            ValueOverlay.try_from_runs(runs).check_bounds(count)
        except OverlayError as error:
            return [GiveBack(envelope, f"mailbox error: {error}")]
        raise AssertionError("some run is out of bounds")

    def _merge_as_the_reference(self, overlay: RankStatus) -> None:
        self.runs = merge_runs_defective(self.runs or runs_of(self.statuses), overlay.runs)
        self.statuses = values_of(self.runs, self.statuses)
        self.settled = 0
