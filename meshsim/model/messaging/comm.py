"""Comm actors: one on each proc of a mesh; together they carry casts out along a tree, and replies back.

Theory of operation. A caster sends its message to the comm actor of root rank 0, which numbers it within its stream
(mesh and caster) and begins the tree. Each comm actor delivers to the actor of its own proc if that is meant, and
passes the rest on (`meshsim.model.messaging.cast_tree`). To each next hop it tells, beside the number, the last one
that it sent there: a hop that narrower casts skipped has no gap, and one that missed a message waits for it for ever.

    cast ──▶ root ──(seq, last_seq)──▶ next hop ──▶ ...          last_seq is the last one handled   handle
              │                           │                      last_seq is a later one            keep, warn
              ▼                           ▼                      last_seq is an earlier one         drop
           own actor                   own actor

A port to answer on is replaced at every hop by one of the comm actor's own (`meshsim.model.messaging.split_port`), so
replies climb the same tree, merged on the way if the port has a reducer. What cannot be delivered goes to the true
caster.

Source: mesh_model.md 3.6, 4; supervision.md 4.6, 10.2. Quirks: Q45, Q62.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.model.boot import Setting
from meshsim.model.commands import CancelTimer, Command, Fail, GiveBack, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Event, Started, TimerFired
from meshsim.model.ids import FIRST_EPHEMERAL_PORT, ActorId, PortRef, actor_id, proc_of
from meshsim.model.messages import (
    Cast,
    CastMessage,
    CommMeshConfig,
    CommMode,
    Envelope,
    ForwardMessage,
    GetState,
    KeepaliveGetState,
    Message,
    Undeliverable,
)
from meshsim.model.messaging.cast_tree import Step, destinations, first_frames, next_step
from meshsim.model.messaging.casting import point_text, reply_port, with_rank, with_reply_port
from meshsim.model.messaging.split_port import Passed, SplitMode, SplitPort, split
from meshsim.model.messaging.undeliverable import monitored_text, port_id
from meshsim.model.notes import Warned
from meshsim.model.shapes.extent import BaseRank
from meshsim.model.shapes.region import Region
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent

COMM_ACTOR = "CommActor"

NOT_CONFIGURED = "CommMeshConfig has not been set yet"

FORWARD_FAILED = "failed to forward the cast message"
DELIVERY_FAILED = "failed to deliver the cast message to the dest actor"


class Stream(msgspec.Struct):
    """One comm actor's part in one stream: what it handled, what waits for a gap to close, what it sent to whom."""

    handled: int = 0
    #: By the number that has to be handled before.
    waiting: dict[int, ForwardMessage] = {}
    #: Last number sent, by root rank of the next hop.
    forwarded: dict[int, int] = {}


class Relay(msgspec.Struct):
    """A port that stands for one that a cast brought along."""

    split: SplitPort
    #: How many answers there will be, when that is known; the port is of no use after them.
    due: int | None = None
    deadline_ns: int | None = None


