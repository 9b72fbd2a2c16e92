"""What a free-running node's process does: an event loop over its socket, its timers and the pidfds of its children.

Nobody steps it. It takes what comes when it comes, at the time that its own clock says, and reports what it took and
what the machine asked for. Its timers are its own; when the machine ends the process, it ends, at once.
"""

from __future__ import annotations

import os
import select
import socket

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import CancelTimer, ExitProcess, NodeCommand, SetTimer, SignalSelf
from meshsim.model.events import Event, TimerFired
from meshsim.model.ids import ActorId
from meshsim.procs.child import ABANDONED, NodeType, SteppedNode, answer, die, end, settle_in
from meshsim.procs.children import Nursery
from meshsim.procs.live_clock import LiveClock
from meshsim.procs.live_timers import Timers
from meshsim.procs.live_wire import LIVE_REQUESTS, Begin, ChildEnded, Delay, Delayed, Take, Took
from meshsim.procs.transport import Channel, ChannelClosedError

#: Waits up to this are exact, seconds.
_LAST_BIT_S = 2e-3


class LiveMain:
    """The main function of every process of a `live` run."""

    def __init__(self, node_type: NodeType, program: Program) -> None:
        self._node_type = node_type
        self._program = program

    def __call__(self, boot: NodeBoot, connection: socket.socket, output: int, parent: int, pdeathsig: bool) -> None:
        settle_in(boot, connection, output, parent, pdeathsig)
        channel = Channel(connection)
        try:
            begin = channel.receive(LIVE_REQUESTS)
            assert isinstance(begin, Begin), begin
            clock = LiveClock(begin.base_ns, begin.time_scale)
            loop = LiveLoop(channel, self._node_type(boot, self._program), Nursery(self), clock)
            while True:
                loop.turn()
        except ChannelClosedError:
            os._exit(ABANDONED)


class LiveLoop:
    """The event loop of one node."""

    def __init__(self, channel: Channel, node: SteppedNode, nursery: Nursery, clock: LiveClock) -> None:
        self._channel = channel
        self._node = node
        self._nursery = nursery
        self._clock = clock
        self._timers = Timers()
        #: How many inputs the node has taken.
        self._taken = 0

    def turn(self) -> None:
        """Wait for whatever comes first, and deal with it."""
        due_ns = self._timers.next_ns()
        connection, pidfds = self._channel.fileno(), self._nursery.pidfds()
        wait_s = None if due_ns is None else self._clock.wait_s(due_ns)
        if self._channel.is_ahead:
            wait_s = 0
        readable = _wait([connection, *pidfds], wait_s)
        if due_ns is not None and due_ns <= self._clock.now_ns():
            self._fire()
        for ready in readable:
            if ready != connection:
                self._wait_for(pidfds[ready])
        if self._channel.is_ahead or connection in readable:
            self._serve()

    def _fire(self) -> None:
        timer, due_ns, set_by = self._timers.take()
        fired = TimerFired(*timer)
        now_ns, commands = self._handle(fired)
        self._report(Took(now_ns, commands, timer=fired, due_ns=due_ns, set_by=set_by))

    def _wait_for(self, pid: int) -> None:
        reaped = self._nursery.reap(pid)
        assert reaped is not None, "its pidfd says that it is dead"
        self._channel.send(ChildEnded(pid, reaped))

    def _serve(self) -> None:
        request = self._channel.receive(LIVE_REQUESTS)
        match request:
            case Take(record=record, event=event):
                now_ns, commands = self._handle(event)
                self._report(Took(now_ns, commands, record))
            case Delay(actor=actor, key=key, by_ns=by_ns, times=times):
                self._timers.delay((ActorId(actor), key), by_ns, times)
                self._channel.send(Delayed(self._taken))
            case Begin():
                raise AssertionError("a run begins once")
            case _:
                answer(request, self._channel, self._node, self._nursery)

    def _handle(self, event: Event) -> tuple[int, list[NodeCommand]]:
        """Feed the machine, and do what concerns this process alone: its timers."""
        now_ns = self._clock.now_ns()
        commands = self._node.handle(event, now_ns)
        for command in commands:
            if type(command) is SetTimer:
                self._timers.set((command.actor, command.key), now_ns + command.after_ns, self._taken)
            elif type(command) is CancelTimer:
                self._timers.cancel((command.actor, command.key))
        self._taken += 1
        return now_ns, commands

    def _report(self, took: Took) -> None:
        """Tell the router, and end if the machine says so."""
        self._channel.send(took)
        for command in took.commands:
            match command:
                case ExitProcess(code=code):
                    end(code & 0xFF)
                case SignalSelf(signal=signal):
                    die(signal)
                case _:
                    pass


def _wait(descriptors: list[int], wait_s: float | None) -> list[int]:
    """Wait until one of these is readable, or for so long; perhaps a little less.

    `poll` knows whole milliseconds only. `select` knows better, but when its process is stopped and continues, Linux
    has it wait for what was left of its time when it was stopped. So it is for the last bit alone.
    """
    if wait_s is not None and wait_s <= _LAST_BIT_S:
        readable: list[int] = select.select(descriptors, (), (), wait_s)[0]
        return readable
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(None if wait_s is None else int(wait_s * 1000) - 1)]
