"""Messages that come back although they were delivered, channels that closed for good, and routes that are too long."""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_worlds import (
    CLIENT,
    HOST0,
    HOST1,
    INSTANT,
    NOT_ACKNOWLEDGED,
    NOT_DELIVERED,
    PROC,
    SPAWN,
    TEN_S,
    WITHOUT_LINK,
    at,
    bare,
    found,
    returned,
    run_script,
    to_proc,
    work,
)

from meshsim.drive.channels import Deliveries
from meshsim.faults.kinds import HostCrash, Signal, Stall
from meshsim.model.commands import CloseServer, ExitProcess, NodeCommand
from meshsim.model.events import TimerFired
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope, Work
from meshsim.model.messaging.channel import Acknowledge, AckRule, Arrived, ChannelReceiver, WakeAt, Woken, closed_error
from meshsim.model.notes import Bounced
from meshsim.scenario import schema
from meshsim.trace.records import NO_CAUSE, MessageLost, MessageReturned, ProcessStarted, Record, RunEnded
from meshsim.units import MS, Duration

# --- delivered and not acknowledged ------------------------------------------------------------------------------


def killed(target: str, when: float) -> Signal:
    return Signal(target=target, signal="SIGKILL", at=at(when))


def test_a_message_that_was_delivered_comes_back_when_its_receiver_dies_before_it_acknowledges() -> None:
    """Half a second passes between the two. Its channel was connected when it was written, and is not any more."""
    plan = bare(faults=[killed("host1", 2.4)], config=TEN_S)

    backend, records = run_script(plan, {"host0": {2: [work("a", HOST1)]}})

    assert backend.texts("host1") == [(2.001, "a")]
    # Attempts begin when it dies: 2.4, …, 3.423, 4.423, …
    assert returned(records) == [(12.423, "a")]
    assert WITHOUT_LINK.fullmatch(found(records, MessageReturned)[0].errors[0])
    cause = next(record.cause for record in records if isinstance(record.what, MessageReturned))
    assert (records[cause].node, type(records[cause].what)) == ("host1", Envelope)


@pytest.mark.parametrize(
    ("sent", "died", "comes_back"),
    [
        ([2], 2.5, ["a"]),
        ([2], 2.501, []),
        ([2, 2.3], 2.501, []),
        ([2, 2.3], 2.499, ["a", "b"]),
        ([2, 2.6], 2.7, ["b"]),
        ([2, 2.499, 2.501], 2.6, ["c"]),
    ],
)
def test_an_acknowledgement_covers_what_was_taken_before_it(
    sent: list[float], died: float, comes_back: list[str]
) -> None:
    """It goes out half a second after the first message that it covers, here at 2.501."""
    plan = bare(faults=[killed("host1", died)], config=TEN_S)
    script = {"host0": {when: [work(text, HOST1)] for when, text in zip(sent, "abc", strict=False)}}

    _, records = run_script(plan, script)

    assert [text for _, text in returned(records)] == comes_back


def test_every_nth_message_is_acknowledged_at_once() -> None:
    """MESSAGE_ACK_EVERY_N_MESSAGES, here 2: the third one waits for its interval."""
    plan = bare(faults=[killed("host1", 2.1)], config={**TEN_S, "message_ack_every_n_messages": 2})

    _, records = run_script(plan, {"host0": {2: [work(text, HOST1) for text in "abc"]}})

    assert [text for _, text in returned(records)] == ["c"]


def test_each_sender_has_a_channel_of_its_own() -> None:
    """The first message of one does not have those of another acknowledged earlier."""
    script = {"host0": {2: [work("a", HOST1)]}, "client": {2.4: [work("b", HOST1, CLIENT)]}}

    _, records = run_script(bare(faults=[killed("host1", 2.6)], config=TEN_S), script)

    assert [text for _, text in returned(records)] == ["b"]


