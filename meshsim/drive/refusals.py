"""Child processes that the kernel refuses a host: once, by a fault of that proc, or as long as the host has run out.

Source: supervision.md 9.1 (`failed to spawn process`), fork(2), socketpair(2).
"""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.backend import Backend, Resource
from meshsim.drive.false_starts import FalseStarts
from meshsim.faults.kinds import SpawnRefused
from meshsim.model.boot import NodeBoot
from meshsim.model.ids import Node
from meshsim.trace.records import WORLD, Body, FaultStruck


class Refusals:
    """Who may not start a child."""

    def __init__(
        self,
        false_starts: FalseStarts,
        backend: Backend,
        record: Callable[[str, int, Body], int],
        agree: Callable[[Node, int, str, str], None],
    ) -> None:
        self._false_starts = false_starts
        self._backend = backend
        self._record = record
        #: Holds the kernel to an error (node, cause, expected, observed).
        self._agree = agree
        #: Resources that hosts have run out of.
        self._limited: dict[Node, list[Resource]] = {}

    def limit(self, host: Node, resource: Resource, *, on: bool) -> None:
        """The host has no more of a resource, or has it back: when the last of those who took it gives it back."""
        held = self._limited.setdefault(host, [])
        if on:
            held.append(resource)
        else:
            held.remove(resource)
        if held.count(resource) == on:
            self._backend.limit(host, resource, on=on)

    def is_limited(self, host: Node, resource: Resource) -> bool:
        """Whether somebody took this resource from the host. One that came back is another process, without limits."""
        return resource in self._limited.get(host, ())

    def why(self, host: Node, boot: NodeBoot, cause: int) -> tuple[str, int] | None:
        """Have the host try to start a child that it may not have: the kernel's error, and the record of its cause.

        None if it may have it.
        """
        index, fault = self._false_starts.get(boot.node, (0, None))
        if isinstance(fault, SpawnRefused):
            cause = self._record(WORLD, cause, FaultStruck(index, "spawn_refused", boot.node, fault.errno))
            resource: Resource = "descriptors" if fault.errno == "EMFILE" else "processes"
            self.limit(host, resource, on=True)
            error = self._try(host, boot, cause)
            self.limit(host, resource, on=False)
            return error, cause
        return (self._try(host, boot, cause), cause) if self._limited.get(host) else None

    def _try(self, host: Node, boot: NodeBoot, cause: int) -> str:
        """Descriptors come first: a child's socket is made before its process."""
        expected = "EMFILE" if "descriptors" in self._limited[host] else "EAGAIN"
        self._agree(host, cause, expected, self._backend.spawn_in_vain(host, boot, expected=expected))
        return expected
