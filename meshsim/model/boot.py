"""What a new process of the modelled world starts from: plain data, plus the program shipped once beside it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from meshsim.model.config import Config
from meshsim.model.ids import ActorId, Name, Node, PortRef
from meshsim.model.machine import Machine
from meshsim.model.messages import ActorSpec
from meshsim.model.operations import ActorMeshRef
from meshsim.model.quirks import DEFAULT_PROFILE, PROFILES, REVISION_OF
from meshsim.model.status import Status
from meshsim.model.wall_clock import TRUE_CLOCK, WallClock


class Turn(msgspec.Struct, frozen=True):
    """A choice of an actor between queues that are ready, told beforehand."""

    #: The actor's name in its process, without its suffix: `trainer[0]`.
    actor: str
    #: Number of the choice, from 0.
    choice: int
    #: `signal`, `supervision` or `work`.
    queue: str
    #: Number of the decision that says so.
    decision: int


class NodeBoot(msgspec.Struct, frozen=True):
    """Everything that makes one node different from another."""

    node: Node
    #: `host`, `proc`, `allocated` or `client`.
    kind: str
    #: Every configuration attribute as resolved for this node (`meshsim.model.config`).
    config: dict[str, int | bool | str]
    #: Quirks that are turned off.
    quirks_off: tuple[str, ...] = PROFILES[DEFAULT_PROFILE]
    #: Name of the modelled system's revision (`meshsim.model.revision`).
    revision: str = REVISION_OF[DEFAULT_PROFILE]
    #: Clients: which kind of root client it has (`meshsim.model.clients.root_clients`).
    client_kind: str = "rust"
    #: Key of the node's own `NameSource`.
    name_key: int = 0
    #: Key of the choices among queues that are ready at once; 0 for the fixed order.
    choice_key: int = 0
    #: Choices among such queues that are told.
    turns: tuple[Turn, ...] = ()
    #: Wall clock of the node.
    clock: WallClock = TRUE_CLOCK
    #: Procs: the full proc name, and the node of the host that runs it.
    proc_name: Name = Name("")
    #: Hosts: whether their procs live in the host's own process.
    in_process: bool = False
    #: Hosts: whether they have an allocator for clients elsewhere.
    allocates: bool = False
    host: Node = Node("")
    #: Procs: where to report readiness.
    callback: PortRef | None = None
    #: Procs: create rank.
    rank: int = 0
    #: Allocated processes: who started them, and the number by which it knows them.
    alloc: ActorId = ActorId("")
    index: int = 0


class ConstructorError(Exception):
    """A type of actors or of controllers refuses to be constructed; the text becomes the spawn error."""


class Setting(msgspec.Struct, frozen=True):
    """What an actor is constructed with, beside its parameters."""

    me: ActorId
    rank: int
    config: Config
    name_key: int


class ActorType(Protocol):
    """A class of actors that a spawn may name."""

    def construct(self, setting: Setting, params: dict[str, object]) -> Machine:
        """Make one.

        Raises:
            ConstructorError: it cannot be made with these parameters.
        """


class ControllerSetting(msgspec.Struct, frozen=True):
    """What the controller of an actor mesh is constructed with. It has no id yet: that comes when it is spawned."""

    #: Which ranks there are, and the agent of each.
    mesh: ActorMeshRef
    #: Base of the ranked display names (supervision.md 1.4).
    display_name: str
    #: Who spawned the mesh and is told of failures; none where owners take none.
    owner: ActorId | None
    #: Status of each rank at the end of the spawn.
    statuses: dict[int, Status]
    config: Config
    #: What the actors were created from.
    spec: ActorSpec
    #: What the scenario gives to a controller of its own.
    params: dict[str, object] = {}


class ControllerType(Protocol):
    """A class of controllers that a scenario may name."""

    def for_mesh(self, setting: ControllerSetting) -> Machine:
        """Make the controller of one mesh.

        Raises:
            ConstructorError: it cannot be made with these parameters.
        """


class Program(msgspec.Struct, frozen=True):
    """Code that nodes need. Shipped with dill, once, before the first fork."""

    #: By registered name.
    actor_types: dict[str, ActorType]
    #: Of the user's, by `module:Class`.
    controller_types: dict[str, ControllerType] = {}
