"""One fault at the moment it strikes: who its target is, and what can be done to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

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
    """One fault at the moment it strikes. `cause` is the record that triggered it, if one did."""

    def __init__(self, world: World, index: int, fault: Fault, cause: int) -> None:
        self.world = world
        self.index = index
        self.fault = fault
        self.cause = cause

    def carry_out(self, does: Callable[..., None]) -> None:
        """Do it as its kind does, or record why it cannot be done."""
        try:
            does(self, self.fault)
        except MissedError as missed:
            self._record(FaultMissed(self.index, self.kind, self.fault.target, str(missed)))

    @property
    def kind(self) -> str:
        return tag_of(self.fault)

    def _record(self, what: FaultStruck | FaultMissed) -> int:
        return self.world.record(WORLD, self.cause, what)

    def struck(self, target: str, detail: str = "") -> int:
        """Record that it strikes; the number of the record, which causes what follows."""
        return self._record(FaultStruck(self.index, self.kind, target, detail))

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
        if self.world.table.state(node) is ProcessState.STOPPED:
            raise MissedError(f"{node} is stopped: it cannot call _exit")
        seq = self.struck(node, f"_exit({code})")
        self.world.processes.exit(node, code, seq)

    def shout(self, node: Node, lines: tuple[str, ...], code: int | None) -> None:
        if self.world.table.state(node) is ProcessState.STOPPED:
            raise MissedError(f"{node} is stopped: it cannot write")
        seq = self.struck(node, shouted(lines, code))
        self.world.processes.write(node, lines)
        if code is not None:
            self.world.processes.exit(node, code, seq)

    def send_signal(self, node: Node, number: int) -> None:
        seq = self.struck(node, signal_name(number))
        self.world.processes.signal(node, number, seq)

    def tell(self, actor: ActorId, message: Message, detail: str = "") -> None:
        """Hand a message to the target actor; a process that is stopped takes it when it continues."""
        self._alive(self.world.directory.node_of_actor(actor), self.fault.target)
        seq = self.struck(actor, detail)
        self.world.post.tell(actor, Envelope(SCENARIO, actor, message, returnable=False), seq)
