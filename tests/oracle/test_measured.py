"""Times in texts, and what is left of a text without them."""

from __future__ import annotations

import pytest

from meshsim.oracle.equivalence.measured import measured
from meshsim.units import MS, S


@pytest.mark.parametrize(
    ("text", "template", "times"),
    [
        ("Timeout(4.003s)=1..2", "Timeout(<time>)=1..2", (4003 * MS,)),
        ("within 1m 2s of it", "within <time> of it", (62 * S,)),
        ("took 12ms, expected 3ms", "took <time>, expected <time>", (12 * MS, 3 * MS)),
        ("at SystemTime { tv_sec: 5, tv_nsec: 7 }.", "at <time>.", (5 * S + 7,)),
        ('{"expires_after_ns":40,"name":"x"}', '{"expires_after_ns":<time>,"name":"x"}', (40,)),
        ('"reply":["a.b",1032,false]', '"reply":["a.b",#,false]', ()),
        ('"seq":4,"last_seq":3', '"seq":#,"last_seq":#', ()),
        ("_1i65fk65jK5h: stopped", "#: stopped", ()),
        # These mean something: a signal, a code, a rank, a name.
        ("Killed(sig=9)", "Killed(sig=9)", ()),
        ("exited with code 3", "exited with code 3", ()),
        ("workers[2] of host0", "workers[2] of host0", ()),
    ],
)
def test_times_are_taken_out_and_nothing_else(text: str, template: str, times: tuple[int, ...]) -> None:
    assert measured(text) == (template, times)
