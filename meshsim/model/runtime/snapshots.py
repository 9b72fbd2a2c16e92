"""What a proc remembers of actors that have ended: post-mortem records, kept for whoever asks later.

Nothing in the model acts on them. Of too many, clean stops go first, the oldest of them; then the newest failures,
because the earliest ones are likely to be the cause of the rest.

Source: mesh_model.md 6.6, configuration attribute `TERMINATED_SNAPSHOT_RETENTION`.
"""

from __future__ import annotations

import msgspec

from meshsim.model.ids import ActorId
from meshsim.model.supervision import ActorStatus, ActorSupervisionEvent, root_cause


class Snapshot(msgspec.Struct, frozen=True):
    """One actor at its end."""

    actor: ActorId
    status: ActorStatus
    ended_ns: int
    #: Of a failure: what was reported. None for a clean stop.
    event: ActorSupervisionEvent | None = None

    @property
    def cause(self) -> ActorId | None:
        """The actor whose failure began it; none for a clean stop."""
        return None if self.event is None else root_cause(self.event).actor_id


class Snapshots(msgspec.Struct):
    """The records of one proc, oldest first."""

    limit: int
    kept: list[Snapshot] = []

    def add(self, snapshot: Snapshot) -> None:
        """Keep one more, and forget one if that is too many."""
        self.kept.append(snapshot)
        if len(self.kept) > self.limit:
            del self.kept[self._least()]

    def _least(self) -> int:
        """Position of the record that is worth least."""
        clean = (index for index, snapshot in enumerate(self.kept) if not snapshot.status.is_failed)
        return next(clean, len(self.kept) - 1)
