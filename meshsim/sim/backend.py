"""Backend `sim`: nodes are objects of this process, and the operating system is what the model says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshsim.model.runtime.node import NodeMachine

if TYPE_CHECKING:
    from meshsim.drive.backend import Resource
    from meshsim.drive.kernel import ProcessState
    from meshsim.model.boot import NodeBoot, Program
    from meshsim.model.commands import NodeCommand
    from meshsim.model.events import Event
    from meshsim.model.hosts.process import ExitStatus
    from meshsim.model.ids import Node
    from meshsim.model.messages import Envelope


class SimBackend:
    """Implements `meshsim.drive.backend.Backend` without a process."""

    name = "sim"
    steps_through = False

    def __init__(self, program: Program) -> None:
        self.program = program
        self.nodes: dict[Node, NodeMachine] = {}

    def start(self, boot: NodeBoot) -> None:
        self.nodes[boot.node] = NodeMachine(boot, self.program)

    def spawn(self, parent: Node, boot: NodeBoot, *, pdeathsig: bool) -> None:
        self.nodes[boot.node] = NodeMachine(boot, self.program)

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        return self.nodes[node].handle(event, now_ns)

    def step_through(self, node: Node, messages: list[Envelope], now_ns: int) -> list[list[NodeCommand]]:
        raise AssertionError("nothing is won by taking several messages at once: `steps_through` is false")

    def exit(self, node: Node, code: int) -> None:
        """The process table has the exit already; here nothing has to be ended."""

    def signal_itself(self, node: Node, signal: int) -> None:
        """As `exit`."""

    def dump_core(self, node: Node, signal: int) -> None:
        """As `exit`."""

    def exhaust_memory(self, node: Node) -> str:
        return "ENOMEM"

    def limit(self, node: Node, resource: Resource, *, on: bool) -> None:
        """As `exit`: who starts a child knows that it is going to be refused."""

    def spawn_in_vain(self, parent: Node, boot: NodeBoot, *, expected: str) -> str:
        return expected

    def leave_parent(self, node: Node) -> None:
        """As `exit`."""

    def write(self, node: Node, lines: tuple[str, ...]) -> None:
        """As `exit`: who wants to know what was written has it already."""

    def written(self, node: Node, expected: tuple[str, ...]) -> tuple[str, ...]:
        return expected

    def signal(self, node: Node, signal: int, *, by: Node | None, group: bool = False) -> None:
        """As `exit`: what follows from the signal is in the process table."""

    def observe(self, node: Node, expected: ProcessState) -> ProcessState:
        return expected

    def reap(self, node: Node, *, by: Node | None, expected: ExitStatus) -> ExitStatus:
        return expected

    def close(self) -> None:
        self.nodes.clear()
