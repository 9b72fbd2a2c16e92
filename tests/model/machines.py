"""Builders for the tests of machines: a small world of hosts, procs and one actor mesh, and a scripted actor.

One proc `w` on each host; the actor mesh `a` has one actor on each proc, and is owned by the client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from meshsim.model import status
from meshsim.model.commands import CancelTimer, Command, SetTimer
from meshsim.model.config import Config
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.events import (
    ActorEnded,
    ActorSpawned,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    Event,
    ProcDestroyed,
    Started,
    TimerFired,
)
from meshsim.model.hosts.process import ProcStatus
from meshsim.model.ids import ActorId, Name, PortRef, ProcId, actor_id, host_agent_id, proc_agent_id, proc_id
from meshsim.model.messages import Envelope, MeshFailed, Message, RankStatus, StateReply, Work
from meshsim.model.operations import ActorMeshRef, ProcMeshRef, ProcRef
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.state import copied, fingerprint
from meshsim.model.status import ActorState, ProcState, State, Status
from meshsim.model.supervision import ActorSupervisionEvent, MeshFailure
from meshsim.units import MS, S

CLIENT_PROC = proc_id("unix:@client", "local")
CLIENT = actor_id(CLIENT_PROC, "client")
PROCS = Name("w-1procs111111")
MESH = Name("a-1actors11111")
CONTROLLER = actor_id(CLIENT_PROC, f"actor_mesh_controller_{MESH}", 1)
ALICE = PortRef(actor_id(proc_id("unix:@alice", "local"), "client"), 1024)
BOB = PortRef(actor_id(proc_id("unix:@bob", "local"), "client"), 1030)
CONFIG = Config.of({})


def status_port(actor: ActorId, index: int, *, returnable: bool = False) -> PortRef:
    """The port of a status wait, as those who are asked see it."""
    return PortRef(actor, index, returnable, "status_overlay", max_interval_ns=50 * MS)


def host_agent(rank: int) -> ActorId:
    return host_agent_id(f"host{rank}")


def proc_name(rank: int) -> Name:
    return Name(f"w_0-1proc{rank:08}")


def proc(rank: int) -> ProcId:
    return proc_id(f"unix:@host{rank}", proc_name(rank))


def agent(rank: int) -> ActorId:
    return proc_agent_id(proc(rank))


def actor(rank: int) -> ActorId:
    return actor_id(proc(rank), MESH)


def proc_mesh(ranks: int) -> ProcMeshRef:
    refs = tuple(ProcRef(proc(rank), rank, agent(rank), host_agent(rank)) for rank in range(ranks))
    return ProcMeshRef("w", PROCS, Region.of(Extent(("hosts",), (ranks,))), refs)


def actor_mesh(ranks: int, controller: ActorId | None = CONTROLLER) -> ActorMeshRef:
    return ActorMeshRef("a", MESH, proc_mesh(ranks), controller)


def directly(me: ActorId, dest: ActorId, message: Message, rank: int, ranks: int) -> Envelope:
    """A cast's message for one rank of a mesh that has no comm actors."""
    return Envelope(me, dest, message, cast_sender=me, cast_point=f"hosts={rank}/{ranks}")


def to_agents(me: ActorId, message: Message, ranks: int) -> list[Envelope]:
    """The same for the agents of all ranks."""
    return [directly(me, agent(rank), message, rank, ranks) for rank in range(ranks)]


def controller_of(
    statuses: Sequence[Status], *, config: Config = CONFIG, owner: ActorId | None = CLIENT, clock_offset_ns: int = 0
) -> ActorMeshController:
    """A controller that began at time 0 and knows these statuses by rank."""
    machine = ActorMeshController(
        me=CONTROLLER,
        mesh=actor_mesh(len(statuses), controller=None),
        config=config,
        display_name="trainer",
        owner=owner,
        statuses=dict(enumerate(statuses)),
    )
    machine.handle(ClockSet(clock_offset_ns), 0)
    machine.handle(Started(), 0)
    return machine


def event_of(who: ActorId, actor_status: object, *, at_ns: int = 0, name: str | None = None) -> ActorSupervisionEvent:
    return ActorSupervisionEvent(who, name, at_ns, actor_status)  # type: ignore[arg-type]


