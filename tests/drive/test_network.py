"""How long messages take, which are lost, and when a channel gives up for good."""

from __future__ import annotations

import re
from itertools import pairwise
from random import Random

import pytest
from small_worlds import (
    HOST0,
    HOST1,
    INSTANT,
    NOT_ACKNOWLEDGED,
    NOT_DELIVERED,
    SPAWN,
    TEN_S,
    at,
    bare,
    found,
    returned,
    run_script,
    times,
    to_proc,
    work,
)

from meshsim.drive.network import Network
from meshsim.drive.undelivered import CARRIER_GONE, RECEIVER_GONE
from meshsim.faults.kinds import HostCrash, Resume, Signal, Stall
from meshsim.model.ids import ActorId, Node
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.messaging.channel import closed_error
from meshsim.scenario import schema
from meshsim.scenario.schema import Link
from meshsim.scenario.streams import stream
from meshsim.trace.records import InFlight, MessageLost, MessageReturned, ProcessStarted
from meshsim.units import MS, Duration

A, B, C = Node("host0"), Node("host1"), Node("client")


def network(seed: int = 0, **keys: object) -> Network:
    return Network(bare(seed=seed, network=schema.Network(**keys)))  # type: ignore[arg-type]


# --- latency, jitter, loss -----------------------------------------------------------------------------------


def test_links_have_the_networks_latency_unless_they_have_their_own() -> None:
    """Later entries win, key by key; `*` is any process; the way back is a link of its own."""
    plain = network(latency=Duration(3 * MS))
    linked = network(
        latency=Duration(3 * MS),
        links=[
            Link(src="host0", latency=Duration(10 * MS)),
            Link(src="host0", dst="host1", latency=Duration(20 * MS)),
            Link(dst="client", jitter=Duration(0)),
        ],
    )

    assert [plain.arrival(A, B, 5 * MS), plain.uniform_ns] == [8 * MS, 3 * MS]
    assert [linked.arrival(*link, 0) for link in ((A, B), (A, C), (B, A), (B, C))] == [20 * MS, 10 * MS, 3 * MS, 3 * MS]
    assert linked.uniform_ns is None


def test_jitter_is_drawn_from_the_links_own_stream_and_keeps_order() -> None:
    """What one link draws does not depend on what others send; a message never overtakes an earlier one."""
    alone, crowded = (network(seed=7, jitter=Duration(5 * MS)) for _ in range(2))
    draws: Random = stream(7, "link", A, B)

    arrivals = [alone.arrival(A, B, index * MS) for index in range(50)]
    among_others = [(crowded.arrival(B, A, 0), crowded.arrival(A, B, index * MS))[1] for index in range(50)]

    expected, last = [], 0
    for index in range(50):
        last = max(last, index * MS + 1 * MS + draws.randrange(5 * MS + 1))
        expected.append(last)
    assert arrivals == among_others == expected
    assert any(before == after for before, after in pairwise(expected)), "nothing had to be held back"


def test_loss_is_drawn_for_each_message_of_the_link() -> None:
    """Nothing is lost at 0, everything at 1, and about the share in between; other links lose nothing."""
    lossy = network(links=[Link(src="host0", loss=0.3), Link(src="host1", loss=1.0)])

    lost = sum(lossy.arrival(A, B, 0) is None for _ in range(1000))

    assert 250 < lost < 350
    assert {lossy.arrival(B, A, 0) for _ in range(20)} == {None}
    assert {lossy.arrival(C, A, 0) for _ in range(20)} == {1 * MS}


def test_a_lost_message_is_in_the_trace_and_does_not_come_back() -> None:
    """The network says nothing to the sender: only the trace knows."""
    plan = bare(network=schema.Network(links=[Link(src="host0", dst="host1", loss=1.0)]), config=TEN_S)

    backend, records = run_script(plan, {"host0": {1: [work("gone", HOST1)]}})

    assert backend.taken == []
    assert found(records, MessageLost, "host1") == [MessageLost(work("gone", HOST1), "the network lost it")]


def test_a_message_takes_its_latency_and_is_caused_by_the_step_that_sent_it() -> None:
    backend, records = run_script(bare(), {"host0": {1: [work("a", HOST1), work("b", HOST1)]}})

    assert backend.texts("host1") == [(1.001, "a"), (1.001, "b")]
    deliveries = [record for record in records if isinstance(record.what, Envelope)]
    assert {(records[record.cause].node, records[record.cause].at) for record in deliveries} == {("host0", at(1))}


