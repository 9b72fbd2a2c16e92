"""What a relay does with updates for a port that it split (mesh_model.md 3.6, B.4, B.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.model.config import Config
from meshsim.model.ids import PortRef
from meshsim.model.messages import Ack, Number, RankStatus
from meshsim.model.messaging.reducers import STATUS_OVERLAY, reduced
from meshsim.model.messaging.split_port import TRANSITIONS, Passed, SplitMode, SplitPhase, split
from meshsim.model.status import RUNNING, STOPPED
from meshsim.units import MS

CONFIG = Config.of({})
DEFECTIVE = Config.of({}, ())
PORT = PortRef("unix:@client,local,client[0]", 1024)

A = RankStatus(((0, 1, RUNNING), (1, 2, STOPPED)))
#: Extends a status that is there already: the reference cannot merge it into `A`.
B = RankStatus(((0, 2, RUNNING),))
OVERLAP = "overlapping or unsorted runs: prev=0..2, next=1..2"


def port(reducer="sum_u64", *, once=False, max_interval_ns=0):
    return PortRef(PORT.actor, PORT.index, reducer=reducer, once=once, max_interval_ns=max_interval_ns)


def streaming(reducer="sum_u64", config=CONFIG, max_interval_ns=0):
    return split(port(reducer, max_interval_ns=max_interval_ns), 1, config)


def once(expected, reducer="sum_u64", config=CONFIG):
    return split(port(reducer, once=True), expected, config)


def ns(ms):
    return round(ms * MS)


def played(made, times_ms):
    """Update k at the k-th time; alarms when they are due.

    Returns the deadline after each update, and (time, what was forwarded), in milliseconds.
    """
    deadlines, forwarded = [], []

    def note(passed, now_ns):
        forwarded.extend((now_ns / MS, update.value) for update in passed.forward)
        return passed.deadline_ns

    deadline = None
    for number, time_ms in enumerate(times_ms):
        now_ns = ns(time_ms)
        if deadline is not None and deadline <= now_ns:
            deadline = note(made.on_alarm(deadline), deadline)
        deadline = note(made.on_update(Number(10**number), now_ns), now_ns)
        deadlines.append(None if deadline is None else deadline / MS)
    if deadline is not None:
        note(made.on_alarm(deadline), deadline)
    return deadlines, forwarded


# --- streaming ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times_ms", "deadlines_ms", "forwarded"),
    [
        ([0, 0.5, 1.0, 1.5, 100], [1.0, 2.0, 4.5, 9.0, 100.0], [(9.0, 1111), (100.0, 10000)]),
        ([0, 0.1, 0.2, 0.3, 0.4, 0.5], [1.0, 2.0, 4.1, 8.2, None, 16.5], [(0.4, 11111), (16.5, 100000)]),
    ],
    ids=["silence", "size"],
)
def test_the_worked_examples(times_ms, deadlines_ms, forwarded):
    """B.6. An alarm that is due at the same time as an update would fire before it; here none is."""
    assert played(streaming(), times_ms) == (deadlines_ms, forwarded)


def test_intervals_double_up_to_the_limit_and_never_start_again():
    made = streaming()
    at_ns, intervals_ms = 0, []

    for _ in range(9):
        deadline_ns = made.on_update(Number(1), at_ns).deadline_ns
        assert made.on_alarm(deadline_ns) == Passed((Number(1),))
        intervals_ms.append(made.interval_ns / MS)
        at_ns = deadline_ns

    assert intervals_ms == [2, 4, 8, 16, 32, 50, 50, 50, 50]


def test_a_port_may_have_a_limit_of_its_own():
    """Spawn and stop pass 50 ms; other ports leave it to HYPERACTOR_SPLIT_MAX_BUFFER_AGE."""
    config = Config.of({"SPLIT_MAX_BUFFER_AGE": 3 * MS})

    assert streaming(config=config).max_interval_ns == 3 * MS
    assert streaming(config=config, max_interval_ns=50 * MS).max_interval_ns == 50 * MS


def test_the_older_revision_begins_with_the_longest_interval():
    """mesh_model.md, appendix A: reducers had one option, the longest interval."""
    made = streaming(config=Config.of({}, revision="2025-11"))

    assert [made.on_update(Number(1), at_ns).deadline_ns for at_ns in (0, 1 * MS)] == [50 * MS, 50 * MS]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_enough_updates_do_not_wait(size):
    made = streaming(config=Config.of({"SPLIT_MAX_BUFFER_SIZE": size}))

    results = [made.on_update(Number(1), 0).forward for _ in range(2 * size)]

    assert results == 2 * [*(size - 1) * [()], (Number(size),)]


def test_an_alarm_that_was_moved_does_nothing():
    """A timer may fire although the alarm was set anew in the same instant, or nothing waits any more."""
    made = streaming()
    made.on_update(Number(1), 0)
    made.on_update(Number(1), ns(0.5))

    assert made.on_alarm(1 * MS) == Passed(deadline_ns=2 * MS)
    assert made.on_alarm(2 * MS) == Passed((Number(2),))
    assert made.on_alarm(2 * MS) == Passed()


def test_a_reduce_that_fails_at_the_size_limit_bounces_the_update_and_removes_the_port():
    """The other updates that waited are lost."""
    made = streaming(STATUS_OVERLAY, Config.of({"SPLIT_MAX_BUFFER_SIZE": 2}, ()))
    made.on_update(A, 0)

    assert made.on_update(B, 1) == Passed(removed=True, error=f"mailbox error: {OVERLAP}")
    assert (made.phase, made.buffer, made.deadline_ns) == (SplitPhase.REMOVED, [], None)


def test_a_reduce_that_fails_at_the_alarm_is_logged_and_the_updates_wait():
    """No alarm is set: without another update they wait for ever."""
    made = streaming(STATUS_OVERLAY, DEFECTIVE)
    made.on_update(A, 0)
    deadline_ns = made.on_update(B, 1).deadline_ns

    failed = made.on_alarm(deadline_ns)

    assert failed == Passed(warning=f"updates for {PORT.actor}[1024] cannot be reduced: {OVERLAP}")
    assert (made.phase, made.buffer, made.deadline_ns) == (SplitPhase.OPEN, [A, B], None)
    assert made.on_update(RankStatus(()), deadline_ns).deadline_ns is not None


def test_the_defect_is_a_switch():
    """Without it the same updates are reduced."""
    made = streaming(STATUS_OVERLAY)
    made.on_update(A, 0)

    assert made.on_alarm(made.on_update(B, 1).deadline_ns) == Passed((RankStatus(((0, 2, RUNNING),)),))


# --- once --------------------------------------------------------------------------------------------------


def test_a_once_port_waits_for_every_next_hop_and_forwards_one():
    """However late: no alarm, no size. A reply that is missing blocks the result for ever."""
    made = once(7)

    results = [made.on_update(Number(1), at_ns) for at_ns in range(7)]

    assert results == [*6 * [Passed()], Passed((Number(7),), removed=True)]
    assert made.phase is SplitPhase.REMOVED


def test_a_reduce_that_fails_on_a_once_port_bounces_the_update_and_removes_the_port():
    made = once(3, STATUS_OVERLAY, DEFECTIVE)
    made.on_update(A, 0)

    assert made.on_update(B, 1) == Passed(removed=True, error=f"mailbox error: {OVERLAP}")
    assert (made.phase, made.buffer) == (SplitPhase.REMOVED, [])


def test_without_error_removes_port_only_the_update_goes_back():
    """What waited still waits, with an alarm; a once port goes on without that answer."""
    off = Config.of({"SPLIT_MAX_BUFFER_SIZE": 2}, ("error_removes_port",))
    made, single = streaming(STATUS_OVERLAY, off), once(2, STATUS_OVERLAY, off)
    made.on_update(A, 0)
    single.on_update(A, 0)

    refused = made.on_update(B, 1)

    assert refused == Passed(error=f"mailbox error: {OVERLAP}", deadline_ns=1 + 2 * MS)
    assert made.on_alarm(refused.deadline_ns) == Passed((A,))
    assert single.on_update(B, 1) == Passed(error=f"mailbox error: {OVERLAP}")
    assert single.on_update(RankStatus(()), 2) == Passed((A,), removed=True)


def test_a_removed_port_takes_nothing():
    """Updates to it bounce before they get here."""
    made = once(1)
    made.on_update(Number(1), 0)

    with pytest.raises(AssertionError, match="bounce"):
        made.on_update(Number(1), 1)


# --- which mode --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reducer", "is_once", "mode"),
    [
        ("", False, SplitMode.RELAY),
        ("nobody_registered_this", False, SplitMode.RELAY),
        ("nobody_registered_this", True, SplitMode.RELAY),
        (STATUS_OVERLAY, False, SplitMode.STREAMING),
        ("max_i64", True, SplitMode.ONCE),
    ],
)
def test_the_port_decides_what_the_relay_does(reducer, is_once, mode):
    assert split(port(reducer, once=is_once), 1, CONFIG).mode is mode


def test_a_once_port_without_a_reducer_is_passed_on_as_it_is():
    assert split(port("", once=True), 4, CONFIG) is None


def test_a_relay_passes_everything_on_at_once():
    made = streaming("")

    assert [made.on_update(update, 0) for update in (Ack(), A)] == [Passed((Ack(),)), Passed((A,))]
    assert made.phase is SplitPhase.OPEN


def test_a_removed_port_stays_removed():
    assert TRANSITIONS[SplitPhase.REMOVED] == frozenset()


# --- whatever happens ---------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from([0, 1, 10, 500, 3000, 90000]), st.integers(0, 9)), max_size=30))
def test_nothing_is_lost_and_order_is_kept(steps):
    """Concatenated, what goes on is what came in; overlays show it, as they say who was last."""
    made = streaming(STATUS_OVERLAY)
    now_ns, deadline, sent, forwarded = 0, None, [], []
    for after_us, rank in steps:
        now_ns += after_us * 1000
        if deadline is not None and deadline <= now_ns:
            passed = made.on_alarm(deadline)
            forwarded += passed.forward
            deadline = passed.deadline_ns
        update = RankStatus(((rank, rank + 1, STOPPED if len(sent) % 2 else RUNNING),))
        sent.append(update)
        passed = made.on_update(update, now_ns)
        forwarded += passed.forward
        deadline = passed.deadline_ns
        assert deadline is None or deadline >= now_ns
        assert deadline is None or deadline <= now_ns + made.max_interval_ns
        assert (deadline is None) == (made.buffer == [])
    forwarded += made.on_alarm(deadline).forward if deadline is not None else ()

    assert len(forwarded) <= len(sent)
    assert made.buffer == []
    if sent:
        assert reduced(STATUS_OVERLAY, forwarded) == reduced(STATUS_OVERLAY, sent)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20))
def test_a_once_port_forwards_what_a_fold_makes(numbers):
    made = once(len(numbers))

    results = [made.on_update(Number(number), 0) for number in numbers]

    assert results[-1].forward == (Number(sum(numbers)),)
    assert all(result == Passed() for result in results[:-1])
