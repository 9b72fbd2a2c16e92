"""One fault at the moment it strikes: who its target is, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from signal import SIGCONT, SIGSTOP
from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from meshsim.drive.false_starts import process_to_be
from meshsim.drive.kernel import ProcessState
from meshsim.drive.output import shouted
from meshsim.drive.stage import SCENARIO
from meshsim.faults.kinds import Fault
from meshsim.faults.signals import signal_name
from meshsim.model.ids import ActorId, Node
from meshsim.model.messages import Envelope, Message
from meshsim.model.tags import tag_of
from meshsim.trace.records import WORLD, FaultMissed, FaultStruck

if TYPE_CHECKING:
    from meshsim.drive.world import World


class MissedError(Exception):
    """A fault cannot strike; the text says why."""


class Strike:
    """One fault at the moment it strikes one target. `cause` is the record that triggered it, if one did; `number`
    counts the strikes of a fault that has several.
    """

    def __init__(self, world: World, index: int, fault: Fault, cause: int, number: int | UnsetType = UNSET) -> None:
        self.world = world
        self.index = index
        self.fault = fault
        self.cause = cause
        self.kind = tag_of(fault)
        self.number = number

    def carry_out(self, does: Callable[..., None], kind: str = "") -> None:
        """Do it as its kind does, or record why it cannot be done. The end of a fault that lasts has its own `kind`."""
        self.kind = kind or self.kind
        try:
            does(self, self.fault)
        except MissedError as missed:
            self.missed(str(missed))

    def _record(self, what: FaultStruck | FaultMissed) -> int:
        return self.world.record(WORLD, self.cause, what)

    def struck(self, target: str, detail: str = "") -> int:
        """Record that it strikes; the number of the record, which causes what follows."""
        return self._record(FaultStruck(self.index, self.kind, target, detail, self.number))

    def missed(self, why: str) -> int:
        """Record that it cannot strike."""
        return self._record(FaultMissed(self.index, self.kind, self.fault.target, why, self.number))

    # --- targets -------------------------------------------------------------------------------------------

    def process(self, target: str) -> Node:
        node = self.world.directory.node(target)
        if node is None:
            starting = process_to_be(self.world.plan, target)
            node = starting if starting in self.world.directory.kinds else None
        return self._alive(node, target)

    def controller_process(self, mesh: str) -> Node:
        controller = self.world.directory.controller(mesh)
        node = None if controller is None else self.world.directory.node_of_actor(controller)
        return self._alive(node, f"the controller of {mesh}")

    def _alive(self, node: Node | None, what: str) -> Node:
        if node is None:
            raise MissedError(f"{what} does not exist, or not yet")
        if self.world.table.state(node) in (ProcessState.DEAD, ProcessState.REAPED):
            raise MissedError(f"the process of {what} is gone")
        return node

    def actor(self, target: str) -> ActorId:
        actor = self.world.directory.actor(target)
        if actor is None:
            raise MissedError(f"{target} does not exist, or not yet")
        return actor

    def keeper(self, label: str) -> ActorId:
        """Who holds the alloc of these procs."""
        keeper = self.world.directory.keepers.get(label)
        if keeper is None:
            raise MissedError(f"the alloc of {label} does not exist, or not yet")
        return keeper

    # --- what a strike can do --------------------------------------------------------------------------------

    def end_process(self, node: Node, code: int) -> None:
        self.running(node, "call _exit")
        seq = self.struck(node, f"_exit({code})")
        self.world.processes.exit(node, code, seq)

    def shout(self, node: Node, lines: tuple[str, ...], code: int | None) -> None:
        self.running(node, "write")
        seq = self.struck(node, shouted(lines, code))
        self.world.processes.write(node, lines)
        if code is not None:
            self.world.processes.exit(node, code, seq)

    def send_signal(self, node: Node, number: int, *, group: bool = False) -> None:
        seq = self.struck(node, f"{signal_name(number)}{' to its group' if group else ''}")
        self.world.processes.signal(node, number, seq, group=group)

    def stall(self, node: Node) -> None:
        """Stop a process until the end of this strike, of all that overlap it, or until somebody continues it."""
        self.send_signal(node, SIGSTOP)
        self.world.processes.stalls.setdefault(node, []).append(self)

    def end_stall(self, node: Node) -> None:
        others = [stall for stall in self.world.processes.stalls.get(node, []) if stall is not self]
        if others:
            self.world.processes.stalls[node] = others
            self.struck(node, "still stopped by another stall")
        else:
            self.send_signal(node, SIGCONT)

    def running(self, node: Node, to: str) -> Node:
        """A process that has to do something itself."""
        if self.world.table.state(node) is ProcessState.STOPPED:
            raise MissedError(f"{node} is stopped: it cannot {to}")
        return node

    def tell(self, actor: ActorId, message: Message, detail: str = "") -> None:
        """Hand a message to the target actor; a process that is stopped takes it when it continues."""
        self._alive(self.world.directory.node_of_actor(actor), self.fault.target)
        seq = self.struck(actor, detail)
        self.world.post.tell(actor, Envelope(SCENARIO, actor, message, returnable=False), seq)