# --- receivers that are gone -----------------------------------------------------------------------------------


def test_an_address_that_nobody_serves_is_dialled_all_the_same() -> None:
    """It stands in the id of the receiver: attempts go on until the time-out, and then the channel is closed."""
    nobody = ActorId("unix:@host9,service,host_agent[0]")
    script = {"host0": {1: [work("a", nobody), work("b", nobody, returnable=False)], 30: [work("c", nobody)]}}

    _, records = run_script(bare(config=TEN_S), script)

    assert returned(records) == [(11.023, "a"), (30.0, "c")]
    errors = [each.errors[0] for each in found(records, MessageReturned)]
    assert NOT_DELIVERED.fullmatch(errors[0].replace("host9", "host1"))
    assert errors[1] == closed_error(None)
    assert found(records, MessageLost) == [MessageLost(work("b", nobody, returnable=False), RECEIVER_GONE)]


def test_messages_to_a_dead_process_come_back_after_the_delivery_timeout() -> None:
    """D after the oldest was sent everything comes back, in sending order; the later ones did not wait as long."""
    plan = bare(faults=[HostCrash(target="host1", at=at(1))], config=TEN_S)

    backend, records = run_script(plan, {"host0": {2: [work("a", HOST1)], 7: [work("b", HOST1), work("c", HOST1)]}})

    assert returned(records) == [(12.023, "a"), (12.023, "b"), (12.023, "c")]
    assert all(NOT_DELIVERED.fullmatch(bounce.errors[0]) for bounce in found(records, MessageReturned))
    assert [(when, node, type(event.message)) for when, node, event in backend.taken] == [
        (12.023, A, Undeliverable)
    ] * 3


def test_a_closed_channel_gives_everything_back_at_once_for_ever() -> None:
    """It is not tried again; the channels of others are their own."""
    plan = bare(faults=[HostCrash(target="host1", at=at(1))], config=TEN_S)
    script = {"host0": {2: [work("a", HOST1)], 20: [work("b", HOST1)]}, "client": {20: [work("other", HOST1)]}}

    _, records = run_script(plan, script)

    assert returned(records) == [(12.023, "a"), (20.0, "b"), (30.023, "other")]
    assert found(records, MessageReturned)[1].errors == (closed_error(None),)


def test_what_nobody_wants_back_is_lost_on_arrival_at_a_dead_process() -> None:
    plan = bare(faults=[HostCrash(target="host1", at=at(1))], config=TEN_S)
    message = work("a", HOST1, returnable=False)

    _, records = run_script(plan, {"host0": {2: [message]}})

    assert (times(records, MessageLost), found(records, MessageLost)) == (
        [2.001],
        [MessageLost(message, RECEIVER_GONE)],
    )


def test_nothing_comes_back_to_a_sender_that_died_meanwhile() -> None:
    """Its client died with it: the trace calls the message lost."""
    plan = bare(faults=[HostCrash(target="host1", at=at(1)), HostCrash(target="host0", at=at(5))], config=TEN_S)

    backend, records = run_script(plan, {"host0": {2: [work("a", HOST1)]}})

    assert (returned(records), backend.taken) == ([], [])
    assert [lost.why for lost in found(records, MessageLost)] == [CARRIER_GONE]


# --- receivers that are stalled --------------------------------------------------------------------------------


def test_a_stalled_process_takes_its_messages_when_it_goes_on() -> None:
    """In sending order, acknowledged in time: the channel is as good as before."""
    plan = bare(faults=[Stall(target="host1", at=at(1), for_=at(5))], config=TEN_S)
    script = {"host0": {2: [work("a", HOST1)], 3: [work("b", HOST1)], 20: [work("c", HOST1)]}}

    backend, records = run_script(plan, script)

    assert backend.texts("host1") == [(6.0, "a"), (6.0, "b"), (20.001, "c")]
    assert returned(records) == []


def test_what_waited_is_taken_before_what_arrives_at_the_same_instant() -> None:
    """The stall ends just as another message arrives: it may not overtake those that waited."""
    network = schema.Network(latency=at(1))
    plan = bare(faults=[Stall(target="host1", at=at(1), for_=at(5))], network=network)
    script = {"host0": {1: [work("a", HOST1)], 3: [work("b", HOST1)], 5: [work("c", HOST1)], 5.5: [work("d", HOST1)]}}

    backend, _ = run_script(plan, script)

    assert backend.texts("host1") == [(6.0, "a"), (6.0, "b"), (6.0, "c"), (6.5, "d")]


