"""Messages that come back although they were delivered, channels that closed for good, and routes that are too long."""

from __future__ import annotations

import re

import msgspec
import pytest
from small_worlds import (
    CLIENT,
    HOST1,
    INSTANT,
    NOT_ACKNOWLEDGED,
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

from meshsim.faults.kinds import HostCrash, Signal, Stall
from meshsim.model.channel import closed_error
from meshsim.model.messages import Envelope
from meshsim.model.notes import Bounced
from meshsim.scenario import schema
from meshsim.trace.records import MessageLost, MessageReturned
from meshsim.units import Duration

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