def proc_reply(rank: int, port: int, kind: Status = status.RUNNING, proc_status: ProcStatus | None = None) -> Envelope:
    state = ProcState(proc(rank), rank, agent(rank), "bootstrap", proc_status)
    return Envelope(host_agent(rank), CONTROLLER, StateReply(State(proc_name(rank), kind, state)), port)


def actor_reply(
    rank: int, port: int, kind: Status = status.RUNNING, events: tuple[ActorSupervisionEvent, ...] = ()
) -> Envelope:
    state = State(MESH, kind, ActorState(actor(rank), rank, events))
    return Envelope(agent(rank), CONTROLLER, StateReply(state), port)


def overlay(sender: ActorId, dest: ActorId, port: int, *runs: tuple[int, int, Status]) -> Envelope:
    return Envelope(sender, dest, RankStatus(runs), port)


def to_owner(failure: MeshFailure) -> Envelope:
    return Envelope(CONTROLLER, CLIENT, MeshFailed(failure))


def to_subscriber(port: PortRef, failure: MeshFailure | None) -> Envelope:
    return Envelope(CONTROLLER, port.actor, MeshFailed(failure), port.index, subscriber=True)


class Puppet(msgspec.Struct):
    """An actor whose every answer is written down beforehand."""

    me: ActorId = ActorId("")
    init: list[Command] = []
    #: By text of the `Work` it is given.
    answers: dict[str, list[Command]] = {}
    #: Answers of its supervision hook, one for each event; handled when there is none left.
    hook: list[list[Command]] = []
    cleanup: list[Command] = []
    #: Texts of work that keeps it busy until the timer `done` fires.
    slow: list[str] = []
    busy_in_init: bool = False
    busy_in_cleanup: bool = False
    waiting: bool = False
    #: What it was told, in words.
    heard: list[str] = []

    @property
    def busy(self) -> bool:
        return self.waiting

    def accepts(self, port: int) -> bool:
        return port == 1024

    def takes(self, port: int, message: Message) -> bool:
        return True

    def binds(self, message: Message) -> bool:
        return True

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        match event:
            case Started():
                self.waiting = self.busy_in_init
                return self.init
            case Envelope(message=Work(text=text)):
                self.heard.append(text)
                self.waiting = text in self.slow
                return self.answers.get(text, [])
            case Envelope(message=message):
                self.heard.append(type(message).__name__)
                return []
            case ChildFailed(event=event):
                self.heard.append(f"failed {event.actor_id}")
                return self.hook.pop(0) if self.hook else []
            case CleanupStarted(failed=failed):
                self.heard.append("cleanup after failure" if failed else "cleanup")
                self.waiting = self.busy_in_cleanup
                return self.cleanup
            case TimerFired(key=key):
                self.heard.append(f"timer {key}")
                self.waiting = False
                return self.answers.get(f"timer {key}", [])
            case ActorSpawned(error=error, name=name):
                self.heard.append(f"spawned {name}" if error is None else error)
                return []
            case ProcDestroyed(stopped=stopped, aborted=aborted):
                self.heard.append(f"gone: {len(stopped)} stopped, {len(aborted)} aborted")
                return []
            case ActorEnded() | ClockSet():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")


def replayed(
    machine: msgspec.Struct,
    possible: Callable[[msgspec.Struct, dict[str, int], list[object]], list[object]],
    choices: Sequence[int],
) -> list[tuple[object, object, str]]:
    """Feed a machine one of its possible events for each choice: events, commands and fingerprints, step by step.

    `possible` is given the machine, the timers that are set and the events so far; the story ends when it has none.
    Time passes by one second a step.
    """
    subject = copied(machine)
    timers: dict[str, int] = {}
    story: list[tuple[object, object, str]] = []
    for step, choice in enumerate(choices):
        events = possible(subject, timers, [event for event, _, _ in story])
        if not events:
            break
        event = events[choice % len(events)]
        if isinstance(event, TimerFired):
            del timers[event.key]
        commands = subject.handle(event, step * S)  # type: ignore[attr-defined]
        for command in commands:
            if isinstance(command, SetTimer):
                timers[command.key] = command.after_ns
            elif isinstance(command, CancelTimer):
                timers.pop(command.key, None)
        story.append((event, commands, fingerprint(subject)))
    return story