def test_a_stall_beyond_the_timeout_closes_the_channel_but_loses_nothing_written() -> None:
    """The sender is told that there was no acknowledgement; the receiver takes the message all the same."""
    plan = bare(faults=[Stall(target="host1", at=at(1), for_=at(20))], config=TEN_S)

    backend, records = run_script(plan, {"host0": {2: [work("a", HOST1)], 30: [work("b", HOST1)]}})

    assert returned(records) == [(12.0, "a"), (30.0, "b")]
    assert NOT_ACKNOWLEDGED.fullmatch(found(records, MessageReturned)[0].errors[0])
    assert backend.texts("host1") == [(21.0, "a")]


def test_a_process_that_dies_while_stalled_gives_each_message_back_once() -> None:
    """Killed in its stall: what waited for it comes back D after the first was sent, one each."""
    faults = [Stall(target="host1", at=at(1)), Signal(target="host1", signal="SIGKILL", at=at(4))]
    script = {"host0": {2: [work("a", HOST1)], 3: [work("b", HOST1), work("c", HOST1, returnable=False)]}}

    _, records = run_script(bare(faults=faults, config=TEN_S), script)

    assert returned(records) == [(12.023, "a"), (12.023, "b")]
    assert [(lost.envelope, lost.why) for lost in found(records, MessageLost)] == [
        (work("c", HOST1, returnable=False), RECEIVER_GONE)
    ]


def test_a_process_that_dies_after_a_long_stall_gives_nothing_back_again() -> None:
    """The channel gave up during the stall; the death adds nothing."""
    faults = [Stall(target="host1", at=at(1)), Signal(target="host1", signal="SIGKILL", at=at(40))]

    _, records = run_script(bare(faults=faults, config=TEN_S), {"host0": {2: [work("a", HOST1)]}})

    assert returned(records) == [(12.0, "a")]


def test_a_second_stall_starts_a_second_wait() -> None:
    """Acknowledged at the end of the first stall, so the timeout counts from the second message."""
    faults = [Stall(target="host1", at=at(1), for_=at(8)), Stall(target="host1", at=at(10))]

    _, records = run_script(
        bare(faults=faults, config=TEN_S), {"host0": {2: [work("a", HOST1)], 11: [work("b", HOST1)]}}
    )

    assert returned(records) == [(21.0, "b")]


def test_a_stalled_sender_learns_of_it_when_it_goes_on() -> None:
    """Its own client runs in the stopped process."""
    faults = [HostCrash(target="host1", at=at(1)), Stall(target="host0", at=at(3), for_=at(50))]

    _, records = run_script(bare(faults=faults, config=TEN_S), {"host0": {2: [work("a", HOST1)]}})

    assert returned(records) == [(53.0, "a")]


# --- procs behind the front end of their host -------------------------------------------------------------------


def test_messages_to_a_proc_wait_for_its_stalled_host() -> None:
    """The host's process is the front end of its procs: nothing passes while it is stopped."""
    plan = bare(faults=[Stall(target="host1", at=at(1), for_=at(5))], network=INSTANT, config=TEN_S)

    backend, records = run_script(plan, {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}})

    assert backend.texts("host1/p") == [(6.0, "a")]
    assert returned(records) == []


def test_messages_to_a_proc_of_a_dead_host_come_back_though_the_proc_lives() -> None:
    """An orphan without parent-death signal runs on behind a front end that is gone."""
    plan = bare(faults=[HostCrash(target="host1", at=at(1))], network=INSTANT, config=TEN_S)

    backend, records = run_script(plan, {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}})

    assert backend.texts("host1/p") == []
    assert returned(records) == [(12.023, "a")]
    assert NOT_DELIVERED.fullmatch(found(records, MessageReturned)[0].errors[0])
    assert found(records, ProcessStarted, "host1/p") == [ProcessStarted("proc", "host1", SPAWN.name, pdeathsig=False)]


