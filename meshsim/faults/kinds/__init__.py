"""What can go wrong, as data: one module for each family. `kind` selects the type; targets are text as scenario files
write them.

Adding a kind: a struct in the module of its family, a line in `Fault`, its row in `meshsim.drive.strikes`, in
`meshsim.scenario.check_targets` and in `meshsim.faults.menu`, and one scenario `scenarios/faults/<kind>.toml`.
"""

from __future__ import annotations

from typing import Union

from meshsim.faults.kinds.actors import (
    Abort,
    ExitProcess,
    Hang,
    InitFails,
    KillPid,
    Panic,
    ProcessExit,
    Raise,
    SelfFail,
    SelfUngracefulFail,
    SigSegv,
    StopItself,
)
from meshsim.faults.kinds.allocs import AllocFail, AllocStop
from meshsim.faults.kinds.base import FaultBase, Plain, Rank, When
from meshsim.faults.kinds.controllers import ControllerExit, ControllerKill
from meshsim.faults.kinds.hosts import HostCrash
from meshsim.faults.kinds.listeners import Misreport, SubscriberGone
from meshsim.faults.kinds.processes import Exit, Resume, Shout, Signal, Stall, StartFails

__all__ = [
    "Abort",
    "AllocFail",
    "AllocStop",
    "ControllerExit",
    "ControllerKill",
    "Exit",
    "ExitProcess",
    "Fault",
    "FaultBase",
    "Hang",
    "HostCrash",
    "InitFails",
    "KillPid",
    "Misreport",
    "Panic",
    "Plain",
    "ProcessExit",
    "Raise",
    "Rank",
    "Resume",
    "SelfFail",
    "SelfUngracefulFail",
    "Shout",
    "SigSegv",
    "Signal",
    "Stall",
    "StartFails",
    "StopItself",
    "SubscriberGone",
    "When",
]

Fault = Union[
    Exit,
    Signal,
    Stall,
    Resume,
    Raise,
    Panic,
    SigSegv,
    ProcessExit,
    SelfFail,
    SelfUngracefulFail,
    KillPid,
    Abort,
    ExitProcess,
    Hang,
    StopItself,
    InitFails,
    Shout,
    StartFails,
    HostCrash,
    ControllerExit,
    ControllerKill,
    SubscriberGone,
    Misreport,
    AllocStop,
    AllocFail,
]
