"""The menu of faults: what each kind strikes, how real it is, where it cannot be done, and an example.

`meshsim faults` prints it. What a kind does is in the docstring of its type, what its parameters are in its fields.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from meshsim.faults import kinds
from meshsim.faults.kinds import Fault

#: Families in the order of the menu.
On = Literal["an actor", "a proc", "a host", "a controller", "a listener", "an alloc", "a link", "a clock"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault."""

    on: On
    #: What `lockstep` really does to a process, and what of the kernel shows it; empty when the fault is a message to
    #: a machine or a matter of the conductor, and so the same in every backend.
    real: str = ""
    #: Backends that cannot do it, with why.
    cannot: dict[str, str] = {}
    #: One fault as a scenario file writes it.
    example: str


#: By type, in the order of the menu.
MENU: dict[type[Fault], Entry] = {
    kinds.Exit: Entry(
        on="a proc",
        real="the process calls _exit(code); waitid in its parent gives the code",
        example='{ kind = "exit", target = "workers[1]", at = "5s", code = 3 }',
    ),
    kinds.Signal: Entry(
        on="a proc",
        real="the signal is sent through the pidfd; waitid in its parent gives the signal",
        example='{ kind = "signal", target = "workers[1]", at = "5s", signal = "SIGKILL" }',
    ),
    kinds.CoreDump: Entry(
        on="a proc",
        real="RLIMIT_CORE is raised, waitid gives the core-dump flag, and the core is removed",
        example='{ kind = "core_dump", target = "workers[1]", at = "5s" }',
    ),
    kinds.OutOfMemory: Entry(
        on="a proc",
        real="RLIMIT_AS is lowered and memory taken until malloc fails; then waitid in its parent gives SIGABRT",
        example='{ kind = "out_of_memory", target = "workers[1]", at = "5s" }',
    ),
    kinds.SlowStart: Entry(
        on="a proc",
        real="the process is there, and waits for its first step",
        example='{ kind = "slow_start", target = "workers[1]", after = "10s" }',
    ),
    kinds.NeverReady: Entry(
        on="a proc",
        real="the process is there until somebody kills it",
        example='{ kind = "never_ready", target = "workers[1]" }',
    ),
    kinds.SpawnRefused: Entry(
        on="a proc",
        real="the host's RLIMIT_NPROC or RLIMIT_NOFILE is 0 for one fork, which fails with EAGAIN or EMFILE",
        example='{ kind = "spawn_refused", target = "workers[1]", errno = "EAGAIN" }',
    ),
    kinds.AgentCrash: Entry(
        on="a host",
        real="the process calls _exit(1) as its runtime demands; waitid gives the code, the kernel takes its procs",
        example='{ kind = "agent_crash", target = "host0", at = "5s" }',
    ),
    kinds.PowerCycle: Entry(
        on="a host",
        real="SIGKILL through the pidfd, the parent-death signal for its procs, and a new process after a time",
        example='{ kind = "power_cycle", target = "host0", at = "5s", for = "10s" }',
    ),
    kinds.DescriptorsExhausted: Entry(
        on="a host",
        real="RLIMIT_NOFILE of its process is 0; the next spawn fails with EMFILE",
        example='{ kind = "descriptors_exhausted", target = "host0", at = "5s", for = "10s" }',
    ),
    kinds.ProcessesExhausted: Entry(
        on="a host",
        real="RLIMIT_NPROC of its process is 0, and root counts as anybody; the next fork fails with EAGAIN",
        example='{ kind = "processes_exhausted", target = "host0", at = "5s", for = "10s" }',
    ),
    kinds.CleanupFails: Entry(
        on="an actor",
        example='{ kind = "cleanup_fails", target = "trainer[1]", at = "5s" }',
    ),
    kinds.IgnoresStop: Entry(
        on="an actor",
        example='{ kind = "ignores_stop", target = "trainer[1]", at = "5s", for = "30s" }',
    ),
    kinds.ControllerStall: Entry(
        on="a controller",
        real="SIGSTOP and SIGCONT to the process that it lives in; /proc says T in between",
        example='{ kind = "controller_stall", target = "trainer", at = "5s", for = "30s" }',
    ),
    kinds.ControllerRaises: Entry(
        on="a controller",
        example='{ kind = "controller_raises", target = "trainer", at = "5s" }',
    ),
    kinds.LatePolls: Entry(
        on="a controller",
        example='{ kind = "late_polls", target = "trainer", at = "5s", by = "15s", times = 2 }',
    ),
    kinds.Latency: Entry(
        on="a link",
        example='{ kind = "latency", target = "host1", at = "5s", for = "10s", by = "200ms" }',
    ),
    kinds.JitterFault: Entry(
        on="a link",
        example='{ kind = "jitter", target = "host1", to = ["client"], at = "5s", by = "50ms" }',
    ),
    kinds.Loss: Entry(
        on="a link",
        example='{ kind = "loss", target = "client", to = ["host1"], one_way = true, at = "5s", share = 0.1 }',
    ),
    kinds.Duplication: Entry(
        on="a link",
        example='{ kind = "duplication", target = "*", at = "5s", message = "cast", times = 2, apart = "1s" }',
    ),
    kinds.Reordering: Entry(
        on="a link",
        example='{ kind = "reordering", target = "observer", at = "5s", window = "100ms" }',
    ),
    kinds.Partition: Entry(
        on="a link",
        example='{ kind = "partition", target = "client", to = ["host1"], at = "5s", for = "10s" }',
    ),
    kinds.DeliveryTimeout: Entry(
        on="a link",
        example='{ kind = "delivery_timeout", target = "client", to = ["host1"], at = "5s", message = "get_state" }',
    ),
    kinds.ClockJump: Entry(
        on="a clock",
        example='{ kind = "clock_jump", target = "host1", at = "5s", by = "-10s" }',
    ),
    kinds.ClockOffset: Entry(
        on="a clock",
        example='{ kind = "clock_offset", target = "host1", at = "5s", offset = "10s" }',
    ),
    kinds.ClockDrift: Entry(
        on="a clock",
        example='{ kind = "clock_drift", target = "host1", at = "5s", drift = "200us/s" }',
    ),
}
