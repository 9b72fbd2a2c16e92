"""What a ProcAgent keeps of each actor of a mesh. Source: supervision.md 8.1, 8.2."""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec import UnsetType

from meshsim.model.ids import ActorId, Name
from meshsim.model.messages import StateReply
from meshsim.model.status import RUNNING, ActorState, State


class Entry(msgspec.Struct):
    """What the agent knows of one actor. Entries are never removed."""

    create_rank: int
    #: None while it is being constructed, and when that failed.
    actor: ActorId | None = None
    error: str | None = None
    stopped: bool = False
    #: Wall time after which nobody is thought to want the actor any more; none before it is known (Q36).
    expires_ns: int | None = None


@lru_cache(maxsize=1 << 17)
def running(name: Name, actor: ActorId, create_rank: int, generation: int | UnsetType) -> StateReply:
    """The answer about a healthy actor: the same value at every poll, so it is made once."""
    return StateReply(State(name, RUNNING, ActorState(actor, create_rank, generation=generation)))
