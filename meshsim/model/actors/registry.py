"""Actor types by name: what a spawn may ask for, and what every process has to know."""

from __future__ import annotations

from meshsim.model.actors.plain import (
    EmptyActor,
    FailingCreateTestActor,
    SleepActor,
    TestActor,
    TestActorWithFailingSupervision,
    TestActorWithSupervisionHandling,
)
from meshsim.model.actors.python_actors import (
    PythonActor,
    PythonActorThatHandles,
    PythonActorThatRaises,
    PythonActorThatTakesBack,
)
from meshsim.model.actors.runtime_actor import RuntimeTestActor
from meshsim.model.actors.wrapper import WrapperActor
from meshsim.model.alloc.trampoline import TRAMPOLINE, HostMeshTrampoline
from meshsim.model.boot import ActorType, Program
from meshsim.model.messaging.comm import COMM_ACTOR, CommActor

ACTOR_TYPES: dict[str, ActorType] = {
    actor_type.__name__: actor_type
    for actor_type in (
        TestActor,
        TestActorWithSupervisionHandling,
        TestActorWithFailingSupervision,
        WrapperActor,
        SleepActor,
        EmptyActor,
        FailingCreateTestActor,
        PythonActor,
        PythonActorThatHandles,
        PythonActorThatRaises,
        PythonActorThatTakesBack,
        RuntimeTestActor,
    )
}

#: Types that the modelled system spawns by itself; a scenario cannot.
SYSTEM_TYPES: dict[str, ActorType] = {COMM_ACTOR: CommActor, TRAMPOLINE: HostMeshTrampoline}

#: Types whose actors may own meshes and subscribe to them.
CONTEXT_TYPES = frozenset(
    {
        "TestActor",
        "TestActorWithSupervisionHandling",
        "TestActorWithFailingSupervision",
        "WrapperActor",
        "PythonActor",
        "PythonActorThatHandles",
        "PythonActorThatRaises",
        "PythonActorThatTakesBack",
    }
)


def default_program() -> Program:
    """The program of a run that brings no types of its own."""
    return Program(actor_types={**ACTOR_TYPES, **SYSTEM_TYPES})
