"""Stopping one proc of a process while the process goes on: which of its root actors have not ended.

Every root actor, the agent included, is told to drain and stop, all at once. Those that outlive their time have their
task aborted: no cleanup, and their children are not aborted with them. Then the proc is gone: a message to it finds
nobody.

Source: mesh_model.md 6.6 (`destroy_and_wait`).
"""

from __future__ import annotations

import msgspec

from meshsim.model.ids import ActorId, ProcId, actor_id

#: Key of the timer of a teardown; its owner is `keeper_of` the proc, which is no actor and cannot end.
TEARDOWN_TIMER = "teardown"


class Teardown(msgspec.Struct):
    """One `destroy_and_wait` in progress."""

    remaining: list[ActorId]
    stopped: list[ActorId] = []

    def ended(self, actor: ActorId) -> bool:
        """A root actor ended in time; whether it was the last one that was waited for."""
        if actor not in self.remaining:
            return False
        self.remaining.remove(actor)
        self.stopped.append(actor)
        return not self.remaining


def keeper_of(proc: ProcId) -> ActorId:
    """Who owns the timer of a proc's teardown."""
    return actor_id(proc, "teardown")
