"""What `meshsim doctor` shows, and what is said where `lockstep` cannot work."""

from __future__ import annotations

import os
import select
import sys
import time
from itertools import count

import pytest

from meshsim.drive.backend import BackendError
from meshsim.model.boot import Program
from meshsim.procs.backend import LockstepBackend
from meshsim.procs.capabilities import missing_for, probe


@pytest.mark.parametrize("backend", ["lockstep", "live"])
def test_this_machine_has_what_real_processes_need(backend: str) -> None:
    """The tests beside this one run here, so nothing required may be reported as missing."""
    assert [c.name for c in probe() if c.required and not c.ok] == []
    assert missing_for(backend) == []


def test_what_live_alone_needs_does_not_stop_lockstep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel whose epoll takes no pidfd still has processes that can be stepped."""
    monkeypatch.delattr(select, "epoll")

    assert missing_for("lockstep") == []
    assert missing_for("live") == [
        "epoll of a pidfd (a host that hears of a child's death by itself): module 'select' has no attribute 'epoll'"
    ]


def test_a_machine_that_wakes_up_late_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may try; that its runs will be inconclusive is said before."""
    real = time.monotonic_ns
    readings = count()
    monkeypatch.setattr(time, "monotonic_ns", lambda: real() + next(readings) * 20_000_000)

    (waking,) = [c for c in probe() if c.name == "waking up in time"]

    assert (waking.ok, waking.required, waking.only) == (False, False, "live")
    assert waking.detail.endswith("; runs will be inconclusive")


def test_each_capability_says_what_it_is_needed_for() -> None:
    """A red line in the table must tell its reader what does not work without it."""
    assert [c.name for c in probe()] == [
        "Linux",
        "pidfd_open",
        "pidfd_send_signal",
        "waitid",
        "parent-death signal",
        "subreaper",
        "memfd_create",
        "descriptor passing",
        "/proc",
        "epoll of a pidfd",
        "monotonic clock",
        "waking up in time",
        "core affinity",
        "open files",
        "processes",
        "core pattern",
        "core dumps",
    ]
    assert all(c.detail and c.needed_for for c in probe())


def test_another_system_is_told_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Mac the backend says what it lacks before it starts anything."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "pidfd_open")

    with pytest.raises(BackendError) as caught:
        LockstepBackend(Program({}), run_id="never")

    assert str(caught.value).startswith(
        "the lockstep backend cannot work on this machine: "
        "Linux (processes with pidfd, prctl and /proc): this is darwin; "
        "pidfd_open (knowing when a process is dead): module 'os' has no attribute 'pidfd_open'"
    )


def test_probing_leaves_no_descriptor_open() -> None:
    """`doctor` may be run by anything, any number of times."""
    before = os.listdir("/proc/self/fd")

    probe()

    assert os.listdir("/proc/self/fd") == before
