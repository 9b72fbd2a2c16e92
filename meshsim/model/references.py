"""Addresses, and the order of references.

A reference names a proc, an actor of it or a port of that, and says nothing about whether there is one. References are
in one total order, by (proc, actor name, pid, port) and shorter before longer, so all that begins with a proc or an
actor stands together behind it.

Source: mesh_model.md 3.2, 7.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.ids import ActorId, PortRef, ProcId, actor_name_of, pid_of, proc_of


class AddressError(ValueError):
    """A text that is no channel address."""


class Transport(Enum):
    """How an address is reached, and what stands before its colon."""

    TCP = "tcp"
    TLS = "tls"
    METATLS = "metatls"
    UNIX = "unix"
    LOCAL = "local"
    SIM = "sim"
    ALIAS = "alias"

    @property
    def is_remote(self) -> bool:
        """Whether an allocated proc dials such an address by itself, instead of asking who made it."""
        return self in (Transport.TCP, Transport.TLS, Transport.METATLS)


class Address(msgspec.Struct, frozen=True):
    """A channel address. What stands behind the colon is a host and a port, a path, a number, or two addresses."""

    transport: Transport
    place: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address written as `tcp:IP:port`, `unix:path`, `local:n`, `alias:dial_to=…;bind_to=…` and so on.

        Raises:
            AddressError: no such transport, or the place is not of its form.
        """
        name, colon, place = text.partition(":")
        if not colon or name not in {transport.value for transport in Transport}:
            raise AddressError(f"no channel address: {text}")
        made = cls(Transport(name), place)
        if not made._is_well_formed():
            raise AddressError(f"no address of transport {name}: {text}")
        return made

    def _is_well_formed(self) -> bool:
        match self.transport:
            case Transport.TCP | Transport.TLS | Transport.METATLS:
                host, _, port = self.place.rpartition(":")
                return bool(host) and port.isdecimal() and int(port) < 1 << 16
            case Transport.LOCAL:
                return self.place.isdecimal()
            case Transport.ALIAS:
                return self.dial_to is not None
            case Transport.UNIX | Transport.SIM:
                return bool(self.place)

    @property
    def dial_to(self) -> Address | None:
        """Of an alias: where it is dialled, which need not be where it is served."""
        dial, semicolon, bind = self.place.partition(";")
        if self.transport is not Transport.ALIAS or not semicolon or not bind.startswith("bind_to="):
            return None
        Address.parse(bind.removeprefix("bind_to="))
        return Address.parse(dial.removeprefix("dial_to=")) if dial.startswith("dial_to=") else None

    def __str__(self) -> str:
        return f"{self.transport.value}:{self.place}"


#: Place of a reference in the order of all; what it does not name is left out.
Place = tuple[str] | tuple[str, str, int] | tuple[str, str, int, int]


def place_of_proc(proc: ProcId) -> Place:
    return (proc,)


def place_of_actor(actor: ActorId) -> Place:
    """Pids count as numbers: `a[10]` comes after `a[9]`."""
    return (proc_of(actor), actor_name_of(actor), pid_of(actor))


def place_of_port(port: PortRef) -> Place:
    return (proc_of(port.actor), actor_name_of(port.actor), pid_of(port.actor), port.index)
