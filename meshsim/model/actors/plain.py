"""Actors to build scenarios with: they work, fail on request, and may own meshes.

What a handler is asked to do comes as messages. An actor type of a user is any class with the same constructor
(`construct`) and the machine protocol.

Source: supervision.md 15.1, 15.2; mesh_model.md 6.
"""

from __future__ import annotations

import msgspec

from meshsim.model.actors.answering import Question, answers, changed
from meshsim.model.boot import ConstructorError, Setting
from meshsim.model.clients.context import Context, binds_as_owner
from meshsim.model.commands import AbortSelf, Command, ExitProcess, Fail, Panic, SetTimer, SignalSelf, StopSelf
from meshsim.model.events import (
    ActorEnded,
    ActorSpawned,
    ChildFailed,
    CleanupStarted,
    ClockSet,
    Event,
    Started,
    TimerFired,
)
from meshsim.model.ids import ActorId, NameSource
from meshsim.model.messages import (
    Call,
    CauseFault,
    Envelope,
    Forward,
    GetActorId,
    GetCastInfo,
    GetConfig,
    HowMany,
    MeshFailed,
    MeshRefSent,
    Message,
    Number,
    Operate,
    PassedOn,
    Returned,
    SetConfig,
    Undeliverable,
    Work,
    reply_to,
)
from meshsim.model.messaging.undeliverable import default_undeliverable, restore_sender
from meshsim.model.supervision import (
    ActorErrorKind,
    ActorSupervisionEvent,
    ErrorDuringHandlingSupervision,
    Generic,
    MeshFailure,
    UnhandledSupervisionEvent,
    unhandled,
)

BUSY_TIMER = "busy"
INIT_TIMER = "init"
CLEANUP_TIMER = "cleanup"
IGNORING_TIMER = "ignoring"

#: Parameter that makes inits fail: rank as text -> the fields of an `InitFailure`.
INIT_FAILS = "init_fails"

#: Types of messages that they take at their handler ports.
_BOUND = frozenset(
    {
        Work,
        Call,
        HowMany,
        CauseFault,
        GetActorId,
        GetCastInfo,
        GetConfig,
        SetConfig,
        Forward,
        Operate,
        MeshRefSent,
        MeshFailed,
        PassedOn,
        Undeliverable,
    }
)


class InitFailure(msgspec.Struct, frozen=True):
    """An init, or a cleanup, works for a time and then returns an error."""

    text: str
    after_ns: int = 0


