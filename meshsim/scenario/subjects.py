"""What an operation of a scenario is about."""

from __future__ import annotations

from meshsim.scenario.schema import (
    ActorStateOp,
    AllocateHostsOp,
    AllocateOp,
    AttachHostsOp,
    CloneOp,
    DrillOp,
    DropHostsOp,
    EndOp,
    GspawnOp,
    ListProcsOp,
    LocalHostOp,
    OperationSpec,
    ProcStatesOp,
    ProcStatusOp,
    ShutdownHostsOp,
    SliceOp,
    SpawnActorsOp,
    SpawnHostsOp,
    SpawnProcsOp,
    StopActorOp,
    StopAllOp,
    StopProcsOp,
)


def subject_of(spec: OperationSpec) -> str:
    """The name of a mesh or of procs, or hosts, as its records say it; empty when it is about its own actor."""
    match spec:
        case (
            SpawnProcsOp() | AllocateOp() | AllocateHostsOp() | SpawnActorsOp() | SpawnHostsOp() | SliceOp() | CloneOp()
        ):
            return spec.name
        case StopProcsOp(procs=procs) | ProcStatesOp(procs=procs) | ProcStatusOp(procs=procs):
            return procs
        case GspawnOp(proc=proc) | StopActorOp(proc=proc):
            return proc
        case ActorStateOp(actor=actor):
            return actor
        case StopAllOp(target=target):
            return target
        case LocalHostOp(by=by):
            return by
        case ListProcsOp(host=host):
            return host
        case ShutdownHostsOp(hosts=hosts) | AttachHostsOp(hosts=hosts) | DropHostsOp(hosts=hosts):
            return ",".join(hosts)
        case DrillOp(actor=actor):
            return actor
        case EndOp():
            return ""
        case _:
            return spec.mesh
