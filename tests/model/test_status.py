import msgspec
import pytest

from meshsim.model.status import (
    INITIALIZING,
    NOT_EXIST,
    RUNNING,
    STOPPED,
    STOPPING,
    UNKNOWN,
    MeshState,
    State,
    StatusKind,
    failed,
    inverted,
    timeout,
)
from meshsim.units import MS, S


@pytest.mark.parametrize(
    ("status", "text", "is_terminating", "is_failure", "is_healthy"),
    [
        (NOT_EXIST, "NotExist", False, False, False),
        (INITIALIZING, "Initializing", False, False, True),
        (RUNNING, "Running", False, False, True),
        (STOPPING, "Stopping", True, False, False),
        (STOPPED, "Stopped", True, False, False),
        (failed("oom"), "Failed(oom)", True, True, False),
        (timeout(1_002 * MS), "Timeout(1.002s)", True, True, False),
        (UNKNOWN, "Unknown", False, False, False),
    ],
)
def test_every_status_has_the_predicates_and_text_of_the_table(status, text, is_terminating, is_failure, is_healthy):
    """supervision.md 2.1, row by row; Stopping counts as terminating (Q1)."""
    assert (str(status), status.is_terminating, status.is_failure, status.is_healthy) == (
        text,
        is_terminating,
        is_failure,
        is_healthy,
    )


def test_kinds_are_declared_in_the_order_they_sort_in():
    """The derived ordering of the modelled system."""
    assert [kind.value for kind in StatusKind] == [
        "NotExist",
        "Initializing",
        "Running",
        "Stopping",
        "Stopped",
        "Failed",
        "Timeout",
        "Unknown",
    ]


def test_statuses_are_equal_only_with_equal_texts_and_durations():
    """Q20 rests on this: a changed text is a changed status."""
    assert failed("a") == failed("a")
    assert failed("a") != failed("b")
    assert timeout(30 * S) != timeout(31 * S)


@pytest.mark.parametrize(
    ("statuses", "text"),
    [
        ([failed("test failure")] * 8, "Failed(test failure)=0..8"),
        ([RUNNING, RUNNING, failed("x"), RUNNING], "Running=0..2,3..4;Failed(x)=2..3"),
        ([RUNNING, RUNNING, failed("x"), timeout(30_100 * MS)], "Running=0..2;Failed(x)=2..3;Timeout(30.1s)=3..4"),
        ([], ""),
    ],
)
def test_inverted_lists_group_ranks_by_status_in_order_of_first_rank(statuses, text):
    """The lists of spawn and stop errors; mesh_model.md B.3."""
    assert inverted(statuses) == text


def test_a_mesh_state_can_be_sent():
    """Statuses with texts and times come back as they were, in JSON and on the wire; others stay others."""
    sent = State("trainer-1aaaaaaaaaaa", RUNNING, MeshState((RUNNING, failed("oom"), timeout(30_100 * MS), STOPPED)))

    for codec in (msgspec.json, msgspec.msgpack):
        assert codec.decode(codec.encode(sent), type=State) == sent
    assert msgspec.json.decode(msgspec.json.encode(State("x", UNKNOWN)), type=State) == State("x", UNKNOWN)
