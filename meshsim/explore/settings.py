"""What the parameters of each kind of fault may be when faults are drawn: a few values, each with a meaning.

A fault that lasts is interesting when it outlasts a time-out, or does not; so durations come from the configuration:
a tenth of the poll period, and a second more than each time-out (supervision.md 13, 14). The first value of each
parameter is the plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from meshsim.faults import kinds
from meshsim.faults.kinds import Fault
from meshsim.model.attributes import Value
from meshsim.units import MS, Drift, Duration, S, Shift

#: A value for each parameter, by the name of its field; the plain one first.
Settings = dict[str, tuple[Any, ...]]

#: Time-outs that a fault may outlast, by their attributes.
_TIMEOUTS = (
    *("SUPERVISION_POLL_FREQUENCY", "GET_ACTOR_STATE_MAX_IDLE", "GET_PROC_STATE_MAX_IDLE", "MESH_ORPHAN_TIMEOUT"),
    *("SUPERVISION_WATCHDOG_TIMEOUT", "MESSAGE_DELIVERY_TIMEOUT", "STOP_ACTOR_TIMEOUT", "PROCESS_EXIT_TIMEOUT"),
)

#: Messages that a fault of the network may strike alone: those of supervision, and what makes and ends meshes.
_MESSAGES = (
    *("get_state", "keepalive_get_state", "state", "mesh_failed", "subscribe", "cast", "forward", "undeliverable"),
    *("create_or_update", "get_rank_status", "rank_status", "proc_ready", "comm_mesh_config"),
    *("stop", "stop_all", "shutdown_host", "ack"),
)
_SHARES = (1.0, 0.5, 0.1)
_CODES = (1, 0, 3)
_DEADLY = ("SIGKILL", "SIGTERM", "SIGSEGV")


class _Scale(msgspec.Struct, frozen=True):
    """Durations that mean something under one configuration."""

    #: How long a fault lasts: a moment, and longer than each time-out, ascending.
    lasts: tuple[Duration, ...]
    #: How much later something comes: hardly, noticeably, and later than each time-out.
    later: tuple[Duration, ...]
    #: By which a wall clock is wrong, either way.
    shifts: tuple[Shift, ...]
    #: How long the end of an actor or the start of a proc takes.
    ends: tuple[Duration, ...]


def settings_of(config: Mapping[str, Value]) -> dict[type, Settings]:
    """By kind of fault: what its parameters may be in a plan with this resolved configuration (durations in ns)."""
    return {kind: make(_scale(config)) for kind, make in _SETTINGS.items()}


def _scale(config: Mapping[str, Value]) -> _Scale:
    longer = sorted({int(config[name]) + S for name in _TIMEOUTS})
    moment = max(MS, int(config["SUPERVISION_POLL_FREQUENCY"]) // 10)
    cleanup, start = int(config["CLEANUP_TIMEOUT"]), int(config["HOST_SPAWN_READY_TIMEOUT"])
    return _Scale(
        lasts=tuple(map(Duration, dict.fromkeys((moment, *longer)))),
        later=tuple(map(Duration, dict.fromkeys((5 * MS, moment // 2, moment, *longer)))),
        shifts=tuple(Shift(sign * by) for by in (*longer, moment) for sign in (1, -1)),
        ends=tuple(map(Duration, dict.fromkeys((0, moment // 2, cleanup + moment // 2, start + moment // 2)))),
    )


def _nothing(scale: _Scale) -> Settings:
    return {}


def _lasting(scale: _Scale) -> Settings:
    return {"for_": (*scale.lasts, None)}


def _codes(scale: _Scale) -> Settings:
    return {"code": _CODES}


def _link(scale: _Scale) -> Settings:
    return {"one_way": (False, True), "for_": (None, *scale.lasts)}


def _message(scale: _Scale) -> Settings:
    return {**_link(scale), "message": (None, *_MESSAGES), "share": _SHARES}


def _later(scale: _Scale) -> Settings:
    return {**_message(scale), "by": scale.later}


_SETTINGS: dict[type[Fault], Callable[[_Scale], Settings]] = {
    kinds.Exit: _codes,
    kinds.Signal: lambda scale: {
        "signal": (*_DEADLY, "SIGINT", "SIGABRT", "SIGSTOP", "SIGCONT", "SIGCHLD"),
        "group": (UNSET, True),
    },
    kinds.CoreDump: lambda scale: {"signal": ("SIGABRT", "SIGSEGV", "SIGQUIT")},
    kinds.OutOfMemory: _nothing,
    kinds.Stall: _lasting,
    kinds.Resume: _nothing,
    kinds.Raise: _nothing,
    kinds.Panic: _nothing,
    kinds.SigSegv: _nothing,
    kinds.ProcessExit: _codes,
    kinds.SelfFail: _nothing,
    kinds.SelfUngracefulFail: _nothing,
    kinds.KillPid: lambda scale: {"signal": _DEADLY},
    kinds.Abort: _nothing,
    kinds.ExitProcess: lambda scale: {"code": (0, 1, 3)},
    kinds.Hang: lambda scale: {"for_": (None, *scale.lasts)},
    kinds.StopItself: _nothing,
    kinds.InitFails: lambda scale: {"after": scale.ends},
    kinds.CleanupFails: lambda scale: {"after": scale.ends},
    kinds.IgnoresStop: lambda scale: {"for_": (None, *scale.lasts)},
    kinds.Shout: lambda scale: {"lines": (["last words"], ["first", "second", "third"]), "exit": (1, 0, None)},
    kinds.StartFails: lambda scale: {
        "code": _CODES,
        "lines": ([], ["cannot start"]),
        "after": scale.ends,
        "signal": (UNSET, "SIGKILL", "SIGSEGV"),
    },
    kinds.SlowStart: lambda scale: {"after": scale.later},
    kinds.NeverReady: _nothing,
    kinds.SpawnRefused: lambda scale: {"errno": ("EAGAIN", "EMFILE")},
    kinds.HostCrash: lambda scale: {"pdeathsig": (UNSET, False)},
    kinds.PowerCycle: lambda scale: {"for_": scale.lasts},
    kinds.AgentCrash: _nothing,
    kinds.DescriptorsExhausted: lambda scale: {"for_": (None, *scale.lasts)},
    kinds.ProcessesExhausted: lambda scale: {"for_": (None, *scale.lasts)},
    kinds.ControllerExit: _codes,
    kinds.ControllerKill: lambda scale: {"signal": (*_DEADLY, "SIGINT")},
    kinds.ControllerStall: _lasting,
    kinds.ControllerRaises: _nothing,
    kinds.LatePolls: lambda scale: {"by": scale.later, "times": (1, 2, None)},
    kinds.SubscriberGone: _nothing,
    kinds.Misreport: lambda scale: {
        "status": ("Failed", "Stopped", "NotExist", "Initializing", "Running", "Stopping", "Timeout", "Unknown"),
        "state": (True, False),
        "ranks": (None, (0, 1), (1, 3)),
        "times": (None, 1, 2),
    },
    kinds.AllocStop: lambda scale: {
        "reason": ("watchdog", "stopped", "exited", "killed", "host_watchdog", "unknown"),
        "number": (0, 1, 9),
    },
    kinds.AllocFail: _nothing,
    kinds.Latency: _later,
    kinds.JitterFault: _later,
    kinds.Loss: _message,
    kinds.Duplication: lambda scale: {
        **_message(scale),
        "times": (1, 2),
        "apart": (Duration(0), *scale.later),
        "layer": ("message", "frame"),
    },
    kinds.Reordering: lambda scale: {**_message(scale), "window": scale.later},
    kinds.Partition: _link,
    kinds.DeliveryTimeout: _message,
    kinds.ClockJump: lambda scale: {"by": scale.shifts},
    kinds.ClockOffset: lambda scale: {"offset": (*scale.shifts, Shift(0))},
    kinds.ClockDrift: lambda scale: {"drift": (Drift(500_000_000), Drift(-500_000_000), Drift(200_000), Drift(0))},
}
