"""What a new process of the modelled world starts from: plain data, plus the program shipped once beside it."""

from __future__ import annotations

import msgspec

from meshsim.model.ids import Name, Node, PortRef


class NodeBoot(msgspec.Struct, frozen=True):
    """Everything that makes one node different from another."""

    node: Node
    #: `host`, `proc` or `client`.
    kind: str
    #: Every configuration attribute as resolved for this node (`meshsim.model.config`).
    config: dict[str, int | bool | str]
    #: Key of the node's own `NameSource`.
    name_key: int = 0
    #: Wall clock of the node minus virtual time.
    clock_offset_ns: int = 0
    #: Procs: the full proc name, and the node of the host that runs it.
    proc_name: Name = Name("")
    host: Node = Node("")
    #: Procs: where to report readiness.
    callback: PortRef | None = None


class Program(msgspec.Struct, frozen=True):
    """Code that nodes need: actor types by registered name. Shipped with dill, once, before the first fork."""

    actor_types: dict[str, type]