class TestActor(msgspec.Struct):
    """Works when told to, answers calls, fails when told to. Does not handle failures of what it owns."""

    #: Tells pytest that this is no test class.
    __test__ = False

    me: ActorId
    rank: int
    context: Context
    #: How its init fails, if it is to.
    init_failure: InitFailure | None = None
    #: How its cleanup fails, if it is to.
    cleanup_failure: InitFailure | None = None
    #: Whether it leaves requests to stop where they are.
    ignores_stop: bool = False
    #: Init or a handler is at work: it ends at a timer, or never.
    working: bool = False
    #: What an endpoint at work ends with.
    afterwards: Envelope | Fail | None = None

    #: Whether mesh failures and events of children are heard and absorbed.
    handles_failures = False

    @classmethod
    def construct(cls, setting: Setting, params: dict[str, object]) -> TestActor:
        """Make one from its spec.

        Raises:
            ConstructorError: the type cannot be constructed with these parameters.
        """
        context = Context(setting.me, setting.config, NameSource(setting.name_key))
        failures = msgspec.convert(params.get(INIT_FAILS, {}), dict[str, InitFailure])
        return cls(setting.me, setting.rank, context, init_failure=failures.get(str(setting.rank)))

    @property
    def busy(self) -> bool:
        return self.working

    def accepts(self, port: int) -> bool:
        return self.context.accepts(port)

    def takes(self, port: int, message: Message) -> bool:
        return self.context.takes(port, message)

    def binds(self, message: Message) -> bool:
        return binds_as_owner(_BOUND, message)

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """Take one event and return what the runtime must do."""
        match event:
            case Envelope(port=0):
                return self._on_message(event, now_ns)
            case Envelope():
                return self.context.on_port(event, now_ns)
            case TimerFired(key=key) if key == BUSY_TIMER:
                self.working = False
                afterwards, self.afterwards = self.afterwards, None
                return [] if afterwards is None else [afterwards]
            case TimerFired(key=key) if key == INIT_TIMER:
                return self._fail_init()
            case TimerFired(key=key) if key == CLEANUP_TIMER:
                return self._fail_cleanup()
            case TimerFired(key=key) if key == IGNORING_TIMER:
                self.ignores_stop = False
                return []
            case TimerFired():
                return self.context.on_timer(event, now_ns)
            case ActorSpawned():
                return self.context.on_spawned(event, now_ns)
            case Started():
                return self._init()
            case ChildFailed(event=child_event):
                heard = self.context.hears("parent", MeshFailure(None, None, child_event))
                return [heard, *self._decide(child_event, UnhandledSupervisionEvent(child_event))]
            case ClockSet():
                self.context.set_clock(event.clock)
                return []
            case CleanupStarted() if self.cleanup_failure is not None:
                return self._clean_up(self.cleanup_failure)
            case CleanupStarted() | ActorEnded():
                return []
            case _:
                raise AssertionError(f"unexpected event {event!r}")

    def _decide(self, event: ActorSupervisionEvent, otherwise: ActorErrorKind) -> list[Command]:
        """The supervision hook: nothing when the failure is handled, or the error of this actor's own end."""
        return [] if self.handles_failures else [Fail(otherwise)]

    def _init(self) -> list[Command]:
        if self.init_failure is None:
            return []
        if self.init_failure.after_ns == 0:
            return self._fail_init()
        self.working = True
        return [SetTimer(self.me, INIT_TIMER, self.init_failure.after_ns)]

    def _fail_init(self) -> list[Command]:
        assert self.init_failure is not None
        self.working = False
        return [Fail(Generic(self.init_failure.text))]

    def _clean_up(self, failure: InitFailure) -> list[Command]:
        if failure.after_ns == 0:
            return self._fail_cleanup()
        self.working = True
        return [SetTimer(self.me, CLEANUP_TIMER, failure.after_ns)]

    def _fail_cleanup(self) -> list[Command]:
        assert self.cleanup_failure is not None
        self.working = False
        return [Fail(Generic(self.cleanup_failure.text))]

    def _on_message(self, envelope: Envelope, now_ns: int) -> list[Command]:
        match envelope.message:
            case Work(busy_ns=busy_ns):
                return self._work(busy_ns)
            case Call() as call:
                return self._on_call(call)
            case HowMany(reply=reply):
                return [reply_to(reply, self.me, Number(1))]
            case CauseFault() as fault:
                return self._misbehave(fault)
            case GetActorId() | GetCastInfo() | GetConfig() | SetConfig() | Forward() as question:
                return self._tell_of_itself(question, envelope)
            case Operate() as operate:
                return self.context.operate(operate, now_ns)
            case MeshRefSent(mesh=mesh):
                self.context.refs.receive(mesh)
                return []
            case MeshFailed(failure=MeshFailure() as failure):
                heard = self.context.hears("owner", failure)
                error = unhandled(self.me, failure.event, self.context.clock.at(now_ns))
                return [heard, *self._decide(failure.event, error)]
            case PassedOn(failure=failure):
                return [self.context.hears("supervisor", failure)]
            case Undeliverable() as undeliverable:
                return self._on_undeliverable(undeliverable)
            case message:
                raise AssertionError(f"{self.me} cannot handle {message!r}")

    def _on_undeliverable(self, undeliverable: Undeliverable) -> list[Command]:
        """Q62: a cast that comes back is held against the wrong sender, which is a panic. Off: it is an error."""
        if not self.context.config.has("Q62"):
            undeliverable = restore_sender(undeliverable)
        return default_undeliverable(self.me, undeliverable)

    def _on_call(self, call: Call) -> list[Command]:
        """An endpoint: it works, then returns or raises. An exception that nobody waits for is the actor's end."""
        if call.reply is not None:
            over: Envelope | Fail = reply_to(call.reply, self.me, Returned(self.me, call.raises))
        elif call.raises:
            over = Fail(Generic(call.raises))
        else:
            return self._work(call.busy_ns)
        if call.busy_ns == 0:
            return [over]
        self.afterwards = over
        return self._work(call.busy_ns)

    def _tell_of_itself(self, question: Question, envelope: Envelope) -> list[Command]:
        if isinstance(question, SetConfig):
            self.context.config = changed(self.context.config, question)
            return []
        return answers(self.me, self.context.config, question, envelope)

    def _work(self, busy_ns: int) -> list[Command]:
        """A handler that takes its time: nothing else is handled until it is over."""
        if busy_ns == 0:
            return []
        self.working = True
        return [SetTimer(self.me, BUSY_TIMER, busy_ns)]

    def _misbehave(self, fault: CauseFault) -> list[Command]:
        match fault.kind:
            case "hang":
                self.working = True
                return [SetTimer(self.me, BUSY_TIMER, fault.busy_ns)] if fault.busy_ns else []
            case "ignore_stop":
                self.ignores_stop = True
                return [SetTimer(self.me, IGNORING_TIMER, fault.busy_ns)] if fault.busy_ns else []
            case "fail_cleanup":
                self.cleanup_failure = InitFailure(fault.text, fault.busy_ns)
                return []
            case _:
                return misbehaviour(type(self).__name__, fault)


def misbehaviour(who: str, fault: CauseFault) -> list[Command]:
    """What a handler does that is told to misbehave; hanging is not among it."""
    match fault.kind:
        case "raise":
            return [Fail(Generic(fault.text))]
        case "panic":
            return [Panic(f"panic at {who}: {fault.text}")]
        case "stop":
            return [StopSelf(fault.text)]
        case "abort":
            return [AbortSelf(fault.text)]
        case "exit":
            return [ExitProcess(fault.number or 0)]
        case "signal":
            return [SignalSelf(fault.number or 0)]
        case kind:
            raise AssertionError(f"unknown fault {kind}")


class TestActorWithSupervisionHandling(TestActor):
    """A TestActor whose supervision hook answers "handled"."""

    handles_failures = True


class TestActorWithFailingSupervision(TestActor):
    """A TestActor whose supervision hook raises an error of its own."""

    def _decide(self, event: ActorSupervisionEvent, otherwise: ActorErrorKind) -> list[Command]:
        return [Fail(ErrorDuringHandlingSupervision("supervision hook failed", event))]


class SleepActor(TestActor):
    """Sleeps for as long as it is told to, and cannot be stopped meanwhile."""


class EmptyActor(TestActor):
    """Does nothing."""


class FailingCreateTestActor(TestActor):
    """Cannot be constructed."""

    @classmethod
    def construct(cls, setting: Setting, params: dict[str, object]) -> TestActor:
        raise ConstructorError("test failure")