def test_what_nobody_wants_back_was_delivered_and_that_is_all() -> None:
    """No second end in the trace. But its channel waits for it, and closes for all that come after it."""
    script = {"host0": {2: [work("a", HOST1, returnable=False)], 4: [work("b", HOST1)]}}

    _, records = run_script(bare(faults=[killed("host1", 2.4)], config=TEN_S), script)

    assert found(records, MessageLost) == []
    assert returned(records) == [(12.423, "b")]


def test_a_stalled_process_does_not_acknowledge_what_it_took_before() -> None:
    """The stall outlasts the time-out: the message comes back although it was delivered, over a link that stands."""
    plan = bare(faults=[Stall(target="host1", at=at(2.2), for_=at(20))], config=TEN_S)

    backend, records = run_script(plan, {"host0": {2: [work("a", HOST1)]}})

    assert backend.texts("host1") == [(2.001, "a")]
    assert returned(records) == [(12.0, "a")]
    assert NOT_ACKNOWLEDGED.fullmatch(found(records, MessageReturned)[0].errors[0])


def test_a_process_that_goes_on_acknowledges_what_is_overdue_and_the_rest_in_time() -> None:
    """After a short stall the interval counts from the delivery as before; after a long one nothing comes back."""
    short = [Stall(target="host1", at=at(2.1), for_=at(0.1)), killed("host1", 2.4)]
    long = [Stall(target="host1", at=at(2.1), for_=at(5)), killed("host1", 7.2)]
    came_back = [
        [
            text
            for _, text in returned(
                run_script(bare(faults=faults, config=TEN_S), {"host0": {2: [work("a", HOST1)]}})[1]
            )
        ]
        for faults in (short, long)
    ]

    assert came_back == [["a"], []]


def test_a_proc_that_dies_gives_back_through_its_host_what_it_did_not_acknowledge() -> None:
    """The channel to it is its host's: the error of a mailbox server is added on the way back."""
    plan = bare(faults=[killed("host1/p", 2.4)], network=INSTANT, config=TEN_S)

    backend, records = run_script(plan, {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}})

    assert backend.texts("host1/p") == [(2.0, "a")]
    assert returned(records) == [(12.423, "a")]
    assert found(records, MessageReturned)[0].errors[1:] == ("broken link: message was undeliverable",)


def test_a_host_that_dies_owes_its_clients_what_it_passed_on() -> None:
    """It had acknowledged neither the message for itself nor the one for its proc; both procs die with it."""
    spawn = msgspec.structs.replace(SPAWN, pdeathsig=True)
    plan = bare(faults=[HostCrash(target="host1", at=at(2.4))], network=INSTANT, config=TEN_S)

    _, records = run_script(plan, {"host1": {0.5: [spawn]}, "client": {2: [to_proc("a"), work("b", HOST1, CLIENT)]}})

    assert returned(records) == [(12.423, "a"), (12.423, "b")]


def test_a_message_that_a_host_could_not_pass_on_comes_back_when_the_host_had_not_acknowledged_it() -> None:
    """Once: from the channel of its sender."""
    faults = [killed("host1/p", 1), HostCrash(target="host1", at=at(2.4))]
    script = {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}}

    _, records = run_script(bare(faults=faults, network=INSTANT, config=TEN_S), script)

    assert returned(records) == [(12.423, "a")]
    assert found(records, MessageLost) == []


def test_a_message_on_the_wire_when_its_receiver_dies_was_written() -> None:
    """It never arrived, but its sender does not know: no acknowledgement, over a link that is broken."""
    plan = bare(faults=[killed("host1", 2)], network=schema.Network(latency=at(1)), config=TEN_S)

    backend, records = run_script(plan, {"host0": {1.5: [work("a", HOST1)]}})

    assert backend.texts("host1") == []
    assert returned(records) == [(12.023, "a")]
    assert WITHOUT_LINK.fullmatch(found(records, MessageReturned)[0].errors[0])


