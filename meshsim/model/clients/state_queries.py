"""Asking agents or hosts how the ranks of a view are, as anybody may who has a reference.

Source: supervision.md 9.7 and 10.5, mesh_model.md 2.9. Quirk: Q44.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from meshsim.model.clients.stopping import Outcome
from meshsim.model.clients.waits import (
    IdleLimit,
    PaddingError,
    Progress,
    StateQuery,
    actor_states_timeout,
    proc_states_timeout,
)
from meshsim.model.commands import Command, Panic
from meshsim.model.config import Config
from meshsim.model.controllers.health import silent_agent, silent_proc
from meshsim.model.events import ActorSpawned, TimerFired
from meshsim.model.ids import ActorId, Name, PortRef, proc_name_of, proc_of
from meshsim.model.messages import Envelope, GetState, KeepaliveGetState, StateReply
from meshsim.model.messaging.casting import CastError, agents_of, cast
from meshsim.model.notes import Warned
from meshsim.model.operations import ProcMeshRef
from meshsim.model.status import State, inverted


class _StatesRun(msgspec.Struct):
    """One state from each rank of a view; its result is their statuses by view rank."""

    me: ActorId
    procs: ProcMeshRef
    config: Config
    port: int
    key: str
    query: StateQuery | None = None
    outcome: Outcome | None = None

    def accepts(self, port: int) -> bool:
        return self.query is not None and port == self.query.port

    def _begin(self, limit_ns: int, now_ns: int) -> list[Command]:
        idle = IdleLimit.of(self.config, self.me, self.key, limit_ns)
        self.query = StateQuery(self.port, idle, len(self.procs.procs), counts_copies=self.config.has("Q44"))
        return idle.start(now_ns)

    def handle(self, event: Envelope | TimerFired | ActorSpawned, now_ns: int) -> list[Command]:
        match event:
            case Envelope(message=StateReply() as reply):
                return self._on_reply(event, reply, now_ns)
            case TimerFired():
                return self._on_idle(now_ns)
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_reply(self, envelope: Envelope, reply: StateReply, now_ns: int) -> list[Command]:
        assert self.query is not None
        progress = self.query.take(reply, now_ns, self._view_rank(envelope, reply.state))
        if progress is Progress.WAITING:
            return []
        query, self.query = self.query, None
        if progress is Progress.NOT_EXIST:
            self.outcome = Outcome(error=f"error: {reply.state.name} does not exist")
        else:
            self._conclude(query.states())
        return [query.idle.cancel()]

    def _view_rank(self, envelope: Envelope, state: State) -> int | None:
        """Q44: a reply is placed by its create rank. Off: by the proc it is about."""
        if self.config.has("Q44"):
            return None
        about = self._proc_of(envelope, state)
        return next(rank for rank, proc in enumerate(self.procs.procs) if proc_name_of(proc.proc_id) == about)

    def _proc_of(self, envelope: Envelope, state: State) -> Name:
        """Name of the proc that a reply is about."""
        raise NotImplementedError

    def _on_idle(self, now_ns: int) -> list[Command]:
        assert self.query is not None
        rest = self.query.idle.fired(now_ns)
        if rest:
            return rest
        query, self.query = self.query, None
        try:
            self._conclude(query.padded(lambda rank: self._silent(rank, now_ns)))
        except PaddingError as error:
            return [Panic(str(error))]
        return self._log()

    def _silent(self, rank: int, now_ns: int) -> State:
        """What stands for a rank that did not answer."""
        raise NotImplementedError

    def _log(self) -> list[Command]:
        """The line about a silent rank."""
        raise NotImplementedError

    def _conclude(self, states: list[State]) -> None:
        self.outcome = Outcome(result=inverted([state.status for state in states]))


class ActorStatesRun(_StatesRun):
    """actor_states (10.5): asks the agents; with a keepalive it also moves the expiry of the actors."""

    name: Name = Name("")
    #: Wall time of the asker until which the actors are wanted; none for a plain query.
    expires_after_ns: int | None = None

    def start(self, now_ns: int) -> list[Command]:
        port = PortRef(self.me, self.port)
        expires = self.expires_after_ns
        message = GetState(self.name, port) if expires is None else KeepaliveGetState(expires, self.name, port)
        try:
            asks = cast(self.me, agents_of(self.procs), message, self.config)
        except CastError as error:
            self.outcome = Outcome(error=str(error))
            return []
        return [*asks, *self._begin(self.config.get_actor_state_max_idle, now_ns)]

    def _proc_of(self, envelope: Envelope, state: State) -> Name:
        return proc_name_of(proc_of(envelope.sender if envelope.replier is UNSET else envelope.replier))

    def _silent(self, rank: int, now_ns: int) -> State:
        agent = self.procs.procs[rank].agent
        return silent_agent(self.config, self.name, agent, rank, now_ns)

    def _log(self) -> list[Command]:
        return [Warned(self.me, actor_states_timeout(self.config.get_actor_state_max_idle))]


#: What is known of procs that were allocated: no host has them (10.5).
UNAVAILABLE = "unavailable"


class ProcStatesRun(_StatesRun):
    """proc_states (9.7): asks the hosts, once for each proc."""

    def start(self, now_ns: int) -> list[Command]:
        if any(proc.host_agent is None for proc in self.procs.procs):
            self.outcome = Outcome(result=UNAVAILABLE)
            return []
        port = PortRef(self.me, self.port, returnable=False)
        asks: list[Command] = [
            Envelope(self.me, proc.on_host, GetState(proc_name_of(proc.proc_id), port)) for proc in self.procs.procs
        ]
        return [*asks, *self._begin(self.config.get_proc_state_max_idle, now_ns)]

    def _proc_of(self, envelope: Envelope, state: State) -> Name:
        return Name(state.name)

    def _silent(self, rank: int, now_ns: int) -> State:
        return silent_proc(self.procs.procs[rank].proc_id, self.config.get_proc_state_max_idle)

    def _log(self) -> list[Command]:
        return [Warned(self.me, proc_states_timeout(self.config.get_proc_state_max_idle))]
