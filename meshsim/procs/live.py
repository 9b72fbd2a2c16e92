"""Backend `live`: every node is an OS process that runs freely, with its own clock and event loop.

What differs from `lockstep`: an event is handed over and not waited for; what the node made of it is a report that
comes when it comes. Timers are in the nodes. A host finds out by a pidfd that a child is dead, and waits for it; the
router, which knows what the child is called and what it printed, turns that into the event for the host's machine.

The router is this process: it asks for spawns and signals on behalf of the host that wants them, and the host does it.
"""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from meshsim.drive.backend import BackendError
from meshsim.drive.kernel import ProcessState
from meshsim.procs.backend import LockstepBackend, exit_status
from meshsim.procs.live_clock import LiveClock
from meshsim.procs.live_peer import LivePeer
from meshsim.procs.live_wire import Begin, ChildEnded, Delay, Delayed, Report, Take, Took
from meshsim.procs.peer import NodePeer
from meshsim.procs.wire import REPLIES, Reaped

if TYPE_CHECKING:
    from meshsim.model.boot import Program
    from meshsim.model.commands import NodeCommand
    from meshsim.model.events import Event
    from meshsim.model.hosts.process import ExitStatus
    from meshsim.model.ids import ActorId, Node
    from meshsim.model.messages import Envelope
    from meshsim.procs.child import NodeType

#: How long an end may stay unexplained, wall seconds: its host's own end, which took it along, may be read later.
_GRACE_S = 1.0
#: How often to look whether an end is still unexplained, wall seconds.
_LOOK_S = 0.5


