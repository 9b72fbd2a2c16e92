"""An agent that answers about one actor with what a fault told it, instead of with what it knows.

No agent of this revision does so: the fault stands for one of another version, or for one with a defect. Whoever asks
must live with any answer that its types allow, and some surprises of the modelled system are in what is made of answers
that nobody gives today (Q22, Q23, Q48, `error_removes_port`, `overlay_merge_defect`).

Only replies are wrong: what the agent does, and what it has told to those who watch, stays as it is.

Source: supervision.md 5.12, 11.2, 11.3; mesh_model.md 2.4, 2.5.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from meshsim.model.agents.entry import Entry
from meshsim.model.ids import Name, base_of
from meshsim.model.messages import Misreport, RankStatus, StateReply
from meshsim.model.status import ActorState, State


class Misreports(msgspec.Struct):
    """What to say of the actors of which meshes, and how often still. Latest fault of a mesh first and alone."""

    #: By name of the mesh, without its suffix: a fault may be told before the mesh is there.
    told: dict[str, Misreport] = {}
    #: How many answers are left, where they are counted.
    left: dict[str, int] = {}

    def begin(self, misreport: Misreport) -> None:
        """From the next answer on; it replaces what was told of this mesh before."""
        self.told[misreport.mesh] = misreport
        self.left.pop(misreport.mesh, None)
        if misreport.times:
            self.left[misreport.mesh] = misreport.times

    def state(self, name: Name, entry: Entry | None) -> StateReply | None:
        """The answer to a GetState; none when there is nothing to say but the truth.

        Without an actor there is no state to carry.
        """
        misreport = self._take(name)
        if misreport is None:
            return None
        if entry is None or entry.actor is None or not misreport.state:
            return StateReply(State(name, misreport.status))
        return StateReply(State(name, misreport.status, ActorState(entry.actor, entry.create_rank)))

    def rank_status(self, name: Name, entry: Entry | None) -> RankStatus | None:
        """The answer to a GetRankStatus: one run, of the actor's own rank unless the fault names others."""
        misreport = self._take(name)
        if misreport is None:
            return None
        if misreport.ranks is not UNSET:
            return RankStatus(((*misreport.ranks, misreport.status),))
        return RankStatus(() if entry is None else ((entry.create_rank, entry.create_rank + 1, misreport.status),))

    def _take(self, name: Name) -> Misreport | None:
        mesh = base_of(name)
        misreport = self.told.get(mesh)
        if mesh in self.left:
            self.left[mesh] -= 1
            if not self.left[mesh]:
                del self.left[mesh], self.told[mesh]
        return misreport
