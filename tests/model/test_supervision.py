import msgspec
import pytest

from meshsim.model.ids import ActorId
from meshsim.model.supervision import (
    INDETERMINATE,
    Aborted,
    ActorPhase,
    ActorStatus,
    ActorSupervisionEvent,
    ErrorDuringHandlingSupervision,
    Generic,
    MeshFailure,
    UnhandledSupervisionEvent,
    actor_failed,
    actor_stopped,
    checkpoint_error,
    cleanup_error,
    debug_events,
    error_text,
    event_text,
    failure_text,
    flatten,
    init_error,
    message_log_error,
    panic_error,
    root_cause,
    same_event,
    serving_text,
    status_text,
    unhandled,
)
from meshsim.units import MS, S

#: The actors of mesh_model.md B.7.
WORKER = ActorId("unix:@a,p0,t-1aaaaaaaaaaa[0]")
WORKER_NAME = "<root>.<t W w{'gpus': 1/4}>"
OWNER = ActorId("unix:@b,p1,own-1bbbbbbbbbbb[0]")
BOOM = ActorSupervisionEvent(WORKER, WORKER_NAME, 3 * S, actor_failed(Generic("boom\n\nat line 3")))


@pytest.mark.parametrize(
    ("status", "text", "terminal"),
    [
        (ActorStatus(ActorPhase.UNKNOWN), "unknown", False),
        (ActorStatus(ActorPhase.CREATED), "created", False),
        (ActorStatus(ActorPhase.INITIALIZING), "initializing", False),
        (ActorStatus(ActorPhase.CLIENT), "client", False),
        (ActorStatus(ActorPhase.IDLE), "idle", False),
        (ActorStatus(ActorPhase.PROCESSING, since_ns=1 * S), "processing for 1500ms", False),
        (ActorStatus(ActorPhase.PROCESSING, since_ns=1 * S, handler="Work"), "Work: processing for 1500ms", False),
        (ActorStatus(ActorPhase.PROCESSING, since_ns=9 * S), "processing for 0ms", False),
        (ActorStatus(ActorPhase.SAVING, since_ns=2 * S), "saving for 500ms", False),
        (ActorStatus(ActorPhase.LOADING, since_ns=2 * S), "loading for 500ms", False),
        (ActorStatus(ActorPhase.STOPPING), "stopping", False),
        (actor_stopped("parent stopping"), "stopped: parent stopping", True),
        (actor_failed(Generic("boom")), "failed: boom", True),
    ],
)
def test_every_actor_status_prints_as_in_the_table(status, text, terminal):
    """supervision.md 4.1."""
    assert (status_text(status, 2_500 * MS), status.is_terminal) == (text, terminal)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Generic("boom"), "boom"),
        (Aborted("x"), "actor explicitly aborted due to: x"),
        (UnhandledSupervisionEvent(BOOM), event_text(BOOM)),
        (ErrorDuringHandlingSupervision("bad", BOOM), f"bad while handling {event_text(BOOM)}"),
        (panic_error("for testing"), "panic: for testing"),
        (init_error("no disk"), "initialization error: no disk"),
        (cleanup_error("deadline has elapsed"), "cleanup error: deadline has elapsed"),
        (checkpoint_error("x"), "checkpoint error: x"),
        (message_log_error("x"), "message log error: x"),
        (INDETERMINATE, "actor is in an indeterminate state"),
    ],
)
def test_every_error_kind_prints_as_in_the_table(kind, text):
    """supervision.md 4.2, constructors included."""
    assert error_text(kind) == text
    assert serving_text(WORKER, kind) == f"serving {WORKER}: {text}"


@pytest.mark.parametrize(
    ("kind", "flat"),
    [
        (Generic("boom"), Generic("boom")),
        (Aborted("x"), Generic("actor explicitly aborted due to: x")),
        (
            ErrorDuringHandlingSupervision("bad", BOOM),
            Generic(f"bad while handling {event_text(BOOM)}"),
        ),
        (UnhandledSupervisionEvent(BOOM), UnhandledSupervisionEvent(BOOM)),
    ],
)
def test_errors_lose_their_structure_at_the_end_of_their_actor(kind, flat):
    """Q7: only an unhandled event stays what it is."""
    assert flatten(kind) == flat