class LiveBackend(LockstepBackend):
    """Free-running processes of this machine. `LiveConductor` drives it; see there for the flow of events."""

    name = "live"
    is_live = True
    steps_through = False

    def __init__(
        self,
        program: Program,
        *,
        run_id: str,
        time_scale: float = 1.0,
        deadline_s: float = 30.0,
        scratch: Path | None = None,
        node_type: NodeType | None = None,
    ) -> None:
        """As `LockstepBackend`; `time_scale` is wall time for virtual time. Nothing is pinned to a core."""
        #: From the start of the processes until `begin` it stands for nothing.
        self.clock = LiveClock.starting_now(time_scale)
        #: Events for the processes that are there from the start; None when the run has begun.
        self._first: list[tuple[Node, Take]] | None = []
        #: What nodes said, in the order in which it was read.
        self.reports: deque[tuple[Node, Took]] = deque()
        #: Processes whose connection has ended, and when that was seen (wall seconds).
        self.ends: dict[Node, float] = {}
        #: Events that were handed over and not reported yet, by node: when.
        self.outstanding: dict[Node, deque[int]] = {}
        self._reaped: dict[int, Reaped] = {}
        self._waited_for: dict[Node, ExitStatus] = {}
        self._epoll = select.epoll()
        self._of_descriptor: dict[int, LivePeer] = {}
        self._live: dict[Node, LivePeer] = {}
        #: Number of the record of an event that is about to be handed over; set by the conductor.
        self.record_of_event: Callable[[], int] = lambda: 0
        super().__init__(program, run_id=run_id, deadline_s=deadline_s, pin=False, scratch=scratch, node_type=node_type)

    def begin(self) -> None:
        """The run begins now: time passes, and the first processes take what they were given."""
        self.clock = LiveClock.starting_now(self.clock.time_scale)
        for peer in self._live.values():
            self._tell_begin(peer)
        first, self._first = self._first or [], None
        for node, take in first:
            self._hand(node, take)

    def _tell_begin(self, peer: LivePeer) -> None:
        peer.tell(Begin(self.clock.base_ns, self.clock.time_scale), "the start of the run")

    def _hand(self, node: Node, take: Take) -> None:
        self.outstanding[node].append(self.clock.now_ns())
        self._peers[node].tell(take, "an event")

    def collect(self, until_ns: int) -> None:
        """Wait until a virtual time, or until a node says something; read all that was said."""
        wait_s = 0.0 if self.reports else self.clock.wait_s(until_ns)
        if any(peer.live.is_full for peer in self._live.values()):
            wait_s = min(wait_s, 1e-3)
        # The timeouts of epoll itself are whole milliseconds.
        select.select([self._epoll], (), (), min(wait_s, _LOOK_S))
        for descriptor, _ in self._epoll.poll(0):
            self._pump(self._of_descriptor[descriptor])
        for peer in self._live.values():
            if peer.live.is_full:
                peer.live.flush()

    def _pump(self, peer: LivePeer) -> None:
        peer.pump()
        if peer.live.has_ended:
            self._forget(peer)
            self.ends.setdefault(peer.node, time.monotonic())

    def _forget(self, peer: LivePeer) -> None:
        descriptor = peer.live.fileno()
        if self._of_descriptor.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)
            del self._live[peer.node]

    def _heard(self, node: Node, report: Report) -> None:
        if isinstance(report, ChildEnded):
            self._reaped[report.pid] = report.reaped
        else:
            self.reports.append((node, report))

    def last_words(self, node: Node) -> list[Took]:
        """What a dead process had said and nobody has looked at yet, in order; it is gone from `reports`."""
        if node in self._live:
            self._pump(self._live[node])
        said = [report for each, report in self.reports if each == node]
        if said:
            rest = [entry for entry in self.reports if entry[0] != node]
            self.reports.clear()
            self.reports.extend(rest)
        return said

    def unexplained(self, is_gone: Callable[[Node], bool]) -> str:
        """An end that nothing in the run accounts for, and has not for a while; empty if there is none."""
        for node in [node for node in self.ends if is_gone(node)]:
            del self.ends[node]
        for node, seen_s in self.ends.items():
            if time.monotonic() - seen_s > _GRACE_S:
                return f"{node} ended, and nothing in the run ended it{self._peers[node].tail()}"
        return ""

    def delay(self, node: Node, actor: ActorId, key: str, by_ns: int, times: int | None) -> int:
        """A timer of a node fires later from now on, or so often. How many inputs the node had taken by then."""
        reply: object = self._peers[node].ask(Delay(actor, key, by_ns, times), REPLIES, "the request to be late")
        assert isinstance(reply, Delayed), reply
        return reply.taken

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        """Hand an event over. What the node asks for comes with its report."""
        take = Take(self.record_of_event(), event)
        if self._first is None:
            self._hand(node, take)
        else:
            self._first.append((node, take))
        return []

    def step_through(self, node: Node, messages: list[Envelope], now_ns: int) -> list[list[NodeCommand]]:
        raise AssertionError("nobody steps a live node: events are handed over one by one")

    def observe(self, node: Node, expected: ProcessState) -> ProcessState:
        """As in `lockstep`, but that a process which should be running may have ended itself a moment ago: its last
        report is on its way.

        Raises:
            BackendError: it is stopped, and the run did not stop it.
        """
        if expected is not ProcessState.RUNNING:
            return super().observe(node, expected)
        peer = self._peers[node]
        until = time.monotonic() + _GRACE_S
        while (state := peer.state()) is ProcessState.STOPPED:
            if time.monotonic() > until:
                raise BackendError(f"{node} is stopped (state T), and nothing in the run stopped it")
            time.sleep(1e-3)
        self._log.info("seen", node=node, pid=peer.pid, state=state.value, expected=expected.value)
        return expected

    def how_ended(self, node: Node, *, by: Node | None, expected: ExitStatus) -> ExitStatus:
        """How a dead process ended, before anybody is told that it was waited for; `reap` says the same later."""
        status = self._waited_for[node] = self.reap(node, by=by, expected=expected)
        return status

    def reap(self, node: Node, *, by: Node | None, expected: ExitStatus) -> ExitStatus:
        """What waitid said in the parent, which does it on its own when the pidfd says so."""
        if node in self._waited_for:
            return self._waited_for.pop(node)
        peer = self._peers[node]
        if node in self._live:
            self._forget(self._live[node])
        parent = None if by is None else self._live.get(by)
        if parent is not None:
            self._await_report(parent, peer.pid)
        if peer.pid not in self._reaped:
            return super().reap(node, by=None, expected=expected)
        status = exit_status(self._reaped[peer.pid])
        self._log.info("waited for", node=node, pid=peer.pid, by=by or "zygote", status=str(status))
        peer.release()
        return status

    def _await_report(self, parent: LivePeer, pid: int) -> None:
        """Wait until a host has said that this child is dead."""
        until = time.monotonic() + self._deadline_s
        while pid not in self._reaped:
            self._pump(parent)
            if parent.live.has_ended:
                return
            if time.monotonic() > until:
                raise BackendError(f"{parent.name} did not wait for its dead child within {self._deadline_s:g}s")
            if pid not in self._reaped:
                select.select([parent.live], (), (), 0.05)

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._epoll.close()

    def _met(self, node: Node, pid: int, descriptors: list[int]) -> NodePeer:
        peer = self._peers[node] = LivePeer(node, pid, descriptors, self._deadline_s, self._heard)
        self._live[node] = self._of_descriptor[peer.live.fileno()] = peer
        self._epoll.register(peer.live.fileno(), select.EPOLLIN)
        self.outstanding[node] = deque()
        if self._first is None:
            self._tell_begin(peer)
        return peer