class CommActor(msgspec.Struct):
    """Machine of one comm actor; a system actor, never busy."""

    me: ActorId
    config: Config
    #: Rank in the root mesh; none before the configuration came.
    rank: int | None = None
    book: dict[int, ActorId] = {}
    #: Root only: last number given, by stream.
    numbered: dict[str, int] = {}
    streams: dict[str, Stream] = {}
    relays: dict[int, Relay] = {}
    next_port: int = FIRST_EPHEMERAL_PORT

    @classmethod
    def construct(cls, setting: Setting, params: dict[str, object]) -> CommActor:
        return cls(setting.me, setting.config)

    @property
    def busy(self) -> bool:
        return False

    def accepts(self, port: int) -> bool:
        return port in self.relays

    def takes(self, port: int, message: Message) -> bool:
        """What a relay's reducer cannot combine, it refuses itself."""
        return True

    def binds(self, message: Message) -> bool:
        return type(message) in (CommMeshConfig, CommMode, CastMessage, ForwardMessage, Undeliverable)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        if type(event) is Envelope:
            return self._on_reply(event, now_ns) if event.port else self._on_message(event)
        match event:
            case TimerFired(key=key):
                return self._on_alarm(int(key.removeprefix("split:")), now_ns)
            case ChildFailed(event=child_event):
                return [Fail(UnhandledSupervisionEvent(child_event))]
            case Started() | CleanupStarted() | ClockSet():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _on_message(self, envelope: Envelope) -> list[Command]:
        match envelope.message:
            case CommMeshConfig(rank=rank, book=book) | CommMode(rank=rank, book=book):
                self.rank, self.book = rank, dict(book)
                return []
            case Undeliverable() as undeliverable:
                return self._on_undeliverable(undeliverable)
            case CastMessage() | ForwardMessage() if self.rank is None:
                return [Fail(Generic(NOT_CONFIGURED))]
            case CastMessage() as message:
                return self._on_cast(message)
            case ForwardMessage() as message:
                return self._on_forward(message)
            case message:
                raise AssertionError(f"{self.me} cannot handle {message!r}")

    # --- outwards (4.2 to 4.5) -------------------------------------------------------------------------------

    def _on_cast(self, message: CastMessage) -> list[Command]:
        """At the root, which is the origin of the tree too: number it."""
        cast = message.cast
        last_seq = self.numbered.get(_stream(cast), 0)
        self.numbered[_stream(cast)] = last_seq + 1
        frames = first_frames(cast.sizes, message.selection)
        return self._on_forward(ForwardMessage(cast, frames, last_seq + 1, last_seq))

    def _on_forward(self, message: ForwardMessage) -> list[Command]:
        stream = self.streams.setdefault(_stream(message.cast), Stream())
        if message.last_seq < stream.handled:
            return [Warned(self.me, f"dropped {_text(message)}: {stream.handled} was handled already")]
        if message.last_seq > stream.handled:
            stream.waiting[message.last_seq] = message
            return [Warned(self.me, f"holding back {_text(message)}: only {stream.handled} was handled so far")]
        commands = self._pass_on(stream, message)
        while (following := stream.waiting.pop(stream.handled, None)) is not None:
            commands += self._pass_on(stream, following)
        return commands

    def _pass_on(self, stream: Stream, message: ForwardMessage) -> list[Command]:
        """To the actor of this proc, then to each next hop."""
        stream.handled = message.seq
        step = next_step(message.frames, message.cast.sizes)
        cast = self._with_own_port(message, step)
        commands: list[Command] = [self._delivery(cast)] if step.delivers else []
        for hop in step.hops:
            last_seq = stream.forwarded.get(hop.rank, 0)
            stream.forwarded[hop.rank] = message.seq
            forward = ForwardMessage(cast, hop.frames, message.seq, last_seq)
            commands.append(Envelope(self.me, self.book[hop.rank], forward, returnable=cast.returnable))
        return commands

    def _delivery(self, cast: Cast) -> Envelope:
        assert self.rank is not None
        rank = _view_rank(cast.view, self.rank)
        return Envelope(
            self.me,
            actor_id(proc_of(self.me), cast.actor),
            with_rank(cast.message, rank),
            returnable=cast.returnable,
            cast_sender=cast.caster,
            cast_point=point_text(cast.view, rank),
            cast_mesh=cast.mesh,
        )

    # --- and back (3.6) --------------------------------------------------------------------------------------

    def _with_own_port(self, message: ForwardMessage, step: Step) -> Cast:
        """The cast, to be answered here if it is to be answered at all."""
        cast = message.cast
        port = reply_port(cast.message)
        if port is None or not step.replies:
            return cast
        relay = split(port, step.replies, self.config)
        if relay is None:
            return cast
        number = self.next_port
        self.next_port += 1
        # A state is asked for once and answered once: afterwards the port can go, which nobody can tell.
        is_query = relay.mode is SplitMode.RELAY and isinstance(cast.message, (GetState, KeepaliveGetState))
        self.relays[number] = Relay(relay, destinations(message.frames, cast.sizes) if is_query else None)
        own = msgspec.structs.replace(port, actor=self.me, index=number)
        return msgspec.structs.replace(cast, message=with_reply_port(cast.message, own))

    def _on_reply(self, envelope: Envelope, now_ns: int) -> list[Command]:
        relay = self.relays[envelope.port]
        passed = relay.split.on_update(envelope.message, now_ns)
        commands = self._relayed(envelope.port, relay, passed, now_ns, envelope)
        if relay.due is not None:
            relay.due -= 1
            if not relay.due:
                del self.relays[envelope.port]
        return commands

    def _on_alarm(self, port: int, now_ns: int) -> list[Command]:
        relay = self.relays[port]
        relay.deadline_ns = None
        return self._relayed(port, relay, relay.split.on_alarm(now_ns), now_ns, None)

    def _relayed(self, port: int, relay: Relay, passed: Passed, now_ns: int, update: Envelope | None) -> list[Command]:
        """Carry out what a split port says. What it sends has no headers, and the flag of the port that was split."""
        target = relay.split.target
        commands: list[Command] = [self._to_target(target, message, update) for message in passed.forward]
        if passed.error is not None and update is not None:
            commands.append(GiveBack(update, passed.error))
        if passed.warning is not None:
            commands.append(Warned(self.me, passed.warning))
        if passed.deadline_ns != relay.deadline_ns:
            relay.deadline_ns = passed.deadline_ns
            commands.append(
                CancelTimer(self.me, f"split:{port}")
                if passed.deadline_ns is None
                else SetTimer(self.me, f"split:{port}", passed.deadline_ns - now_ns)
            )
        if passed.removed:
            del self.relays[port]
        return commands

    def _to_target(self, target: PortRef, message: Message, update: Envelope | None) -> Envelope:
        """Q24 off: who asked wants to know whose answer it is even if that does not say so."""
        replier: ActorId | UnsetType = UNSET
        if update is not None and message is update.message and not self.config.has("Q24"):
            replier = update.sender if update.replier is UNSET else update.replier
        return Envelope(self.me, target.actor, message, target.index, target.returnable, replier=replier)

    # --- not delivered (4.6) ---------------------------------------------------------------------------------

    def _on_undeliverable(self, undeliverable: Undeliverable) -> list[Command]:
        """A cast goes back to who cast it; a reply that nobody takes any more is a line in the log."""
        returned = undeliverable.envelope
        match returned.message:
            case ForwardMessage(cast=cast):
                return [self._to_caster(cast.caster, FORWARD_FAILED, undeliverable)]
            case _ if returned.cast_sender is not UNSET:
                return [self._to_caster(returned.cast_sender, DELIVERY_FAILED, undeliverable)]
            case _:
                return [Warned(self.me, monitored_text(returned, undeliverable.errors))]

    def _to_caster(self, caster: ActorId, what: str, undeliverable: Undeliverable) -> Envelope:
        returned = msgspec.structs.replace(undeliverable.envelope, cast_sender=caster)
        back = Envelope(self.me, caster, undeliverable, returnable=False)
        error = f"multicast error: comm actor {self.me} {what}; returning to origin {port_id(back)}"
        return msgspec.structs.replace(back, message=Undeliverable(returned, (*undeliverable.errors, error)))


def _stream(cast: Cast) -> str:
    return f"{cast.mesh} {cast.caster}"


def _text(message: ForwardMessage) -> str:
    return f"cast {message.seq} (after {message.last_seq}) of {_stream(message.cast)}"


@lru_cache(maxsize=1 << 17)
def _view_rank(view: Region, rank: int) -> int:
    """The rank in the cast's view of a rank of the root."""
    return view.point_of_base_rank(BaseRank(rank)).rank