def test_an_event_prints_its_own_failure():
    """Each line of the error is indented by one blank, the empty one is not."""
    assert event_text(BOOM) == (
        f"The actor {WORKER_NAME} and all its descendants have failed.\n"
        "This occurred because the actor itself failed.\n"
        "The error was:\n"
        " boom\n"
        "\n"
        " at line 3"
    )


def test_an_unhandled_failure_prints_who_really_failed():
    """The worked example of mesh_model.md B.7: the owner uses the default handler."""
    event = unhandled(OWNER, BOOM, 4 * S).event

    assert event == ActorSupervisionEvent(OWNER, None, 4 * S, actor_failed(UnhandledSupervisionEvent(BOOM)))
    assert event_text(event) == (
        "The actor unix:@b,p1,own-1bbbbbbbbbbb[0] and all its descendants have failed.\n"
        f"This occurred because the actor {WORKER_NAME} failed.\n"
        "The error was:\n"
        " boom\n"
        "\n"
        " at line 3"
    )


def test_a_failure_while_handling_a_failure_has_no_line_break_before_it():
    """The second worked example of B.7, upstream form (Q61)."""
    status = actor_failed(ErrorDuringHandlingSupervision("bad handler", BOOM))

    assert event_text(ActorSupervisionEvent(OWNER, None, 4 * S, status)) == (
        "The actor unix:@b,p1,own-1bbbbbbbbbbb[0] and all its descendants have failed.\n"
        "This occurred because the actor itself failed.\n"
        "The error was:\n"
        " bad handlerThis error occurred during the handling of another failure:\n"
        f"The actor {WORKER_NAME} and all its descendants have failed.\n"
        "This occurred because the actor itself failed.\n"
        "The error was:\n"
        " boom\n"
        "\n"
        " at line 3"
    )


@pytest.mark.parametrize(
    ("actor", "status", "error"),
    [
        (WORKER, actor_stopped("orphaned"), " stopped: orphaned"),
        (WORKER, actor_failed(Aborted("x")), " failed: actor explicitly aborted due to: x"),
        (WORKER, actor_failed(flatten(Aborted("x"))), " actor explicitly aborted due to: x"),
        (
            "unix:@h,w,proc_agent[0]",
            actor_stopped("x"),
            " The process unix:@h owned by this actor became unresponsive and is assumed dead, "
            "check the log on the host for details",
        ),
        (
            "unix:@h,service,host_agent[0]",
            actor_stopped("x"),
            " The process unix:@h owned by this actor became unresponsive and is assumed dead, "
            "check the log on the host for details",
        ),
        ("unix:@h,w,proc_agent[0]", actor_failed(Generic("boom")), " boom"),
    ],
)
def test_the_error_line_is_chosen_by_the_root_cause(actor, status, error):
    """supervision.md 4.3, first match; the heading says failed of a stop, too (Q8)."""
    event = ActorSupervisionEvent(ActorId(actor), None, 0, status)

    assert event_text(event) == (
        f"The actor {actor} and all its descendants have failed.\n"
        "This occurred because the actor itself failed.\n"
        f"The error was:\n{error}"
    )


def test_the_root_cause_is_found_through_any_number_of_levels():
    """Each owner that does not handle a failure adds one."""
    one = unhandled(OWNER, BOOM, 4 * S)
    two = unhandled(ActorId("unix:@c,p,top[0]"), one.event, 5 * S)

    assert root_cause(two.event) == BOOM
    assert root_cause(BOOM) == BOOM


@pytest.mark.parametrize(
    ("mesh", "rank", "beginning"),
    [
        ("t-1a", 3, 'failure on mesh "t-1a" at rank 3 with event: '),
        ("t-1a", None, 'failure on mesh "t-1a" with event: '),
        (None, 3, "failure at rank 3 with event: "),
        (None, None, "failure with event: "),
    ],
)
def test_a_mesh_failure_prints_the_parts_it_has(mesh, rank, beginning):
    """supervision.md 4.4."""
    assert failure_text(MeshFailure(mesh, rank, BOOM)) == beginning + event_text(BOOM)


