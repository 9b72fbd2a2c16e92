"""What an operation of a scenario is about."""

from __future__ import annotations

from meshsim.scenario.schema import (
    AttachHostsOp,
    CloneOp,
    DropHostsOp,
    EndOp,
    ListProcsOp,
    LocalHostOp,
    OperationSpec,
    ProcStatesOp,
    ShutdownHostsOp,
    SliceOp,
    SpawnActorsOp,
    SpawnHostsOp,
    SpawnProcsOp,
    StopAllOp,
    StopProcsOp,
)


def subject_of(spec: OperationSpec) -> str:
    """The name of a mesh or of procs, or hosts, as its records say it; empty when it is about its own actor."""
    match spec:
        case SpawnProcsOp() | SpawnActorsOp() | SpawnHostsOp() | SliceOp() | CloneOp():
            return spec.name
        case StopProcsOp(procs=procs) | ProcStatesOp(procs=procs):
            return procs
        case StopAllOp(target=target):
            return target
        case LocalHostOp(by=by):
            return by
        case ListProcsOp(host=host):
            return host
        case ShutdownHostsOp(hosts=hosts) | AttachHostsOp(hosts=hosts) | DropHostsOp(hosts=hosts):
            return ",".join(hosts)
        case EndOp():
            return ""
        case _:
            return spec.mesh