def test_a_stalled_proc_behind_a_running_host_does_not_acknowledge() -> None:
    """The host has the message and waits for its proc; then it gives it back, as a mailbox server does."""
    plan = bare(faults=[Stall(target="host1/p", at=at(1))], network=INSTANT, config=TEN_S)

    _, records = run_script(plan, {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}})

    error, on_the_way = found(records, MessageReturned)[0].errors
    assert re.fullmatch(
        r".*session unix:@host1/p\.[0-9a-f]{16}: failed to receive ack within timeout 10s; "
        r'link is currently connected"\)',
        error,
    )
    assert on_the_way == "broken link: message was undeliverable"


def test_a_channel_to_a_host_that_is_gone_is_closed_for_its_procs_too() -> None:
    """One client for each address: what was learnt with a message to the host holds for its procs."""
    plan = bare(faults=[HostCrash(target="host1", at=at(1))], config=TEN_S)
    script = {"host1": {0.5: [SPAWN]}, "client": {2: [work("a", HOST1)], 20: [to_proc("b")]}}

    _, records = run_script(plan, script)

    assert returned(records) == [(12.023, "a"), (20.0, "b")]
    assert found(records, MessageReturned)[1].errors == (closed_error(None),)


def test_a_host_gives_back_at_once_what_its_closed_link_cannot_carry() -> None:
    """The link from host to proc is one for all senders: after it gave up for one, another need not wait."""
    faults = [Signal(target="host1/p", signal="SIGKILL", at=at(1))]
    script = {
        "host1": {0.5: [SPAWN]},
        "client": {2: [to_proc("a")]},
        "host0": {20: [to_proc("b")]},
    }

    _, records = run_script(bare(faults=faults, network=INSTANT, config=TEN_S), script)

    assert returned(records) == [(12.023, "a"), (20.0, "b")]
    assert found(records, MessageReturned)[1].errors == (closed_error(None), "broken link: message was undeliverable")


def test_a_host_that_dies_takes_along_what_it_could_not_pass_on() -> None:
    """It had acknowledged the message to its sender, so nobody is left to give it back: some bounces never come."""
    faults = [Signal(target="host1/p", signal="SIGKILL", at=at(1)), HostCrash(target="host1", at=at(5))]
    script = {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}}

    _, records = run_script(bare(faults=faults, network=INSTANT, config=TEN_S), script)

    assert returned(records) == []
    assert [lost.why for lost in found(records, MessageLost)] == [CARRIER_GONE]


def test_a_host_that_goes_on_does_not_speak_for_a_proc_that_is_still_stalled() -> None:
    """The message passes the host at 4 and waits there for the proc; when that dies, it comes back as any other."""
    faults = [
        Stall(target="host1/p", at=at(1)),
        Stall(target="host1", at=at(1), for_=at(3)),
        Signal(target="host1/p", signal="SIGKILL", at=at(6)),
    ]

    backend, records = run_script(
        bare(faults=faults, network=INSTANT, config=TEN_S),
        {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}},
    )

    assert backend.texts("host1/p") == []
    assert returned(records) == [(14.023, "a")]


@pytest.mark.parametrize("order", ["host first", "proc first"])
def test_host_and_proc_both_have_to_go_on(order: str) -> None:
    """Whoever goes on first: the message is taken when both run, once."""
    first, second = ("host1", "host1/p") if order == "host first" else ("host1/p", "host1")
    faults = [
        Stall(target="host1", at=at(1)),
        Stall(target="host1/p", at=at(1)),
        Resume(target=first, at=at(3)),
        Resume(target=second, at=at(5)),
    ]

    backend, records = run_script(
        bare(faults=faults, network=INSTANT, config=TEN_S),
        {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}},
    )

    assert backend.texts("host1/p") == [(5.0, "a")]
    assert returned(records) == []


# --- the end of a run --------------------------------------------------------------------------------------------


def test_every_message_is_accounted_for_at_the_end() -> None:
    """On the wire, waiting for a stalled process, waiting for a dead one: all are in flight, each once."""
    faults = [HostCrash(target="host1", at=at(1)), Stall(target="client", at=at(1))]
    client = ActorId("unix:@client,local,client[0]")
    script = {"host0": {8: [work("dead", HOST1), work("stalled", client)], 9.9995: [work("wire", HOST0)]}}

    _, records = run_script(bare(faults=faults, horizon_s=10), script)

    in_flight = [
        (r.node, getattr(r.what.envelope.message, "text", "")) for r in records if isinstance(r.what, InFlight)
    ]
    assert sorted(in_flight) == [("client", "stalled"), ("host0", "wire"), ("host1", "dead")]
