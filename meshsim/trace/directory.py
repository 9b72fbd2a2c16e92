"""Who is who in a trace: from the names people write to ids and nodes, and back.

Scenario files and stories say `trainer[1]`, `workers[2]`, `client`, `host0`; the modelled system says
`unix:@host0,workers_0-1aaaaaaaaaaa,trainer-2bbbbbbbbbbb[0]`. The directory learns the connection from the
records of processes and spawns as they come, so at any moment it knows what could be known then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from msgspec import UNSET

from meshsim.model.ids import (
    BOOTSTRAP,
    COMM,
    HOST_AGENT,
    LOCAL_PROC,
    PROC_AGENT,
    SERVICE_PROC,
    ActorId,
    Name,
    Node,
    ProcId,
    actor_id,
    actor_name_of,
    address_of,
    address_of_node,
    base_of,
    host_agent_id,
    mesh_agent_id,
    name_of_host,
    pid_of,
    proc_agent_id,
    proc_id,
    proc_name_of,
    proc_of,
)
from meshsim.model.notes import AllocStarted, HostsAllocated, MeshSpawned
from meshsim.trace.records import ProcessStarted, Record

_RANKED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\[(\d+)\]\Z")
_ACTOR_ID = re.compile(r"[a-z]+:[^\s,]+,[A-Za-z_][\w-]*,[A-Za-z_][\w-]*\[\d+\]")
_PROC_ID = re.compile(r"[a-z]+:[^\s,]+,[A-Za-z_][\w-]*")
_SUFFIX = re.compile(r"(?<=\w)-[1-9A-HJ-NP-Za-km-z]{12}\b")
_CLIENT = Name("client")

#: What a directory learns from.
DIRECTORY_TYPES = frozenset({ProcessStarted, MeshSpawned, AllocStarted, HostsAllocated})


class Directory:
    """Names, ids and nodes of one run. Feed it every record in order with `observe`."""

    def __init__(self) -> None:
        self._handlers: dict[type, Callable[[Record], None]] = {
            ProcessStarted: self._on_process_started,
            MeshSpawned: self._on_mesh_spawned,
            AllocStarted: self._on_alloc_started,
            HostsAllocated: self._on_hosts_allocated,
        }
        #: Kind of each node: `host`, `proc`, `allocated` or `client`.
        self.kinds: dict[Node, str] = {}
        #: The process that a host has come back as, by its name; the latest one.
        self.successors: dict[str, Node] = {}
        #: Host of each proc's node, and the full name under which the host knows the proc.
        self.hosts: dict[Node, Node] = {}
        self.proc_names: dict[Node, Name] = {}
        #: Meshes by label, as their spawn was recorded; the latest of a label.
        self.meshes: dict[str, MeshSpawned] = {}
        #: Who holds the alloc of allocated procs, by label.
        self.keepers: dict[str, ActorId] = {}
        #: The process that an allocated host is in: `more0`, `more1`, … by rank.
        self.allocated_hosts: dict[str, Node] = {}
        self._node_of_proc: dict[str, Node] = {}
        self._node_of_address: dict[str, Node] = {}
        self._name_of_proc: dict[str, str] = {}
        #: Of allocated processes, whose procs have addresses of their own.
        self._name_of_node: dict[str, str] = {}
        #: Allocated processes by the name that they are going to have, if nothing goes wrong.
        self._starting: dict[str, Node] = {}
        self._name_of_actor: dict[str, str] = {}

    @classmethod
    def of(cls, records: Iterable[Record]) -> Directory:
        """The directory of a whole trace."""
        directory = cls()
        handlers = directory._handlers
        for record in records:
            if type(record.what) in handlers:
                directory.observe(record)
        return directory

    def observe(self, record: Record) -> None:
        """Learn from one record; nothing happens for most."""
        handler = self._handlers.get(type(record.what))
        if handler is not None:
            handler(record)

    # --- from names to ids -------------------------------------------------------------------------------

    def actor(self, name: str) -> ActorId | None:
        """The actor that a name stands for: `trainer[1]`, `client`, or what `name_of_actor` returns.

        A host or a proc (`host0`, `workers[2]`) stands for its agent.
        """
        owner, dot, part = name.partition(".")
        if dot:
            return self.controller(owner) if part == "controller" else self._part_of(owner, part)
        ranked = _RANKED.match(name)
        mesh = self.meshes.get(ranked.group(1)) if ranked else None
        if ranked and mesh:
            rank = int(ranked.group(2))
            if rank >= len(mesh.members):
                return None
            member = mesh.members[rank]
            return ActorId(member) if mesh.kind == "actors" else _agent_of(mesh, ProcId(member))
        node = self.node(name)
        return None if node is None else self._main_actor(node)

    def node(self, name: str) -> Node | None:
        """The node that a name stands for; an actor stands for the node it lives in."""
        if name in self.successors:
            return self.successors[name]
        if name in self.kinds:
            return Node(name)
        if name in self.allocated_hosts:
            return self.allocated_hosts[name]
        ranked = _RANKED.match(name)
        if ranked:
            mesh = self.meshes.get(ranked.group(1))
            rank = int(ranked.group(2))
            if mesh is None:
                return self._starting.get(name)
            if rank >= len(mesh.procs):
                return None
            return self.node_of_proc(ProcId(mesh.procs[rank]))
        if "." in name:
            actor = self.actor(name)
            return None if actor is None else self.node_of_actor(actor)
        return None

    def proc(self, name: str) -> ProcId | None:
        """The proc that a name stands for: one rank of a mesh of procs, or where an actor of a mesh lives."""
        ranked = _RANKED.match(name)
        mesh = self.meshes.get(ranked.group(1)) if ranked else None
        if ranked and mesh:
            rank = int(ranked.group(2))
            return ProcId(mesh.procs[rank]) if rank < len(mesh.procs) else None
        node = self.node(name)
        host = None if node is None else self.hosts.get(node)
        return None if node is None or host is None else proc_id(address_of_node(host), self.proc_names[node])

    def controller(self, label: str) -> ActorId | None:
        """The controller of the actor mesh with this label."""
        mesh = self.meshes.get(label)
        return None if mesh is None else mesh.controller

    def mesh(self, label: str) -> MeshSpawned | None:
        return self.meshes.get(label)

    def node_of_proc(self, proc: ProcId) -> Node | None:
        """The node that a proc is, or lives in: `service` and `local` procs, and those of an in-process host."""
        node = self._node_of_proc.get(proc)
        return self._node_of_address.get(address_of(proc)) if node is None else node

    def node_of_address(self, address: str) -> Node | None:
        """The host or client that serves this front-end address."""
        return self._node_of_address.get(address)

    def node_of_actor(self, actor: ActorId) -> Node | None:
        return self.node_of_proc(proc_of(actor))

    # --- from ids to names -------------------------------------------------------------------------------

    def name_of_actor(self, actor: ActorId) -> str:
        """What people call an actor: `trainer[1]`, `client`, `host0.host_agent`, `workers[2].proc_agent`.

        `actor` of the result is the actor again, except for children with the same name.
        """
        # A composed name is not kept: a later spawn may give the actor, or its proc, a better one.
        return self._name_of_actor.get(actor) or self._composed_name(actor)

    def name_of_proc(self, proc: ProcId) -> str:
        """`workers[2]`, or the name of the node when the proc belongs to no mesh (yet)."""
        known = self._name_of_proc.get(proc)
        if known is not None:
            return known
        node = self._node_of_proc.get(proc)
        return node if node is not None else _without_suffix(proc_name_of(proc))

    def name_of_node(self, node: str) -> str:
        """`workers[2]` for the process of a proc, its own name for a host or a client, `world` for none."""
        if not node:
            return "world"
        name = self.proc_names.get(Node(node))
        if name is None:
            return self._name_of_node.get(node, node)
        return self._name_of_proc.get(proc_id(address_of_node(self.hosts[Node(node)]), name), node)

    def shortened(self, text: str) -> str:
        """A text of the modelled system with its ids replaced by names and its uuids left out."""
        if ":" in text:
            text = _ACTOR_ID.sub(lambda match: self.name_of_actor(ActorId(match.group())), text)
            text = _PROC_ID.sub(lambda match: self.name_of_proc(ProcId(match.group())), text)
        return _without_suffix(text)

    # --- learning ----------------------------------------------------------------------------------------

    def _on_process_started(self, record: Record) -> None:
        started = record.what
        assert isinstance(started, ProcessStarted)
        node = Node(record.node)
        self.kinds[node] = started.kind
        if started.kind == "proc":
            self.hosts[node] = Node(started.parent)
            self.proc_names[node] = Name(started.name)
            self._node_of_proc[proc_id(address_of_node(started.parent), started.name)] = node
            return
        address = address_of_node(node)
        self._node_of_address[address] = node
        if name_of_host(node) != node:
            self.successors[name_of_host(node)] = node
        if started.kind == "allocated":
            self._node_of_proc[proc_id(address, BOOTSTRAP)] = node
            label, _, index = node.rpartition("/")[2].rpartition("_")
            self._starting[f"{label}[{index}]"] = node
            return
        for proc in (SERVICE_PROC, LOCAL_PROC):
            self._node_of_proc[proc_id(address, proc)] = node

    def _on_mesh_spawned(self, record: Record) -> None:
        mesh = record.what
        assert isinstance(mesh, MeshSpawned)
        self.meshes[mesh.label] = mesh
        names = self._name_of_proc if mesh.kind == "procs" else self._name_of_actor
        for rank, member in enumerate(mesh.members):
            names[member] = f"{mesh.label}[{rank}]"
            node = self.node_of_proc(ProcId(member)) if mesh.alloc is not UNSET else None
            if node is not None and self.kinds[node] == "allocated":
                self._name_of_node[node] = names[member]
        if mesh.controller is not None:
            self._name_of_actor[mesh.controller] = f"{mesh.label}.controller"

    def _on_alloc_started(self, record: Record) -> None:
        started = record.what
        assert isinstance(started, AllocStarted)
        self.keepers[started.label] = started.keeper
        self._name_of_actor[started.keeper] = f"{started.label}.alloc"

    def _on_hosts_allocated(self, record: Record) -> None:
        allocated = record.what
        assert isinstance(allocated, HostsAllocated)
        for rank, host in enumerate(allocated.hosts):
            self.allocated_hosts[f"{allocated.label}{rank}"] = Node(host)

    def _main_actor(self, node: Node) -> ActorId:
        kind = self.kinds[node]
        if kind == "host":
            return host_agent_id(node)
        if kind == "client":
            return actor_id(proc_id(address_of_node(node), LOCAL_PROC), _CLIENT)
        if kind == "allocated":
            return actor_id(proc_id(address_of_node(node), BOOTSTRAP), BOOTSTRAP)
        return proc_agent_id(proc_id(address_of_node(self.hosts[node]), self.proc_names[node]))

    def _part_of(self, owner: str, part: str) -> ActorId | None:
        node = self.node(owner)
        if node is None:
            return None
        main = self._main_actor(node)
        if actor_name_of(main) == part:
            return main
        return self._comm_of(node) if part == COMM else None

    def _comm_of(self, node: Node) -> ActorId | None:
        """The comm actor of a proc that belongs to a mesh."""
        for mesh in self.meshes.values():
            if mesh.root_comm is not UNSET:
                for proc in mesh.procs:
                    if self._node_of_proc.get(proc) == node:
                        return actor_id(proc, actor_name_of(mesh.root_comm))
        return None

    def _composed_name(self, actor: ActorId) -> str:
        if "," not in actor:
            return actor  # Not of the modelled system: the scenario itself.
        proc = proc_of(actor)
        name = base_of(actor_name_of(actor))
        if name == _CLIENT and proc_name_of(proc) == LOCAL_PROC:
            return self._node_of_proc.get(proc) or address_of(proc).removeprefix("unix:@")
        pid = pid_of(actor)
        index = f"[{pid}]" if pid and name not in (HOST_AGENT, PROC_AGENT) else ""
        return f"{self.name_of_proc(proc)}.{name}{index}"


def _agent_of(mesh: MeshSpawned, proc: ProcId) -> ActorId:
    return proc_agent_id(proc) if mesh.alloc is UNSET else mesh_agent_id(proc)


def _without_suffix(text: str) -> str:
    return _SUFFIX.sub("", text)
