"""Targets and signals as scenario files write them."""

import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.faults.signals import SIGNAL_NUMBERS, SignalError, signal_name, signal_number
from meshsim.faults.targets import Target, TargetError, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("host0", Target("host0")),
        ("client", Target("client")),
        ("trainer[0]", Target("trainer", 0)),
        ("_x[123456789]", Target("_x", 123456789)),
    ],
)
def test_a_target_is_a_name_or_a_member(text: str, target: Target) -> None:
    """Read and printed back as it was written."""
    assert parse_target(text) == target
    assert str(target) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        "a b",
        "a[",
        "a[]",
        "a[-1]",
        "a[01]",
        "a[1] ",
        "a[1]\n",
        "a[1][2]",
        "host0/p",
        "a.b",
        "ä",
        "a[9999999999]",
    ],
)
def test_anything_else_is_not_a_target(text: str) -> None:
    """No spaces, no leading zeros, no paths: there is one way to write each target."""
    with pytest.raises(TargetError) as caught:
        parse_target(text)

    assert str(caught.value) == f'expected a target such as "host0" or "trainer[1]", got {text!r}'


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """Text from a file is a target that prints as that text, or an error."""
    try:
        target = parse_target(text)
    except TargetError:
        return
    assert str(target) == text


@pytest.mark.parametrize(
    ("text", "number"), [("SIGKILL", 9), ("9", 9), ("SIGSEGV", 11), ("1", 1), ("64", 64), ("33", 33), ("SIGSTOP", 19)]
)
def test_a_signal_has_a_name_or_a_number(text: str, number: int) -> None:
    """The numbers are those of Linux; real-time signals have numbers only."""
    assert signal_number(text) == number


@pytest.mark.parametrize("text", ["", "0", "65", "-9", "09", "sigkill", "KILL", "SIG_DFL", "SIGRTMIN", "٩", "9 "])
def test_anything_else_is_not_a_signal(text: str) -> None:
    """Including 0, which asks for permission and sends nothing, and digits of other scripts."""
    with pytest.raises(SignalError) as caught:
        signal_number(text)

    assert str(caught.value) == f'expected a signal such as "SIGKILL" or "9", got {text!r}'


def test_every_number_has_a_name_to_print() -> None:
    """Also those that Python's own table does not know, and never an alias."""
    names = {number: signal_name(number) for number in range(1, 65)}

    assert names[9] == "SIGKILL"
    assert names[signal.SIGCHLD] == "SIGCHLD"
    assert names[40] == "40"
    assert all(signal_number(name) == number for number, name in names.items())
    assert set(SIGNAL_NUMBERS.values()) <= set(names)
