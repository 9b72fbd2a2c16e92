"""Which transitions there can be at all: states and events of the machines that must be covered whole.

A chart names a machine's states and what it can be told. Of their product, some pairs cannot happen; each such group
has its reason here. `meshsim coverage` holds the runs of scenarios against this: a pair that is neither reached nor
excused is a hole, and one that is excused and yet reached is a wrong excuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

import msgspec

from meshsim.model.agents.proc_agent import AgentPhase
from meshsim.model.controllers.keeper import ControllerPhase
from meshsim.model.hosts.host_agent import HostPhase
from meshsim.model.hosts.process import EXITED, Mark, ProcPhase
from meshsim.run.coverage import GSPAWNING, PROCESS, STOPPING_ONE, Pair

#: Stands for every state, or every event, of a chart.
EVERY = ("*",)


class Excuse(msgspec.Struct, frozen=True):
    """Pairs that cannot be reached, and why."""

    states: tuple[str, ...]
    events: tuple[str, ...]
    why: str


class Chart(msgspec.Struct, frozen=True):
    """The pairs of one machine."""

    machine: str
    states: tuple[str, ...]
    events: tuple[str, ...]
    excuses: tuple[Excuse, ...]

    def pairs(self) -> Iterator[Pair]:
        """The whole product, state by state."""
        for state in self.states:
            for event in self.events:
                yield Pair(self.machine, state, event)

    def excuse(self, pair: Pair) -> str | None:
        """Why a pair cannot be reached; none if it can. The first excuse that fits counts."""
        for excuse in self.excuses:
            if _fits(pair.state, excuse.states) and _fits(pair.event, excuse.events):
                return excuse.why
        return None


def _fits(name: str, names: tuple[str, ...]) -> bool:
    return names == EVERY or name in names


def _names(members: Iterable[Enum]) -> tuple[str, ...]:
    return tuple(str(member.value) for member in members)


# --- reasons that several machines have in common ------------------------------------------------------------

_ONCE = "An actor is told of its clock and started once, before anything else."
_IN_MAILBOX = "A handler waits here, and messages wait in the mailbox until it is over."
_NOT_INTERRUPTED = "An actor leaves its loop between two handlers, never while one waits."
_OWN_REPLY = "The port is open only while this reply is waited for; at other times the reply goes back unread."
_OWN_TIMER = "The timer is set when its wait begins and cancelled when it ends."

# --- the controller of an actor mesh (supervision.md 5) ------------------------------------------------------

_QUERYING = ("querying_procs", "querying_actors")
_CONTROLLER_WAITS = (*_QUERYING, "stopping", "cleaning_up")
_CONTROLLER_MESSAGES = (
    "check_state",
    "subscribe",
    "unsubscribe",
    "get_subscriber_count",
    "create_or_update",
    "get_state",
    "stop",
    "undeliverable",
)
_URGENT = ("stop", "undeliverable")
_CONTROLLER_EVENTS = (
    "started",
    "clock_set",
    "child_failed",
    "cleanup",
    *_CONTROLLER_MESSAGES,
    "reply:state",
    "reply:rank_status",
    "timer:check_state",
    "timer:proc_idle",
    "timer:actor_idle",
    "timer:stop_idle",
    "timer:heartbeat",
    "timer:keepalive",
)
_CONTROLLER_EXCUSES = (
    Excuse(EVERY, ("child_failed",), "A controller has no children."),
    Excuse(EVERY, ("create_or_update",), "A controller is spawned with its mesh in it: nobody sends it one."),
    Excuse(_CONTROLLER_WAITS, ("started", "clock_set"), _ONCE),
    # A poll makes way for a stop without Q27, for heartbeats that come back without Q16, and for nothing else.
    Excuse(_CONTROLLER_WAITS, tuple(each for each in _CONTROLLER_MESSAGES if each not in _URGENT), _IN_MAILBOX),
    Excuse(("stopping", "cleaning_up"), _URGENT, _IN_MAILBOX),
    Excuse(_CONTROLLER_WAITS, ("cleanup",), _NOT_INTERRUPTED),
    Excuse(("cleaning_up",), ("reply:state",), _OWN_REPLY),
    Excuse(("idle", *_QUERYING), ("reply:rank_status",), _OWN_REPLY),
    Excuse(_QUERYING, ("timer:check_state",), "Only the end of a poll schedules the next one."),
    Excuse(("idle", "querying_actors", "stopping", "cleaning_up"), ("timer:proc_idle",), _OWN_TIMER),
    Excuse(("idle", "querying_procs", "stopping", "cleaning_up"), ("timer:actor_idle",), _OWN_TIMER),
    Excuse(("idle", *_QUERYING), ("timer:stop_idle",), _OWN_TIMER),
)

# --- the agent of a proc (8) -----------------------------------------------------------------------------------

_SPAWNING = ("constructing", GSPAWNING)
_STOPPING = ("stopping", STOPPING_ONE, "stopping_all")
_AGENT_MESSAGES = (
    "keepalive_get_state",
    "keep_alive",
    "get_state",
    "get_rank_status",
    "create_or_update",
    "stop",
    "stop_all",
    "self_check",
    "actor_event",
    "configure",
    "query_status",
    "gspawn",
    "stop_actor",
    "watch_actor",
    "misreport",
    "undeliverable",
)
_AGENT_EVENTS = (
    "started",
    "clock_set",
    "child_failed",
    "cleanup",
    *_AGENT_MESSAGES,
    "actor_spawned",
    "actor_initialized",
    "actor_ended",
    "timer:self_check",
    "timer:stop",
    "timer:stop_actor",
    "timer:stop_all",
)
_AGENT_EXCUSES = (
    Excuse(EVERY, ("child_failed",), "The actors of a proc are roots, as the agent is: it has no children."),
    Excuse((*_SPAWNING, *_STOPPING), ("started", "clock_set"), _ONCE),
    Excuse((*_SPAWNING, *_STOPPING), _AGENT_MESSAGES, _IN_MAILBOX),
    Excuse((*_SPAWNING, *_STOPPING), ("cleanup",), _NOT_INTERRUPTED),
    Excuse(("idle", *_STOPPING), ("actor_spawned",), "It comes to the handler that spawns, and to nobody else."),
    Excuse(
        _SPAWNING,
        ("actor_initialized", "actor_ended", "timer:self_check"),
        "An actor is constructed in the same step of its process: nothing comes in between.",
    ),
    Excuse(("idle", *_SPAWNING, STOPPING_ONE, "stopping_all"), ("timer:stop",), _OWN_TIMER),
    Excuse(("idle", *_SPAWNING, "stopping", "stopping_all"), ("timer:stop_actor",), _OWN_TIMER),
    Excuse(("idle", *_SPAWNING, "stopping", STOPPING_ONE), ("timer:stop_all",), _OWN_TIMER),
)

# --- the agent of a host (9.3) -----------------------------------------------------------------------------------

_HOST_MESSAGES = (
    "get_state",
    "create_or_update",
    "stop",
    "get_rank_status",
    "list",
    "set_client_config",
    "shutdown_host",
    "undeliverable",
)
_HOST_EVENTS = (
    "started",
    "clock_set",
    "child_failed",
    "cleanup",
    *_HOST_MESSAGES,
    "reply:proc_ready",
    "child_exited",
    "spawn_failed",
    "proc_destroyed",
    "timer:ready",
    "timer:request_stop",
    "timer:terminate",
)
_HOST_EXCUSES = (
    Excuse(EVERY, ("child_failed",), "The agent of a host has no children."),
    Excuse(("creating", "shutting_down", "gone", "deaf"), ("started", "clock_set"), _ONCE),
    Excuse(("shutting_down",), _HOST_MESSAGES, _IN_MAILBOX),
    Excuse(("shutting_down",), ("cleanup",), _NOT_INTERRUPTED),
    Excuse(("deaf",), ("reply:proc_ready",), "Its server is closed. What waited in its mailbox it still takes."),
    Excuse(
        ("gone", "deaf"),
        ("child_exited", "timer:request_stop", "timer:terminate"),
        "A shutdown is over when the last child has ended, and the timers of a child end with it.",
    ),
    Excuse(
        ("idle", "shutting_down", "gone", "deaf"),
        ("spawn_failed",),
        "A refused spawn is told of at the instant in which it was asked for.",
    ),
    Excuse(("deaf",), ("proc_destroyed",), "A host whose procs live in its own process serves on after a shutdown."),
    Excuse(("creating",), ("proc_destroyed",), "A host whose procs live in its own process makes them at once."),
    Excuse(("idle", "gone", "deaf"), ("timer:ready",), _OWN_TIMER),
    Excuse(("idle", "creating"), ("timer:terminate",), "Only a shutdown sets it, and waits for the end of its child."),
)

# --- the status of a process (3.2) -------------------------------------------------------------------------------

_OVER = tuple(phase.value for phase in ProcPhase if phase in EXITED)
_PROCESS_EXCUSES = (
    Excuse(
        ("Starting",),
        ("ready", "stopping", "stopped", "killed", "failed"),
        "Running is marked in the step that asks for the process.",
    ),
    Excuse(("Running", "Ready", "Stopping", *_OVER), ("running",), "Running is marked once, when the process is new."),
    Excuse(("Ready",), ("ready",), "The first callback closes its port."),
    Excuse(_OVER, ("stopping",), "No ladder begins for a process that has ended, and those that have begun end."),
    Excuse(_OVER, ("stopped", "killed", "failed"), "A process ends once."),
    Excuse(
        ("Stopping",),
        ("failed",),
        "The kernel says how a process ended, and an exit with 0 is a failure only when nobody asked for it (Q58 off).",
    ),
)

#: The machines that must be covered whole.
CHARTS = (
    Chart("ActorMeshController", _names(ControllerPhase), _CONTROLLER_EVENTS, _CONTROLLER_EXCUSES),
    Chart(
        "StreamingController",
        _names(ControllerPhase),
        (*_CONTROLLER_EVENTS, "reply:actor_state_changed"),
        _CONTROLLER_EXCUSES,
    ),
    Chart("ProcAgent", (*_names(AgentPhase), GSPAWNING, STOPPING_ONE), _AGENT_EVENTS, _AGENT_EXCUSES),
    Chart("HostAgent", _names(HostPhase), _HOST_EVENTS, _HOST_EXCUSES),
    Chart(PROCESS, _names(ProcPhase), _names(Mark), _PROCESS_EXCUSES),
)