def test_without_the_quirk_a_closed_channel_is_dialled_again() -> None:
    """A process that was stopped for too long is well again: its next message arrives, in a session of its own."""
    faults = [Stall(target="host1", at=at(1), for_=at(20))]
    script = {"host0": {2: [work("a", HOST1)], 30: [work("b", HOST1)]}}
    came, sessions = [], []
    for on in (True, False):
        plan = bare(faults=[*faults, killed("host1", 40)], config=TEN_S, quirks={"dead_client_cached_forever": on})
        backend, records = run_script(plan, {"host0": {**script["host0"], 50: [work("c", HOST1)]}})
        came.append((backend.texts("host1"), returned(records)))
        errors = [each.errors[0] for each in found(records, MessageReturned)]
        sessions.append({match[1] for error in errors if (match := re.search(r"\.([0-9a-f]{16}):", error))})

    assert came == [
        ([(21.0, "a")], [(12.0, "a"), (30.0, "b"), (50.0, "c")]),
        ([(21.0, "a"), (30.001, "b")], [(12.0, "a"), (60.023, "c")]),
    ]
    assert [len(each) for each in sessions] == [1, 2]


def test_a_proc_whose_host_gave_up_on_it_is_out_of_reach_although_both_are_well() -> None:
    """The host's router keeps the dead client: what comes later is given back at once, from the host."""
    faults = [Stall(target="host1/p", at=at(1), for_=at(20))]
    script = {
        "host1": {0.5: [SPAWN], 40: [work("own", PROC, HOST1)]},
        "client": {2: [to_proc("a")], 30: [to_proc("b")]},
    }

    backend, records = run_script(bare(faults=faults, network=INSTANT, config=TEN_S), script)

    assert backend.texts("host1/p") == [(21.0, "a")]
    assert returned(records) == [(12.0, "a"), (30.0, "b"), (40.0, "own")]
    assert [each.errors[0] == closed_error(None) for each in found(records, MessageReturned)] == [False, True, True]


# --- servers that close in an orderly way ------------------------------------------------------------------------

TOLD = closed_error("server closed the channel")


def test_a_process_that_closes_its_server_owes_nothing_and_tells_who_is_connected() -> None:
    """What it took is acknowledged; what is on the wire comes back at once with a reason, what comes later without."""
    script = {
        "host0": {2: [work("taken", HOST1)], 2.0995: [work("on the wire", HOST1)], 3: [work("late", HOST1)]},
        "host1": {2.1: [CloseServer(), ExitProcess(0)]},
    }

    backend, records = run_script(bare(config=TEN_S), script)

    assert backend.texts("host1") == [(2.001, "taken")]
    assert returned(records) == [(2.1005, "on the wire"), (3.0, "late")]
    assert [each.errors for each in found(records, MessageReturned)] == [(TOLD,), (closed_error(None),)]


def test_nobody_tells_a_sender_that_was_never_connected() -> None:
    """It dials, finds nobody, and waits for its time-out."""
    script = {"host0": {3: [work("a", HOST1)]}, "host1": {2: [CloseServer()]}}

    backend, records = run_script(bare(config=TEN_S), script)

    assert backend.texts("host1") == []
    assert returned(records) == [(13.023, "a")]
    assert NOT_DELIVERED.fullmatch(found(records, MessageReturned)[0].errors[0])


def test_a_host_that_closed_its_server_lives_on_and_its_procs_are_out_of_reach() -> None:
    """Nothing passes its front end any more, although all their processes run."""
    script = {
        "host1": {0.5: [SPAWN], 2: [CloseServer()]},
        "client": {1: [to_proc("before")], 3: [to_proc("after"), work("host", HOST1, CLIENT)]},
    }

    backend, records = run_script(bare(network=INSTANT, config=TEN_S), script)

    assert (backend.texts("host1/p"), backend.texts("host1")) == ([(1.0, "before")], [])
    assert returned(records) == [(3.0, "after"), (3.0, "host")]
    assert found(records, RunEnded)[0].alive == ("host0", "host1", "client", "host1/p")


