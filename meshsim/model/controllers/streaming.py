"""A controller that is told: agents stream the changes of its actors to it, and it polls to be sure.

Theory of operation. At its start it asks every agent of its mesh to send each change of its actor (`WatchActor`). What
comes has a generation and is taken only when it is newer than what is known, so that late, doubled and overtaken
messages do no harm. A rank is reported once: its first end counts, whatever follows (Failed, then Stopped). The poll of
the polling controller goes on as it was. It keeps the actors alive, and finds what no agent tells: a process that died,
an agent that is silent, a change that was lost on the way. An agent whose answer has no generation does not watch for
this controller any more, and is asked to again.

Messages of the stream are taken at once, also while a poll or a stop is in flight.

The modelled revision has no such controller; its authors named it as the next step. Nothing is told twice here (Q18,
Q20, Q21, Q26), a dead proc does not end the keepalives of the others (Q19), and no rank is blamed for another (Q22,
Q24), whatever the profile. All else that surprises in a poll (Q15, Q16, Q25, Q54) is as the profile has it.

Source: supervision.md 17, design.md 4.
"""

from __future__ import annotations

from typing import Self

import msgspec
from msgspec import UNSET

from meshsim.model.boot import ControllerSetting
from meshsim.model.commands import Command
from meshsim.model.config import Config
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.controllers.health import may_come_back
from meshsim.model.events import Event, Started
from meshsim.model.ids import PortRef
from meshsim.model.mapping import actor_state_to_events
from meshsim.model.messages import ActorStateChanged, Envelope, Message, StateReply, WatchActor
from meshsim.model.status import ActorState, State, StatusKind
from meshsim.model.supervision import ActorSupervisionEvent

#: What the poll that it has in common with the polling controller must not do here.
NOT_HERE = ("Q18", "Q19", "Q24")


def streaming_config(config: Config) -> Config:
    """The configuration of a streaming controller on a node that has this one."""
    off = (*config.quirks_off, *(quirk for quirk in NOT_HERE if config.has(quirk)))
    return msgspec.structs.replace(config, quirks_off=off)


class StreamingController(ActorMeshController):
    """Machine of supervision.md 17: pushed state changes, one report for each rank, polling as a backstop."""

    #: Where agents send changes; open as long as the controller lives.
    watch_port: int = 0
    #: The newest generation that is known, by rank.
    generations: dict[int, int] = msgspec.field(default_factory=dict)
    #: Ranks whose end was reported.
    told: list[int] = msgspec.field(default_factory=list)

    @classmethod
    def for_mesh(cls, setting: ControllerSetting) -> Self:
        config = streaming_config(setting.config)
        return super().for_mesh(msgspec.structs.replace(setting, config=config))

    def accepts(self, port: int) -> bool:
        return port == self.watch_port or super().accepts(port)

    def takes(self, port: int, message: Message) -> bool:
        return type(message) is ActorStateChanged if port == self.watch_port else super().takes(port, message)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        if isinstance(event, Started):
            self.watch_port = self._open_port()
            watches = [self._watch(rank) for rank in range(len(self.mesh.procs.procs))]
            return [*watches, *super().handle(event, now_ns)]
        return super().handle(event, now_ns)

    def _watch(self, rank: int) -> Command:
        """Ask an agent to stream. The poll finds out when that gets lost, so it need not come back."""
        agent = self.mesh.procs.procs[rank].agent
        return Envelope(self.me, agent, WatchActor(self.mesh.name, PortRef(self.me, self.watch_port)), returnable=False)

    # --- the stream ------------------------------------------------------------------------------------------

    def _on_reply(self, envelope: Envelope, now_ns: int) -> list[Command]:
        if isinstance(envelope.message, ActorStateChanged):
            return self._on_pushed(envelope.message.state, now_ns)
        return super()._on_reply(envelope, now_ns)

    def _on_pushed(self, state: State, now_ns: int) -> list[Command]:
        assert isinstance(state.state, ActorState), f"{self.me} was told of no actor: {state!r}"
        change = self._learn(state.state.create_rank, state, now_ns)
        if change is None:
            return []
        return [*self._state_change(*change, proc_stopped=False), *self._end_if_all_terminal()]

    def _state_change(self, rank: int, event: ActorSupervisionEvent, *, proc_stopped: bool) -> list[Command]:
        """Terminal once, and nothing any more when the monitoring is over."""
        if rank in self.told or not self.monitoring:
            return []
        self.told.append(rank)
        return super()._state_change(rank, event, proc_stopped=proc_stopped)

    # --- the backstop ----------------------------------------------------------------------------------------

    def _on_actor_state(self, envelope: Envelope, reply: StateReply, now_ns: int) -> list[Command]:
        commands = super()._on_actor_state(envelope, reply, now_ns)
        state = reply.state.state
        if isinstance(state, ActorState) and state.generation is UNSET and self.monitoring:
            return [*commands, self._watch(state.create_rank)]
        return commands

    def _compare(self, rank: int, state: State, now_ns: int) -> tuple[tuple[int, ActorSupervisionEvent] | None, bool]:
        entry = self.statuses.get(rank)
        return self._learn(rank, state, now_ns), entry is not None and entry.is_terminating

    # --- both ------------------------------------------------------------------------------------------------

    def _learn(self, rank: int, state: State, now_ns: int) -> tuple[int, ActorSupervisionEvent] | None:
        """Take what is said of a rank, if it is news. Returns create rank and event of an end, told before or not."""
        if rank in self.dead or not self._is_newer(rank, state):
            return None
        entry, status = self.statuses.get(rank), state.status
        create_rank, events = actor_state_to_events(state, self._wall(now_ns), bare_failures=True)
        back = entry is not None and entry.is_terminating and not events
        if back and not (entry is not None and may_come_back(self.config, entry)):
            return None  # Q54.
        self.statuses[rank] = status
        if isinstance(state.state, ActorState) and state.state.generation is not UNSET:
            self.generations[rank] = state.state.generation
        if back and rank in self.told:
            self.told.remove(rank)  # Its silence was reported; its end was not.
        return (create_rank, events[0]) if events else None

    def _is_newer(self, rank: int, state: State) -> bool:
        """By generation. What stands for silence has none, and neither has the answer of an agent that forgot."""
        entry = self.statuses.get(rank)
        silent = entry is not None and entry.kind is StatusKind.TIMEOUT
        ended = entry is not None and entry.is_terminating
        generation = state.state.generation if isinstance(state.state, ActorState) else UNSET
        if generation is UNSET:
            return not ended or (silent and state.status.kind is not StatusKind.TIMEOUT)
        known = self.generations.get(rank, 0)
        return generation > known or (silent and generation == known)
