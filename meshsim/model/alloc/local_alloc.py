"""An alloc of procs inside the creating process, and its two test hooks.

All ranks are there at once: Created and Running, rank by rank. A rank that is stopped stays away. `chaos_monkey` stops
one rank for any reason; `stop` (the `stopper` of the reference) stops all, rank by rank, and ends the events. After
Failed the events neither go on nor end, not even when it is stopped.

The simulated allocator is this one, with procs that have places in a network (`meshsim.model.alloc.places`).

The procs share the fate of the process: whatever exits it ends them all.

Source: mesh_model.md 5.4, 5.6.
"""

from __future__ import annotations

from typing import Union

import msgspec

from meshsim.model.agents.agent_v0 import AgentV0
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.alloc.events import STOPPED, AllocEvent, Created, Failed, Running, Stopped, StopReason
from meshsim.model.alloc.places import place_of
from meshsim.model.commands import BootProc, Command, DestroyProc
from meshsim.model.config import Config
from meshsim.model.ids import ActorId, NameSource, ProcId, address_of, mesh_agent_id, proc_id, proc_of
from meshsim.model.shapes.extent import Extent, ViewRank
from meshsim.units import MS

#: Patience with the actors of a proc that is stopped.
DESTROY_TIMEOUT_NS = 10 * MS
STOP_REASON = "alloc stopped"


class StartRank(msgspec.Struct, frozen=True):
    rank: int


class StopRank(msgspec.Struct, frozen=True):
    rank: int
    reason: StopReason


class Fail(msgspec.Struct, frozen=True):
    description: str


class End(msgspec.Struct, frozen=True):
    """Nothing comes after this."""


Action = Union[StartRank, StopRank, Fail, End]


class LocalProc(msgspec.Struct):
    """A rank that has not been stopped."""

    create_key: str
    proc: ProcId


class LocalAlloc(msgspec.Struct):
    """State of one alloc. `me` is the actor that holds it; the procs are in its process."""

    me: ActorId
    name: str
    extent: Extent
    config: Config
    names: NameSource
    #: Whether procs are at the places that their points stand for.
    is_simulated: bool = False
    #: Made by `__post_init__` for an alloc that begins; empty in a copy of one that has nothing to do.
    todo: list[Action] = None  # type: ignore[assignment]
    ranks: dict[int, LocalProc] = {}
    #: Events that are ready to be told.
    ready: list[AllocEvent] = []
    #: Stop reason of the rank that is being torn down; nothing else is looked at meanwhile.
    stopping: Stopped | None = None
    has_failed: bool = False
    is_over: bool = False

    def __post_init__(self) -> None:
        if self.todo is None:
            self.todo = [StartRank(rank) for rank in range(self.extent.num_ranks)]

    def next(self) -> tuple[list[Command], AllocEvent | None]:
        """Look for one event; none when there is nothing to tell yet, or when it is over."""
        commands: list[Command] = []
        while not self.ready and self.stopping is None and self.todo and not self.has_failed:
            commands += self._act(self.todo.pop(0))
        return commands, self.ready.pop(0) if self.ready else None

    def stop(self) -> list[Command]:
        """Ask it to stop every rank, and to end."""
        self.todo += [StopRank(rank, STOPPED) for rank in range(self.extent.num_ranks)]
        self.todo.append(End())
        return []

    def chaos_monkey(self, rank: int, reason: StopReason) -> list[Command]:
        """Stop one rank, for this reason."""
        self.todo.append(StopRank(rank, reason))
        return []

    def fail(self, description: str) -> list[Command]:
        """A rank could not be served: the alloc is dead."""
        self.todo.append(Fail(description))
        return []

    def on_destroyed(self) -> list[Command]:
        """The rank that was stopped is gone, in time or not."""
        if self.stopping is not None:
            self.ready.append(self.stopping)
            self.stopping = None
        return []

    def _act(self, action: Action) -> list[Command]:
        match action:
            case StartRank(rank=rank):
                return self._start(rank)
            case StopRank(rank=rank, reason=reason):
                return self._stop_rank(rank, reason)
            case Fail(description=description):
                self.has_failed = True
                self.ready.append(Failed(self.name, description))
            case End():
                self.is_over = True
        return []

    def _start(self, rank: int) -> list[Command]:
        # One address for all: that of the process they are in.
        addr = address_of(proc_of(self.me))
        proc = proc_id(addr, f"{self.name}_{rank}")
        agent = mesh_agent_id(proc)
        key = self.names.draw_uuid()
        self.ranks[rank] = LocalProc(key, proc)
        point = self.extent.point_of_rank(ViewRank(rank))
        place = place_of(point) if self.is_simulated else None
        self.ready += [Created(key, rank, str(point), 0), Running(key, proc, agent, addr)]
        v0 = AgentV0(agent)
        machine = ProcAgent(me=agent, proc=proc, config=self.config, address=addr, in_process=True, v0=v0)
        return [BootProc(machine, place=place)]

    def _stop_rank(self, rank: int, reason: StopReason) -> list[Command]:
        local = self.ranks.pop(rank, None)
        if local is None:
            return []
        self.stopping = Stopped(local.create_key, reason)
        return [DestroyProc(local.proc, DESTROY_TIMEOUT_NS, STOP_REASON)]