def test_without_the_quirk_who_was_told_dials_again() -> None:
    script = {"host0": {2: [work("taken", HOST1)], 3: [work("late", HOST1)]}, "host1": {2.1: [CloseServer()]}}

    _, records = run_script(bare(config=TEN_S, quirks={"dead_client_cached_forever": False}), script)

    assert returned(records) == [(13.023, "late")]


# --- messages that are too large -------------------------------------------------------------------------------


def test_a_message_that_is_too_large_closes_its_channel() -> None:
    """It comes back at once, behind what was not acknowledged; everything later comes back too. Others go on."""
    large = work("x" * 1000, HOST1)
    script = {
        "host0": {1: [work("old", HOST1)], 2: [work("new", HOST1)], 2.1: [large], 3: [work("late", HOST1)]},
        "client": {3: [work("other", HOST1, CLIENT)]},
    }

    backend, records = run_script(bare(config={"codec_max_frame_length": 500}), script)

    length = len(msgspec.json.encode(large))
    assert backend.texts("host1") == [(1.001, "old"), (2.001, "new"), (3.001, "other")]
    assert returned(records) == [(2.1, "new"), (2.1, "x" * 1000), (3.0, "late")]
    too_large = closed_error(
        f"rejecting oversize frame: len={length} > max=500. ack will not arrive before timeout; "
        "increase CODEC_MAX_FRAME_LENGTH to allow."
    )
    assert [each.errors[0] for each in found(records, MessageReturned)] == [too_large, too_large, closed_error(None)]


# --- messages that run out of hops -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ttl", "place", "comes_back"),
    [
        (3, "client", 2.0),
        (4, "host1", None),
        (7, "host1", 2.002),
        (8, "host1/p", 2.002),
        (10, "host1/p", 2.002),
        (11, "", None),
    ],
)
def test_a_message_expires_where_its_hops_are_used_up(ttl: int, place: str, comes_back: float | None) -> None:
    """To a proc behind its host: 4 hops to leave, 4 through the front end, 3 to the mailbox; 7 for the way back."""
    plan = bare(config={**TEN_S, "message_ttl_default": ttl}, network=schema.Network(spawn=Duration(0)))

    backend, records = run_script(plan, {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}})

    bounced = [record.node for record in records if isinstance(record.what, Bounced)]
    errors = ("ttl expired",) if place == "client" else ("ttl expired", "broken link: message was undeliverable")
    assert bounced == ([place] if place.startswith("host1") else [])
    assert [text for _, text in backend.texts("host1/p")] == ([] if place else ["a"])
    assert returned(records) == ([] if comes_back is None else [(comes_back, "a")])
    assert [each.errors for each in found(records, MessageReturned)] == ([] if comes_back is None else [errors])


# --- whatever happens ------------------------------------------------------------------------------------------


@given(
    gaps=st.lists(st.sampled_from([0, 100, 300, 499, 500, 700]), max_size=12),
    every=st.integers(1, 4),
    end=st.sampled_from([0, 200, 500, 900]),
)
def test_what_is_counted_from_a_trace_is_what_a_receiver_would_have_acknowledged(
    gaps: list[int], every: int, end: int
) -> None:
    """The receiving end of `meshsim.model.messaging.channel`, fed with the same arrivals, is the judge."""
    plan = bare(config={"message_ack_every_n_messages": every})
    arrivals = list(itertools.accumulate(gap * MS for gap in gaps))
    now_ns = (arrivals[-1] if arrivals else 0) + end * MS
    started = Record(0, 0, "host0", NO_CAUSE, ProcessStarted("host", "", "", pdeathsig=True))
    records = [started, *(Record(n, at_ns, "host1", 0, work("", HOST1)) for n, at_ns in enumerate(arrivals, 1))]
    deliveries = Deliveries(plan, records, lambda _: Node("host0"), lambda _, dst: dst)

    counted = deliveries.unacknowledged(Node("host1"), now_ns)

    receiver: ChannelReceiver[int] = ChannelReceiver(AckRule(500 * MS, every))
    acknowledged, wakes = 0, list[int]()
    for seq, at_ns in [*enumerate(arrivals), (-1, now_ns)]:
        due = [(wake, Woken()) for wake in sorted(wakes) if wake <= at_ns]
        wakes = [wake for wake in wakes if wake > at_ns]
        for when, event in [*due, *([(at_ns, Arrived(seq, seq))] if seq >= 0 else [])]:
            for command in receiver.handle(event, when):
                if isinstance(command, Acknowledge):
                    acknowledged = command.through + 1
                elif isinstance(command, WakeAt):
                    wakes.append(command.at_ns)
    assert [seqs for _, seqs in counted] == ([list(range(acknowledged + 1, len(arrivals) + 1))] if arrivals else [])