def test_time_and_headers_do_not_count_for_the_equality_of_the_modelled_system():
    """At any depth; everything else does."""
    later = msgspec.structs.replace(BOOM, occurred_at_ns=9 * S, message_headers="h")
    renamed = msgspec.structs.replace(BOOM, display_name=None)

    assert same_event(BOOM, later)
    assert same_event(unhandled(OWNER, BOOM, 1).event, unhandled(OWNER, later, 2).event)
    assert not same_event(BOOM, renamed)
    assert not same_event(unhandled(OWNER, BOOM, 1).event, unhandled(OWNER, renamed, 1).event)


def test_the_debug_form_of_events_carries_their_time():
    """Q20: that is why a second event changes the text of a status."""
    aborted = ActorSupervisionEvent(OWNER, None, 1_500 * MS, actor_failed(Aborted("x")), "h")

    assert debug_events((BOOM, aborted)) == (
        "[ActorSupervisionEvent { "
        f'actor_id: ActorId("{WORKER}"), '
        f'display_name: Some("{WORKER_NAME}"), '
        "occurred_at: SystemTime { tv_sec: 3, tv_nsec: 0 }, "
        'actor_status: Failed(Generic("boom\\n\\nat line 3")), '
        "message_headers: None }, "
        "ActorSupervisionEvent { "
        f'actor_id: ActorId("{OWNER}"), '
        "display_name: None, "
        "occurred_at: SystemTime { tv_sec: 1, tv_nsec: 500000000 }, "
        'actor_status: Failed(Aborted("x")), '
        'message_headers: Some("h") }]'
    )


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (ActorStatus(ActorPhase.IDLE), "Idle"),
        (actor_stopped('say "x"'), 'Stopped("say \\"x\\"")'),
        (ActorStatus(ActorPhase.SAVING, since_ns=1), "Saving(SystemTime { tv_sec: 0, tv_nsec: 1 })"),
        (
            ActorStatus(ActorPhase.PROCESSING, since_ns=1, handler="Work"),
            'Processing(SystemTime { tv_sec: 0, tv_nsec: 1 }, Some("Work"))',
        ),
        (
            actor_failed(UnhandledSupervisionEvent(BOOM)),
            f"Failed(UnhandledSupervisionEvent({debug_events((BOOM,))[1:-1]}))",
        ),
        (
            actor_failed(ErrorDuringHandlingSupervision("bad", BOOM)),
            f'Failed(ErrorDuringHandlingSupervision("bad", {debug_events((BOOM,))[1:-1]}))',
        ),
    ],
)
def test_every_actor_status_has_a_debug_form(status, text):
    """Nested events included."""
    event = ActorSupervisionEvent(OWNER, None, 0, status)

    assert f"actor_status: {text}, message_headers: None" in debug_events((event,))


def test_no_events_have_a_debug_form_too():
    """Never printed by an agent, but a list is a list."""
    assert debug_events(()) == "[]"


def test_events_survive_the_wire():
    """Nested errors are tagged unions; what comes out must be what went in, times included."""
    failure = MeshFailure("t-1a", 3, unhandled(OWNER, BOOM, 4 * S).event)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(failure), type=MeshFailure) == failure


def test_without_q8_what_stopped_is_not_said_to_have_failed():
    """A failure reads as ever."""
    stopped = ActorSupervisionEvent(ActorId("w,a[0]"), "trainer", 0, actor_stopped("mesh stopped"))
    failed = ActorSupervisionEvent(ActorId("w,a[0]"), "trainer", 0, actor_failed(Generic("boom")))

    assert event_text(stopped, ("Q8",)) == (
        "The actor trainer and all its descendants have stopped.\n"
        "This occurred because the actor itself stopped.\n"
        "The reason was:\n"
        " stopped: mesh stopped"
    )
    assert event_text(failed, ("Q8",)) == event_text(failed)


def test_without_q61_a_failure_inside_a_failure_has_a_line_of_its_own():
    """Through every text that contains one."""
    inner = ActorSupervisionEvent(ActorId("w,a[0]"), "trainer", 0, actor_failed(Generic("boom")))
    status = actor_failed(ErrorDuringHandlingSupervision("bad handler", inner))
    outer = ActorSupervisionEvent(ActorId("w,b[0]"), "boss", 0, status)

    text = failure_text(MeshFailure("b", 0, outer), ("Q61",))

    assert text.splitlines()[2:5] == [
        "The error was:",
        " bad handler",
        "This error occurred during the handling of another failure:",
    ]
