"""What a backend has to provide: how a node is made, stepped, struck and ended.

The conductor (`meshsim.drive.conductor`) knows what must happen; a backend makes it happen. `sim` does it on objects
and answers what the model expects; `lockstep` does it on OS processes and answers what the kernel says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from meshsim.drive.kernel import ProcessState
    from meshsim.model.boot import NodeBoot
    from meshsim.model.commands import NodeCommand
    from meshsim.model.events import Event
    from meshsim.model.hosts.process import ExitStatus
    from meshsim.model.ids import Node
    from meshsim.model.messages import Envelope


#: What a process can run out of, so that it cannot start another: EMFILE, EAGAIN.
Resource = Literal["descriptors", "processes"]


class BackendError(RuntimeError):
    """The machine could not do what the run asked (spawn, step or signal in time): the run is inconclusive."""


class NodeRaisedError(BackendError):
    """Code of a node, the model's or a scenario's own, raised where it should return: the run is violated."""


class Backend(Protocol):
    """One way to have nodes. Calls come one at a time; each returns when it has taken effect."""

    name: str
    #: Whether what a node receives in a row at one instant should be handed over in one call.
    steps_through: bool

    def start(self, boot: NodeBoot) -> None:
        """Make a process that no host owns: a host or a client."""

    def spawn(self, parent: Node, boot: NodeBoot, *, pdeathsig: bool) -> None:
        """Have the host `parent` start a child process of its own."""

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        """Feed one event to a running node and return what it asks for."""

    def step_through(self, node: Node, messages: list[Envelope], now_ns: int) -> list[list[NodeCommand]]:
        """Feed messages one after the other, in one call; what each asks for. A node that exits takes no more.

        Only called when `steps_through` is true.
        """

    def exit(self, node: Node, code: int) -> None:
        """Have the process end itself with `_exit(code)`."""

    def signal_itself(self, node: Node, signal: int) -> None:
        """Have the process bring a deadly signal upon itself: by a null write for SIGSEGV, else to its own pid."""

    def dump_core(self, node: Node, signal: int) -> None:
        """As `signal_itself`, by a process that may dump its core, which goes nowhere.

        Raises:
            BackendError: this machine would keep the core somewhere, or allows none.
        """

    def exhaust_memory(self, node: Node) -> str:
        """Have the process take memory until it gets no more: `ENOMEM`; empty if it got all it asked for."""

    def limit(self, node: Node, resource: Resource, *, on: bool) -> None:
        """Take a host's process all it has left of a resource, or give it back."""

    def spawn_in_vain(self, parent: Node, boot: NodeBoot, *, expected: str) -> str:
        """Have the host try to start a child that its limits forbid: `EMFILE`, `EAGAIN`; empty if there is a child."""

    def leave_parent(self, node: Node) -> None:
        """Have the process give up its parent-death signal."""

    def write(self, node: Node, lines: tuple[str, ...]) -> None:
        """Have the process write these lines to stderr."""

    def written(self, node: Node, expected: tuple[str, ...]) -> tuple[str, ...]:
        """`expected` if the process wrote that, in this order and perhaps among other lines; else all it did."""

    def signal(self, node: Node, signal: int, *, by: Node | None, group: bool = False) -> None:
        """Send a signal: by the host that owns the process (to its process group), or from outside (None), where
        `group` says whether it goes to the group.
        """

    def observe(self, node: Node, expected: ProcessState) -> ProcessState:
        """What state the process is in, after waiting (with a deadline) for the expected one."""

    def reap(self, node: Node, *, by: Node | None, expected: ExitStatus) -> ExitStatus:
        """Wait for the dead process, in its true parent `by` or in the subreaper (None); the kernel's status."""

    def close(self) -> None:
        """End every process that is still there and free everything. May be called at any time, and twice."""
