"""The menu of faults: what each kind strikes, how real it is, where it cannot be done, and an example.

`meshsim faults` prints it. What a kind does is in the docstring of its type, what its parameters are in its fields
(`meshsim.faults.parameters`).
"""

from __future__ import annotations

import json
import tomllib
from typing import Literal

import msgspec

from meshsim.faults import kinds
from meshsim.faults.kinds import Fault

#: What a kind strikes; the menu is sorted by it.
On = Literal["an actor", "a process", "a proc", "a host", "a controller", "a listener", "an alloc", "a link", "a clock"]

#: How a scenario file writes such a target.
WRITTEN: dict[On, str] = {
    "an actor": "`trainer[1]`",
    "a process": "`host0`, `client`, `workers[1]`, or `trainer[1]` for the process that an actor lives in",
    "a proc": "`workers[1]`",
    "a host": "`host0`",
    "a controller": "the mesh that it watches, `trainer`",
    "a listener": "a client, or an actor that may own meshes",
    "an alloc": "its procs, `workers`, or one of them, `workers[1]`",
    "a link": "one side of it: `host1`, `client`, `workers[1]`, `*` for everybody",
    "a clock": "the machine that has it: `host1` or `client`",
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault."""

    on: On
    #: What `lockstep` and `live` really do to a process, and what of the kernel shows it; empty when the fault is a
    #: message to a machine or a matter of the conductor, and so the same in every backend.
    real: str = ""
    #: Backends that cannot do it, with why.
    cannot: dict[str, str] = {}
    #: One fault as a scenario file writes it.
    example: str

    @property
    def block(self) -> list[str]:
        """The example in lines, to be pasted at the end of a scenario file."""
        fault = tomllib.loads(f"fault = {self.example}")["fault"]
        return ["[[faults]]", *(f"{key} = {json.dumps(value)}" for key, value in fault.items())]


#: By type, in the order of the menu.
MENU: dict[type[Fault], Entry] = {
    kinds.Raise: Entry(
        on="an actor",
        example='{ kind = "raise", target = "trainer[1]", at = "5s", text = "loss is NaN" }',
    ),
    kinds.Panic: Entry(
        on="an actor",
        example='{ kind = "panic", target = "trainer[1]", at = "5s" }',
    ),
    kinds.SelfFail: Entry(
        on="an actor",
        example='{ kind = "self_fail", target = "trainer[1]", at = "5s" }',
    ),
    kinds.Abort: Entry(
        on="an actor",
        example='{ kind = "abort", target = "trainer[1]", at = "5s", reason = "out of patience" }',
    ),
    kinds.StopItself: Entry(
        on="an actor",
        example='{ kind = "stop_itself", target = "trainer[1]", at = "5s" }',
    ),
    kinds.Hang: Entry(
        on="an actor",
        example='{ kind = "hang", target = "trainer[1]", at = "5s", for = "20s" }',
    ),
    kinds.IgnoresStop: Entry(
        on="an actor",
        example='{ kind = "ignores_stop", target = "trainer[1]", at = "5s", for = "30s" }',
    ),
    kinds.InitFails: Entry(
        on="an actor",
        example='{ kind = "init_fails", target = "trainer[1]", text = "no CUDA device" }',
    ),
    kinds.CleanupFails: Entry(
        on="an actor",
        example='{ kind = "cleanup_fails", target = "trainer[1]", at = "5s" }',
    ),
    kinds.SigSegv: Entry(
        on="an actor",
        real="its process writes to a null pointer; waitid in its parent gives SIGSEGV",
        example='{ kind = "sigsegv", target = "trainer[1]", at = "5s" }',
    ),
    kinds.ProcessExit: Entry(
        on="an actor",
        real="its process calls _exit(code); waitid in its parent gives the code",
        example='{ kind = "process_exit", target = "trainer[1]", at = "5s", code = 3 }',
    ),
    kinds.SelfUngracefulFail: Entry(
        on="an actor",
        real="its process calls _exit(1); waitid in its parent gives the code",
        example='{ kind = "self_ungraceful_fail", target = "trainer[1]", at = "5s" }',
    ),
    kinds.ExitProcess: Entry(
        on="an actor",
        real="its process ends with the code; waitid in its parent gives it",
        example='{ kind = "exit_process", target = "trainer[1]", at = "5s" }',
    ),
    kinds.KillPid: Entry(
        on="an actor",
        real="its process sends itself the signal; waitid in its parent gives it",
        example='{ kind = "kill_pid", target = "trainer[1]", at = "5s", signal = "SIGTERM" }',
    ),
    kinds.Exit: Entry(
        on="a process",
        real="it calls _exit(code); waitid in its parent gives the code",
        example='{ kind = "exit", target = "workers[1]", at = "5s", code = 3 }',
    ),
    kinds.Signal: Entry(
        on="a process",
        real="the signal is sent through the pidfd, or to its process group; waitid in its parent gives the signal",
        example='{ kind = "signal", target = "workers[1]", at = "5s", signal = "SIGKILL" }',
    ),
    kinds.CoreDump: Entry(
        on="a process",
        real="RLIMIT_CORE is raised, waitid gives the core-dump flag, and the core is removed",
        example='{ kind = "core_dump", target = "workers[1]", at = "5s" }',
    ),
    kinds.OutOfMemory: Entry(
        on="a process",
        real="RLIMIT_AS is lowered and memory taken until malloc fails; then waitid in its parent gives SIGABRT",
        example='{ kind = "out_of_memory", target = "workers[1]", at = "5s" }',
    ),
    kinds.Stall: Entry(
        on="a process",
        real="SIGSTOP and SIGCONT through the pidfd; /proc says T in between",
        example='{ kind = "stall", target = "workers[1]", at = "5s", for = "10s" }',
    ),
    kinds.Resume: Entry(
        on="a process",
        real="SIGCONT through the pidfd; /proc no longer says T, and the process answers",
        example='{ kind = "resume", target = "workers[1]", at = "5s" }',
    ),
    kinds.Shout: Entry(
        on="a process",
        real="it writes to its real stderr, which is read back; waitid in its parent gives the code, if there is one",
        example='{ kind = "shout", target = "workers[1]", at = "5s", lines = ["out of paper"], exit = 3 }',
    ),
    kinds.StartFails: Entry(
        on="a proc",
        real="the process is there, and ends before its first step; waitid in its parent gives the code or signal",
        example='{ kind = "start_fails", target = "workers[1]", code = 1, lines = ["no such library"] }',
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
    kinds.Misreport: Entry(
        on="a proc",
        example='{ kind = "misreport", target = "workers[1]", at = "5s", mesh = "trainer", status = "Stopped" }',
    ),
    kinds.HostCrash: Entry(
        on="a host",
        real="SIGKILL through the pidfd; its procs die of the parent-death signal, or have given it up by prctl",
        example='{ kind = "host_crash", target = "host0", at = "5s" }',
    ),
    kinds.PowerCycle: Entry(
        on="a host",
        real="SIGKILL through the pidfd, the parent-death signal for its procs, and a new process after a time",
        example='{ kind = "power_cycle", target = "host0", at = "5s", for = "10s" }',
    ),
    kinds.AgentCrash: Entry(
        on="a host",
        real="the process calls _exit(1) as its runtime demands; waitid gives the code, the kernel takes its procs",
        example='{ kind = "agent_crash", target = "host0", at = "5s" }',
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
    kinds.ControllerExit: Entry(
        on="a controller",
        real="the process that it lives in calls _exit(code); waitid in its parent gives the code",
        example='{ kind = "controller_exit", target = "trainer", at = "5s", code = 1 }',
    ),
    kinds.ControllerKill: Entry(
        on="a controller",
        real="the signal is sent to the process that it lives in; waitid in its parent gives the signal",
        example='{ kind = "controller_kill", target = "trainer", at = "5s", signal = "SIGKILL" }',
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
    kinds.SubscriberGone: Entry(
        on="a listener",
        example='{ kind = "subscriber_gone", target = "observer", at = "5s", mesh = "trainer" }',
    ),
    kinds.AllocStop: Entry(
        on="an alloc",
        example='{ kind = "alloc_stop", target = "places[1]", at = "5s", reason = "killed", number = 9 }',
    ),
    kinds.AllocFail: Entry(
        on="an alloc",
        example='{ kind = "alloc_fail", target = "places", at = "5s", text = "no machines left" }',
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
