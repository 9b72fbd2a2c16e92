"""What a run shows of one kind of fault: strikes from the trace, and the kernel's words from the diary."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from small_worlds import at, mesh

from meshsim.faults.kinds import (
    DescriptorsExhausted,
    Exit,
    Fault,
    HostCrash,
    InitFails,
    OutOfMemory,
    PowerCycle,
    ProcessExit,
    Raise,
    Stall,
    When,
)
from meshsim.report.struck import kernel_says, strikes_of
from meshsim.run import RunResult, run_plan

WORKER = "host0/workers_1"


def run_of(*faults: Fault, **keys: Any) -> RunResult:
    return run_plan(mesh(horizon_s=20, faults=list(faults), **keys), "sim")


def told(result: RunResult, *entries: dict[str, object], printed: bytes = b"") -> RunResult:
    """The same run as if on real processes: with a diary, and with what the worker printed."""
    diary = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
    return msgspec.structs.replace(result, backend="lockstep", diary=diary, stderr={WORKER: printed})


def waited(node: str, status: str) -> dict[str, object]:
    return {"event": "waited for", "node": node, "status": status}


def seen(node: str, state: str) -> dict[str, object]:
    return {"event": "seen", "node": node, "state": state}


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        (Exit(target="workers[1]", at=at(5), code=3), ["workers[1] _exit(3)"]),
        (Raise(target="trainer[0]", at=at(5), text="oh"), ["trainer[0] oh"]),
        (Stall(target="workers[1]", at=at(5), for_=at(2)), ["workers[1] SIGSTOP"]),
        (Exit(target="workers[1]", when=When(record="poll_started", where={"count": 99})), []),
    ],
    ids=["a process", "an actor", "an end is no strike", "never"],
)
def test_strikes_are_told_by_name(fault: Fault, struck: list[str]) -> None:
    assert strikes_of(run_of(fault), type(fault)) == struck


def test_strikes_of_other_kinds_are_not_its_own() -> None:
    result = run_of(Exit(target="workers[1]", at=at(5)), Exit(target="workers[1]", at=at(6)))

    assert strikes_of(result, Exit) == ["workers[1] _exit(1)"]  # The second one missed.
    assert strikes_of(result, Raise) == []


def test_a_failing_init_struck_if_an_actor_failed_with_its_words() -> None:
    """It leaves no record of its own."""
    result = run_of(InitFails(target="trainer[1]", text="no device"))

    (struck,) = strikes_of(result, InitFails)
    assert struck.endswith("failed: initialization error: no device")


def test_the_kernel_says_nothing_in_simulation() -> None:
    assert kernel_says(run_of(Exit(target="workers[1]", at=at(5))), Exit) == []


def test_only_those_who_were_struck_are_told_of() -> None:
    result = told(
        run_of(Exit(target="workers[1]", at=at(5), code=3)),
        waited("host0/workers_0", "exited with code 0"),
        waited(WORKER, "exited with code 3"),
    )

    assert kernel_says(result, Exit) == ["waitid: exited with code 3 (workers[1])"]


def test_a_handler_strikes_the_process_of_its_actor() -> None:
    result = run_of(ProcessExit(target="trainer[1]", at=at(5)))

    assert kernel_says(told(result, waited(WORKER, "exited with code 1")), ProcessExit) == [
        "waitid: exited with code 1 (workers[1])"
    ]


def test_what_is_said_of_several_is_said_once() -> None:
    """Those that die with their host at the same instant are struck with it."""
    result = run_of(HostCrash(target="host0", at=at(5)))

    entries = [waited(node, "killed by signal 9") for node in ("host0", "host0/workers_0", WORKER)]
    assert kernel_says(told(result, *entries), HostCrash) == [
        "waitid: killed by signal 9 (host0, workers[0], workers[1])"
    ]


def test_running_is_news_after_a_stop_only() -> None:
    result = told(
        run_of(Stall(target="workers[1]", at=at(5), for_=at(2))),
        seen(WORKER, "running"),
        seen(WORKER, "stopped"),
        seen(WORKER, "stopped"),
        seen(WORKER, "running"),
        seen(WORKER, "running"),
    )

    assert kernel_says(result, Stall) == ["/proc: state T (workers[1])", "/proc: runs again (workers[1])"]


def test_of_who_lives_on_it_is_said_that_it_runs() -> None:
    """The children have given their parent-death signal up, and are seen at the end."""
    result = told(
        run_of(HostCrash(target="host0", at=at(5), pdeathsig=False)),
        {"event": "gave up its parent-death signal", "node": WORKER},
        waited("host0", "killed by signal 9"),
        seen(WORKER, "running"),
    )

    assert kernel_says(result, HostCrash) == [
        "prctl: no parent-death signal (workers[1])",
        "waitid: killed by signal 9 (host0)",
        "/proc: it runs (workers[1])",
    ]


def test_limits_are_those_that_the_kernel_has() -> None:
    limited = {"node": "host0", "limit": "Max open files"}
    result = told(
        run_of(DescriptorsExhausted(target="host0", at=at(5), for_=at(2))),
        {"event": "limited", "found": "0", **limited},
        {"event": "refused a child", "node": "host0", "error": "EMFILE"},
        {"event": "unlimited", "found": "1024", **limited},
        {"event": "unlimited", "found": "0", **limited},
    )

    assert kernel_says(result, DescriptorsExhausted) == [
        "/proc: Max open files 0 (host0)",
        "start of a child: EMFILE (host0)",
        "/proc: Max open files no longer 0 (host0)",
        "/proc: Max open files still 0 (host0)",
    ]


def test_what_it_really_printed_counts_too() -> None:
    result = told(
        run_of(OutOfMemory(target="workers[1]", at=at(5))),
        {"event": "took memory", "node": WORKER, "limit": "RLIMIT_AS", "error": "ENOMEM"},
        printed=b"first\nmemory allocation failed\n",
    )

    assert kernel_says(result, OutOfMemory) == [
        "malloc under RLIMIT_AS: ENOMEM (workers[1])",
        "stderr: 2 lines, the last 'memory allocation failed' (workers[1])",
    ]


def test_a_host_that_comes_back_is_a_new_process() -> None:
    result = told(
        run_of(PowerCycle(target="host0", at=at(5), for_=at(2))),
        {"event": "started", "node": "host0"},
        waited("host0", "killed by signal 9"),
        {"event": "started", "node": "host0~2"},
    )

    assert kernel_says(result, PowerCycle) == [
        "waitid: killed by signal 9 (host0)",
        "fork: a new process (host0~2)",
    ]
