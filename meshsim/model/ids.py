"""Names and ids of the modelled system, in the text form of the described revision.

Ids are plain text under a type of their own: they hash fast, compare fast, travel as they are, and print as
the reference prints them (supervision.md 1.3, mesh_model.md 7):

    ProcId    {address},{proc name}              unix:@host0,workers_0-1aaaaaaaaaaa
    ActorId   {address},{proc name},{actor}[{pid}]   unix:@host0,workers_0-1aaaaaaaaaaa,proc_agent[0]

A `Node` is one OS process of the modelled world; its name (`host0`, `host0/workers_0`, `client`) is ours and is
what scenario files and traces use.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NewType

import msgspec

Node = NewType("Node", str)
Name = NewType("Name", str)
ProcId = NewType("ProcId", str)
ActorId = NewType("ActorId", str)

#: Flickr base-58: no 0, O, I, l.
ALPHABET = "123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ"
UUID_DIGITS = 12
_MASK = (1 << 64) - 1

SERVICE_PROC = Name("service")
LOCAL_PROC = Name("local")
HOST_AGENT = Name("host_agent")
PROC_AGENT = Name("proc_agent")
#: Base of the names of comm actors.
COMM = Name("comm")
#: Proc and actor of an allocated process that has been told nothing yet.
BOOTSTRAP = Name("bootstrap")
#: The service of a host that allocates processes there.
REMOTE_ALLOCATOR = Name("remote_allocator")
#: Stands for the router of a process.
FORWARDER = Name("forwarder")
#: The agent of a proc on the allocated path.
MESH_AGENT = Name("mesh")


class InvalidNameError(ValueError):
    """A base name breaks the rule of supervision.md 1.3; the text is the reference's."""


def short_uuid(number: int) -> str:
    """A 64-bit number as twelve base-58 digits, most significant first: 0 is `111111111111`."""
    digits = []
    for _ in range(UUID_DIGITS):
        number, digit = divmod(number, 58)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def checked_base(base: str) -> str:
    """`base` if it may begin a name: an identifier, with `::` wherever it likes; the empty text becomes `unnamed`.

    Raises:
        InvalidNameError: something else than letters, digits and underscores, or a leading digit.
    """
    if base == "":
        return "unnamed"
    if not base.replace("::", "_").isidentifier():
        raise InvalidNameError(
            f"invalid name '{base}': names must contain only alphanumeric characters and underscores, "
            "and must start with a letter or underscore"
        )
    return base


class NameSource(msgspec.Struct):
    """Draws suffixed names. A counter-keyed hash, so that a machine which holds one stays pure."""

    key: int
    drawn: int = 0

    def draw(self, base: str) -> Name:
        """The next suffixed name, `{base}-{12 digits}`."""
        return Name(f"{checked_base(base)}-{short_uuid(self._next())}")

    def draw_uuid(self) -> str:
        """The next short uuid in its stand-alone form, `_` and twelve digits: alloc names, create keys."""
        return f"_{short_uuid(self._next())}"

    def branch(self) -> NameSource:
        """A source of its own for another machine; what is drawn there shifts nothing here."""
        return NameSource(self._next())

    def _next(self) -> int:
        self.drawn += 1
        return splitmix64(splitmix64(self.key) + self.drawn)


def splitmix64(value: int) -> int:
    """A hash of 64 bits: the same everywhere, unlike the language's own."""
    value = (value * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def base_of(name: str) -> str:
    """A suffixed name without its suffix; a reserved name unchanged."""
    return name.split("-", 1)[0]


def fixed_proc_name(base: str, address: str) -> Name:
    """Name of a proc whose base is given: with eight hex digits of a hash of its address, which `base_of` strips."""
    value = 0
    for byte in address.encode():
        value = splitmix64(value + byte)
    return Name(f"{base}-{value & 0xFFFFFFFF:08x}")


def address_of_node(node: str) -> str:
    """The front-end address that a host or client process serves; `host0~2` comes back at that of `host0`."""
    return f"unix:@{name_of_host(node)}" if "~" in node else f"unix:@{node}"


def name_of_host(node: str) -> str:
    """The name that a host has however often it came back: `host0` for `host0~2`. Other processes keep their own."""
    return node if "/" in node else node.partition("~")[0]


def node_of_address(address: str) -> Node:
    """The process that serves a front-end address, if any does."""
    return Node(address.removeprefix("unix:@"))


def proc_id(address: str, proc: str) -> ProcId:
    return ProcId(f"{address},{proc}")


def actor_id(proc: str, actor: str, pid: int = 0) -> ActorId:
    return ActorId(f"{proc},{actor}[{pid}]")


def host_agent_id(host: str) -> ActorId:
    """Attested, not looked up: the agent of a host is where it must be."""
    return actor_id(proc_id(address_of_node(host), SERVICE_PROC), HOST_AGENT)


def remote_allocator_id(host: str) -> ActorId:
    """Attested, as agents are."""
    return actor_id(proc_id(address_of_node(host), LOCAL_PROC), REMOTE_ALLOCATOR)


def proc_agent_id(proc: ProcId) -> ActorId:
    return actor_id(proc, PROC_AGENT)


def mesh_agent_id(proc: ProcId) -> ActorId:
    """The agent of an allocated proc."""
    return actor_id(proc, MESH_AGENT)


@lru_cache(maxsize=1 << 17)
def proc_of(actor: ActorId) -> ProcId:
    return ProcId(actor.rsplit(",", 1)[0])


def address_of(proc: ProcId) -> str:
    return proc.rsplit(",", 1)[0]


@lru_cache(maxsize=1 << 17)
def proc_name_of(proc: ProcId) -> Name:
    return Name(proc.rsplit(",", 1)[1])


@lru_cache(maxsize=1 << 17)
def actor_name_of(actor: ActorId) -> Name:
    """The name part of an actor id, without address, proc and pid."""
    return Name(actor.rsplit(",", 1)[1].rsplit("[", 1)[0])


def short_actor_name(actor: ActorId) -> str:
    """What an actor is called in its process, without the suffix that makes its name unique: `trainer[0]`."""
    return f"{base_of(actor_name_of(actor))}[{pid_of(actor)}]"


def pid_of(actor: ActorId) -> int:
    """The number in brackets: 0 for root actors, 1 and up for children."""
    return int(actor.rsplit("[", 1)[1][:-1])


class PortRef(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A port of an actor; `index` 0 stands for its handler ports, 1024 and up for ports it opened."""

    actor: ActorId
    index: int
    #: Whether a reply that cannot be delivered comes back to the one who replies.
    returnable: bool = True
    #: How updates for it combine on their way (`meshsim.model.messaging.reducers`); empty when they do not.
    reducer: str = ""
    #: It takes one message.
    once: bool = False
    #: Longest time that a relay with a reducer holds back an update; 0 leaves it to the relay's configuration.
    max_interval_ns: int = 0


#: First index of a port that an actor opens itself. Source: mesh_model.md 3.1.
FIRST_EPHEMERAL_PORT = 1024