NODES = ("host0", "host1", "host1/p", "client")
ACTORS = {"host0": HOST0, "host1": HOST1, "host1/p": PROC, "client": CLIENT}
MOMENTS = st.integers(8, 200).map(lambda tenth: tenth / 10)
WORKS = st.tuples(MOMENTS, st.sampled_from(NODES), st.sampled_from(NODES), st.booleans()).filter(lambda w: w[1] != w[2])
STRIKES = st.tuples(MOMENTS, st.sampled_from(NODES), st.sampled_from(["SIGSTOP", "SIGCONT", "SIGKILL", "close"]))


@settings(max_examples=150, deadline=None)
@given(works=st.lists(WORKS, max_size=15), strikes=st.lists(STRIKES, max_size=6), is_cached=st.booleans())
def test_whatever_is_stopped_or_killed_every_message_has_its_ends(
    works: list[tuple[float, str, str, bool]], strikes: list[tuple[float, str, str]], is_cached: bool
) -> None:
    """At most one delivery and one return; both only of a message that was delivered first. In order, of each pair."""
    script: dict[str, dict[float, list[NodeCommand]]] = {node: {} for node in NODES}
    script["host1"][0.5] = [SPAWN]
    for number, (when, src, dst, returnable) in enumerate(sorted(works)):
        # A proc takes its first step at 0.505, and its times count from there.
        line = script[src].setdefault(when, [])
        line.append(work(str(number), ACTORS[dst], ACTORS[src], returnable=returnable))
    for when, node, what in strikes:
        if what == "close":
            script[node].setdefault(when, []).append(CloseServer())
    faults = [Signal(target=node, signal=what, at=at(when)) for when, node, what in strikes if what != "close"]
    config = {**TEN_S, "message_ack_every_n_messages": 3}
    plan = bare(faults=faults, config=config, quirks={"dead_client_cached_forever": is_cached}, horizon_s=40)

    _, records = run_script(plan, script)

    ends: dict[str, list[str]] = {}
    arrived: dict[tuple[str, str], list[int]] = {}
    for record in records:
        envelope = getattr(record.what, "envelope", record.what)
        if isinstance(envelope, Envelope) and isinstance(envelope.message, Work):
            ends.setdefault(envelope.message.text, []).append(type(record.what).__name__)
            if record.what is envelope:
                arrived.setdefault((envelope.sender, record.node), []).append(int(envelope.message.text))
    assert {tuple(each) for each in ends.values()} <= {
        ("Envelope",),
        ("Envelope", "MessageReturned"),
        ("MessageReturned", "Envelope"),
        ("MessageLost", "Envelope"),  # Nobody wanted it back when it was given up; its receiver took it later.
        # It was delivered; its return is on the way, or found a sender that is gone.
        ("Envelope", "InFlight"),
        ("Envelope", "MessageLost"),
        ("MessageReturned",),
        ("MessageLost",),
        ("InFlight",),
    }
    sent = {
        command.message.text
        for record in records
        if isinstance(record.what, TimerFired)
        for command in list(script[record.node].values())[int(record.what.key.removeprefix("line "))]
        if isinstance(command, Envelope) and isinstance(command.message, Work)
    }
    assert set(ends) == sent
    assert all(numbers == sorted(numbers) for numbers in arrived.values())
