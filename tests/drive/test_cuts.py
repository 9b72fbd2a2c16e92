"""Cuts of the network: messages wait in their channels, and arrive once, in order, or come back (mesh_model.md 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from small_worlds import (
    HOST0,
    HOST1,
    INSTANT,
    NOT_ACKNOWLEDGED,
    NOT_DELIVERED,
    SPAWN,
    TEN_S,
    WITHOUT_LINK,
    at,
    bare,
    found,
    returned,
    run_script,
    times,
    to_proc,
    work,
)

from meshsim.drive.undelivered import LOST
from meshsim.faults.kinds import (
    DeliveryTimeout,
    Duplication,
    Fault,
    HostCrash,
    Latency,
    Loss,
    Partition,
    Reordering,
    Signal,
    Stall,
    When,
)
from meshsim.model.commands import CloseServer
from meshsim.model.messages import Envelope
from meshsim.scenario.plan import Plan
from meshsim.trace.records import FaultEnded, FaultMissed, FaultStruck, InFlight, MessageLost, MessageReturned, Record

#: A message before the fault, so that there is a connection.
HELLO = {0.5: [work("hello", HOST1)]}


def struck(*faults: Fault, **keys: object) -> Plan:
    return bare(faults=faults, config=TEN_S, **keys)  # type: ignore[arg-type]


def cut(start: float, end: float, **fields: object) -> Partition:
    return Partition(target="host1", at=at(start), for_=at(end - start), **fields)  # type: ignore[arg-type]


def errors(records: Sequence[Record]) -> list[str]:
    return [each.errors[0] for each in found(records, MessageReturned)]


def test_what_was_sent_during_a_cut_arrives_when_it_is_over_once_and_in_order() -> None:
    """A connection outlives it: nothing has to be dialled, and later messages do not overtake."""
    script = {"host0": {**HELLO, 2: [work("a", HOST1)], 3: [work("b", HOST1)], 6: [work("c", HOST1)]}}

    backend, records = run_script(struck(cut(1, 6)), script)

    assert backend.texts("host1") == [(0.501, "hello"), (6.001, "a"), (6.001, "b"), (6.001, "c")]
    assert returned(records) == []
    assert found(records, FaultStruck) == [FaultStruck(0, "partition", "host1 <-> *", "for 5s")]
    assert times(records, FaultEnded) == [6]
    assert found(records, FaultEnded) == [FaultEnded(0, "partition", "host1 <-> *")]


def test_what_is_on_its_way_when_a_cut_begins_arrives() -> None:
    script = {"host0": {0.9995: [work("a", HOST1)]}}

    backend, _ = run_script(struck(cut(1, 90)), script)

    assert backend.texts("host1") == [(1.0005, "a")]


def test_a_cut_beyond_the_timeout_gives_back_what_was_written() -> None:
    """D after the oldest; the channel is closed for good, so what comes later comes back at once."""
    script = {"host0": {**HELLO, 2: [work("a", HOST1)], 3: [work("b", HOST1)], 40: [work("c", HOST1)]}}

    backend, records = run_script(struck(cut(1, 30)), script)

    assert backend.texts("host1") == [(0.501, "hello")]
    assert returned(records) == [(10.5, "hello"), (10.5, "a"), (10.5, "b"), (40, "c")]
    assert NOT_ACKNOWLEDGED.fullmatch(errors(records)[0])


def test_what_was_acknowledged_before_the_cut_does_not_come_back() -> None:
    """Acknowledgements take half a second; half a second later nothing of `hello` is missing."""
    script = {"host0": {0.1: [work("hello", HOST1)], 2: [work("a", HOST1)]}}

    _, records = run_script(struck(cut(1, 30)), script)

    assert returned(records) == [(12, "a")]


def test_who_has_no_connection_dials_until_both_ways_are_free() -> None:
    """With the usual pauses: attempts at 2 s and 1, 3, 7, … 1023 ms later, then every second."""
    script = {"host0": {2: [work("a", HOST1)], 2.5: [work("b", HOST1)]}}
    one_way = cut(1, 6.5, one_way=True)

    for partition in (cut(1, 6.5), one_way):
        backend, records = run_script(struck(partition), script)

        assert backend.texts("host1") == [(7.024, "a"), (7.024, "b")]
        assert returned(records) == []


def test_who_dials_in_vain_for_too_long_is_given_back() -> None:
    _, records = run_script(struck(cut(1, 30)), {"host0": {2: [work("a", HOST1)]}})

    assert returned(records) == [(12.023, "a")]
    assert NOT_DELIVERED.fullmatch(errors(records)[0])


def test_one_way_what_is_sent_arrives_and_comes_back_all_the_same() -> None:
    """Its acknowledgement has no way: delivered, and returned D later (mesh_model.md 3.3)."""
    script = {"host0": {**HELLO, 2: [work("a", HOST1)]}, "host1": {3: [work("answer", HOST0, HOST1)]}}

    backend, records = run_script(struck(cut(1, 30, one_way=True)), script)

    assert backend.texts("host1") == [(0.501, "hello"), (2.001, "a")]
    assert backend.texts("host0") == []
    assert returned(records) == [(10.5, "hello"), (10.5, "a"), (13.023, "answer")]


def test_acknowledgements_that_come_late_are_in_time() -> None:
    """The way back is free again before D: nothing comes back, and the channel is as good as before."""
    script = {"host0": {**HELLO, 2: [work("a", HOST1)], 20: [work("b", HOST1)]}}

    backend, records = run_script(struck(cut(1, 9, one_way=True)), script)

    assert backend.texts("host1") == [(0.501, "hello"), (2.001, "a"), (20.001, "b")]
    assert returned(records) == []


def test_a_side_that_is_not_there_is_missed_and_nothing_ends() -> None:
    """A run without its fault says nothing: the judge has to know."""
    fault = Partition(target="host0", to=["workers[0]"], at=at(1), for_=at(1))

    backend, records = run_script(struck(fault), {"host0": {1.5: [work("a", HOST1)]}})

    why = "workers[0] does not exist, or not yet"
    assert found(records, FaultMissed) == [FaultMissed(0, "partition", "host0", why)]
    assert (found(records, FaultEnded), backend.texts("host1")) == ([], [(1.501, "a")])


def test_a_cut_that_a_record_triggers_lasts_from_then() -> None:
    when = When(record="message", where={"node": "host1"}, after=at(1))
    fault = Partition(target="host1", when=when, for_=at(3))

    backend, records = run_script(struck(fault), {"host0": {**HELLO, 2: [work("a", HOST1)]}})

    assert (times(records, FaultStruck), times(records, FaultEnded)) == ([1.501], [4.501])
    assert backend.texts("host1") == [(0.501, "hello"), (4.502, "a")]


def test_acknowledgements_that_never_were_sent_do_not_arrive() -> None:
    """The way back is free again, but the receiver dies before its acknowledgement is due."""
    faults = [cut(1, 3, one_way=True), HostCrash(target="host1", at=at(3.2))]
    script = {"host0": {0.1: [work("hello", HOST1)], 2.9: [work("a", HOST1)]}}

    backend, records = run_script(struck(*faults), script)

    assert backend.texts("host1") == [(0.101, "hello"), (2.901, "a")]
    assert [text for _, text in returned(records)] == ["a"]
    assert WITHOUT_LINK.fullmatch(errors(records)[0])


def test_nobody_behind_a_cut_is_told_that_a_server_closes() -> None:
    """What waited goes out when the cut is over, and finds nobody."""
    script = {"host0": {0.1: [work("hello", HOST1)], 3: [work("a", HOST1)]}, "host1": {2: [CloseServer()]}}

    backend, records = run_script(struck(cut(1, 4)), script)

    assert backend.texts("host1") == [(0.101, "hello")]
    assert [text for _, text in returned(records)] == ["a"]
    assert NOT_DELIVERED.fullmatch(errors(records)[0])


@pytest.mark.parametrize(("end", "back"), [(15, [(15, "a")]), (40, [])])
def test_what_comes_back_waits_for_its_way_as_well(end: float, back: list[tuple[float, str]]) -> None:
    """Its proc is dead, and the host gives the message back; for as long as it waits for anything, then it is lost."""
    faults = [Signal(target="host1/p", signal="SIGKILL", at=at(1)), cut(11, end, to=["client"], one_way=True)]
    script = {"host1": {0.5: [SPAWN]}, "client": {2: [to_proc("a")]}}

    _, records = run_script(struck(*faults, network=INSTANT), script)

    assert returned(records) == back
    assert times(records, MessageLost) == ([] if back else [22.023])


def test_two_cuts_at_once_end_with_the_later_one() -> None:
    faults = [cut(1, 5), Partition(target="host0", to=["host1"], at=at(2), for_=at(6))]

    backend, records = run_script(struck(*faults), {"host0": {**HELLO, 3: [work("a", HOST1)]}})

    assert backend.texts("host1")[1:] == [(8.001, "a")]
    assert times(records, FaultEnded) == [5, 8]


def test_others_talk_on() -> None:
    script = {"host0": {2: [work("a", HOST0.replace("host0", "client"))]}, "client": {2: [work("b", HOST0)]}}

    backend, _ = run_script(struck(cut(1, 30)), script)

    assert backend.texts("host0") == [(2.001, "b")]


def test_a_proc_may_be_cut_from_its_own_host() -> None:
    """The host has taken the message: it is in the second channel of its way."""
    script = {"host1": {0.5: [SPAWN]}, "client": {0.7: [to_proc("early")], 2: [to_proc("a")]}}
    fault = Partition(target="host1/p", to=["host1"], at=at(1), for_=at(5))

    backend, records = run_script(struck(fault, network=INSTANT), script)

    assert backend.texts("host1/p") == [(0.7, "early"), (6, "a")]
    assert returned(records) == []


def test_a_host_that_is_cut_from_its_proc_for_too_long_gives_up_on_it() -> None:
    script = {"host1": {0.5: [SPAWN]}, "client": {0.6: [to_proc("early")], 2: [to_proc("a")], 40: [to_proc("b")]}}
    fault = Partition(target="host1/p", to=["host1"], at=at(1.5), for_=at(20))

    backend, records = run_script(struck(fault, network=INSTANT), script)

    assert backend.texts("host1/p") == [(0.6, "early")]
    assert returned(records) == [(12, "a"), (40, "b")]


def test_who_dies_behind_a_cut_gives_nothing_twice() -> None:
    """Its channels break at once, and give back what waits at their first attempt after D."""
    faults = [cut(1, 6), HostCrash(target="host1", at=at(4))]
    script = {"host0": {**HELLO, 2: [work("a", HOST1)], 3: [work("silent", HOST1, returnable=False)]}}

    backend, records = run_script(struck(*faults), script)

    assert backend.texts("host1") == [(0.501, "hello")]
    assert [text for _, text in returned(records)] == ["hello", "a"]
    assert [each.envelope.message.text for each in found(records, MessageLost)] == ["silent"]


def test_who_is_stopped_behind_a_cut_takes_its_messages_when_both_are_over() -> None:
    faults = [cut(1, 4), Stall(target="host1", at=at(2), for_=at(5))]

    backend, records = run_script(struck(*faults), {"host0": {**HELLO, 3: [work("a", HOST1)]}})

    assert backend.texts("host1")[1:] == [(7, "a")]
    assert returned(records) == []


def test_what_waits_at_the_end_of_the_run_is_in_flight() -> None:
    plan = struck(cut(1, 90), horizon_s=5)

    _, records = run_script(plan, {"host0": {**HELLO, 2: [work("a", HOST1)]}})

    assert found(records, InFlight) == [InFlight(work("a", HOST1))]


# --- messages that are never acknowledged ----------------------------------------------------------------------


@pytest.mark.parametrize("hello", [True, False])
def test_a_delivery_timeout_gives_back_what_was_written(hello: bool) -> None:
    """Connected or not before: nothing passes the other way in vain, so there is a connection."""
    fault = DeliveryTimeout(target="host0", to=["host1"], at=at(1))
    script = {"host0": {**(HELLO if hello else {}), 2: [work("a", HOST1)]}}

    _, records = run_script(struck(fault), script)

    assert returned(records) == [(12, "a")]
    assert NOT_ACKNOWLEDGED.fullmatch(errors(records)[0])


def test_it_may_be_about_one_kind_of_message() -> None:
    fault = DeliveryTimeout(target="host0", to=["host1"], at=at(1), message="get_state")

    backend, records = run_script(struck(fault), {"host0": {2: [work("a", HOST1)]}})

    assert backend.texts("host1") == [(2.001, "a")]
    assert returned(records) == []


# --- messages that pass ----------------------------------------------------------------------------------------


def test_order_is_kept_when_a_delay_ends() -> None:
    """What was slow is not overtaken by what is sent after it."""
    fault = Latency(target="host0", at=at(1), for_=at(1), by=at(5))
    script = {"host0": {1.5: [work("slow", HOST1)], 2.5: [work("fast", HOST1)], 8: [work("later", HOST1)]}}

    backend, _ = run_script(struck(fault), script)

    assert backend.texts("host1") == [(6.501, "slow"), (6.501, "fast"), (8.001, "later")]


def test_only_what_is_reordered_is_overtaken() -> None:
    fault = Reordering(target="host0", at=at(1), for_=at(1), window=at(5))
    script = {"host0": {1.5: [work("slow", HOST1)], 2.5: [work("fast", HOST1)]}}

    backend, _ = run_script(struck(fault), script)

    assert [text for _, text in backend.texts("host1")] == ["fast", "slow"]


@pytest.mark.parametrize(("layer", "count"), [("message", 3), ("frame", 1)])
def test_copies_below_the_session_are_dropped(layer: str, count: int) -> None:
    """A session has seen the number (3.3); nobody else looks, unless it puts messages in their order (3.7)."""
    fault = Duplication(target="host0", at=at(1), times=2, apart=at(1), layer=layer)  # type: ignore[arg-type]

    backend, _ = run_script(struck(fault), {"host0": {2: [work("a", HOST1)]}})

    assert backend.texts("host1") == [(2.001, "a"), (3.001, "a"), (4.001, "a")][:count]


def test_a_loss_is_in_the_trace_and_nobody_is_told() -> None:
    fault = Loss(target="host0", to=["host1"], one_way=True, at=at(1), for_=at(2))
    script = {
        "host0": {2: [work("a", HOST1)], 4: [work("b", HOST1)]},
        "host1": {2: [work("c", HOST0, HOST1)]},
    }

    backend, records = run_script(struck(fault), script)

    assert (backend.texts("host1"), backend.texts("host0")) == ([(4.001, "b")], [(2.001, "c")])
    assert found(records, MessageLost) == [MessageLost(work("a", HOST1), LOST)]
    assert [record.what for record in records if isinstance(record.what, Envelope)] == [
        work("c", HOST0, HOST1),
        work("b", HOST1),
    ]
