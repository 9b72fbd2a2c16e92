"""Which messages the ports of each operation are for. A port is opened for one type of message, and refuses any other.

An operation with several ports has one row: that its ports are told apart is left to their numbers.

Source: mesh_model.md 3.1, 3.4.
"""

from __future__ import annotations

from meshsim.model.alloc.messages import (
    AgentStatus,
    AllocInitialized,
    Configured,
    GspawnResult,
    HostReady,
    StopActorResult,
)
from meshsim.model.clients.allocating import AllocateRun, GspawnRun, QueryProcsRun, StopActorRun, StopAllocatedRun
from meshsim.model.clients.allocating_hosts import AllocateHostsRun
from meshsim.model.clients.asking import AskRun, DrillRun
from meshsim.model.clients.calls import AwaitRun, CallRun
from meshsim.model.clients.counting import TallyRun
from meshsim.model.clients.host_operations import AttachRun, ListProcsRun, ShutdownRun, SpawnHostsRun
from meshsim.model.clients.procedures import CountRun, QueryRun, StopActorsRun
from meshsim.model.clients.single_actor import AskActorRun
from meshsim.model.clients.spawn_actors import SpawnActorsRun
from meshsim.model.clients.spawn_procs import SpawnProcsRun
from meshsim.model.clients.state_queries import ActorStatesRun, ProcStatesRun
from meshsim.model.clients.stop_by_name import StopByNameRun
from meshsim.model.clients.stopping import StopProcsRun
from meshsim.model.messages import (
    Ack,
    Answer,
    Forward,
    Number,
    RankStatus,
    ResourceNames,
    Returned,
    StateReply,
    SubscriberCount,
)

#: By type of the operation.
PAYLOADS: dict[type, tuple[type, ...]] = {
    SpawnProcsRun: (RankStatus, StateReply),
    SpawnActorsRun: (RankStatus,),
    StopActorsRun: (StateReply,),
    StopByNameRun: (RankStatus,),
    StopProcsRun: (RankStatus,),
    QueryRun: (StateReply,),
    CountRun: (SubscriberCount,),
    ActorStatesRun: (StateReply,),
    ProcStatesRun: (StateReply,),
    AllocateRun: (AllocInitialized, Configured, RankStatus),
    AllocateHostsRun: (AllocInitialized, Configured, RankStatus, HostReady),
    StopAllocatedRun: (Ack,),
    QueryProcsRun: (AgentStatus,),
    GspawnRun: (GspawnResult,),
    StopActorRun: (StopActorResult,),
    ShutdownRun: (Ack,),
    ListProcsRun: (ResourceNames,),
    SpawnHostsRun: (),
    AttachRun: (Ack,),
    TallyRun: (Number,),
    AskRun: (Answer, Forward),
    DrillRun: (Answer,),
    CallRun: (Returned,),
    AwaitRun: (),
    AskActorRun: (StateReply,),
}
