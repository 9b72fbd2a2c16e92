"""What can go wrong, as data: one module for each family. `kind` selects the type; targets are text as scenario files
write them.

Adding a kind: a struct in the module of its family, a line in `Fault`, its row in `meshsim.drive.strikes`, in
`meshsim.scenario.check_targets` and in `meshsim.faults.menu`, and one scenario `scenarios/faults/<kind>.toml`.
"""

from __future__ import annotations

from typing import Union

from meshsim.faults.kinds.actors import (
    Abort,
    CleanupFails,
    ExitProcess,
    Hang,
    IgnoresStop,
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
from meshsim.faults.kinds.controllers import (
    ControllerExit,
    ControllerKill,
    ControllerRaises,
    ControllerStall,
    LatePolls,
)
from meshsim.faults.kinds.hosts import AgentCrash, DescriptorsExhausted, HostCrash, PowerCycle, ProcessesExhausted
from meshsim.faults.kinds.listeners import Misreport, SubscriberGone
from meshsim.faults.kinds.processes import (
    CoreDump,
    Exit,
    NeverReady,
    OutOfMemory,
    Resume,
    Shout,
    Signal,
    SlowStart,
    SpawnRefused,
    Stall,
    StartFails,
)

__all__ = [
    "AT_SPAWN",
    "Abort",
    "AgentCrash",
    "AllocFail",
    "AllocStop",
    "CleanupFails",
    "ControllerExit",
    "ControllerKill",
    "ControllerRaises",
    "ControllerStall",
    "CoreDump",
    "DescriptorsExhausted",
    "Exit",
    "ExitProcess",
    "Fault",
    "FaultBase",
    "Hang",
    "HostCrash",
    "IgnoresStop",
    "InitFails",
    "KillPid",
    "LatePolls",
    "Misreport",
    "NeverReady",
    "OutOfMemory",
    "Panic",
    "Plain",
    "PowerCycle",
    "ProcessExit",
    "ProcessesExhausted",
    "Raise",
    "Rank",
    "Resume",
    "SelfFail",
    "SelfUngracefulFail",
    "Shout",
    "SigSegv",
    "Signal",
    "SlowStart",
    "SpawnRefused",
    "Stall",
    "StartFails",
    "StopItself",
    "SubscriberGone",
    "When",
]

Fault = Union[
    Exit,
    Signal,
    CoreDump,
    OutOfMemory,
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
    CleanupFails,
    IgnoresStop,
    Shout,
    StartFails,
    SlowStart,
    NeverReady,
    SpawnRefused,
    HostCrash,
    PowerCycle,
    AgentCrash,
    DescriptorsExhausted,
    ProcessesExhausted,
    ControllerExit,
    ControllerKill,
    ControllerStall,
    ControllerRaises,
    LatePolls,
    SubscriberGone,
    Misreport,
    AllocStop,
    AllocFail,
]

#: Kinds that strike when their target is spawned, at no time of their own.
AT_SPAWN = (InitFails, StartFails, SlowStart, NeverReady, SpawnRefused)
