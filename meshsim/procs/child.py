"""What a node's process does from fork to end: settle in, build the node, answer one request at a time."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, Protocol

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import ExitProcess, NodeCommand, SignalSelf
from meshsim.model.events import Event
from meshsim.procs.children import Nursery
from meshsim.procs.limits import dump_core_into, exhaust_memory, give_back, take
from meshsim.procs.linux import die_with_parent, outlive_parent, set_process_name
from meshsim.procs.transport import Channel, ChannelClosedError
from meshsim.procs.wire import (
    NODE_REQUESTS,
    Done,
    DumpCore,
    ExhaustMemory,
    Exit,
    Kill,
    LeaveParent,
    Limit,
    NodeRequest,
    Ping,
    Ready,
    Reap,
    Refused,
    Reply,
    SignalYourself,
    Spawn,
    Spawned,
    Step,
    StepThrough,
    Write,
)

#: What a node says at its own end; it takes nothing after that.
_ENDS = (ExitProcess, SignalSelf)

#: A node whose conductor is gone leaves with this code. Nobody is there to read it.
ABANDONED = 1


class SteppedNode(Protocol):
    """What is stepped: `meshsim.model.runtime.node.NodeMachine`, or something smaller in tests."""

    def handle(self, event: Event, now_ns: int) -> list[NodeCommand]: ...


#: Makes a node from its boot and the program of the run.
NodeType = Callable[[NodeBoot, Program], SteppedNode]


class ChildMain:
    """The main function of every node's process, the same for roots and for the children of hosts."""

    def __init__(self, node_type: NodeType, program: Program) -> None:
        self._node_type = node_type
        self._program = program

    def __call__(self, boot: NodeBoot, connection: socket.socket, output: int, parent: int, pdeathsig: bool) -> None:
        settle_in(boot, connection, output, parent, pdeathsig)
        channel = Channel(connection)
        node = self._node_type(boot, self._program)
        nursery = Nursery(self)
        try:
            channel.send(Ready())
            while True:
                _serve(channel, node, nursery)
        except ChannelClosedError:
            os._exit(ABANDONED)


def settle_in(boot: NodeBoot, connection: socket.socket, output: int, parent: int, pdeathsig: bool) -> None:
    """Own process group, own output, parent-death signal, and nothing open that is not this node's.

    stdin is /dev/null already. An open copy of somebody else's socket would keep its other end from seeing that
    process die.
    """
    os.setpgid(0, 0)
    if pdeathsig:
        die_with_parent(parent)
    set_process_name(boot.node)
    os.dup2(output, 1)
    os.dup2(output, 2)
    mine = {0, 1, 2, connection.fileno()}
    for entry in os.listdir("/proc/self/fd"):
        if int(entry) not in mine:
            with suppress(OSError):  # The descriptor of the listing itself is in the list, and closed by now.
                os.close(int(entry))


def _serve(channel: Channel, node: SteppedNode, nursery: Nursery) -> None:
    answer(channel.receive(NODE_REQUESTS), channel, node, nursery)


def answer(request: NodeRequest, channel: Channel, node: SteppedNode, nursery: Nursery) -> None:
    """Do what the conductor asks, and say so where it waits for that."""
    match request:
        case Step():
            channel.send(node.handle(request.event, request.now_ns))
        case StepThrough():
            channel.send(_step_through(node, request))
        case Ping():
            channel.send(Done())
        case Write(lines=lines):
            sys.stderr.write("".join(f"{line}\n" for line in lines))
            sys.stderr.flush()
            channel.send(Done())
        case Exit():
            end(request.code)
        case SignalYourself():
            die(request.signal)
        case DumpCore():
            dump_core_into(request.directory)
            die(request.signal)
        case ExhaustMemory():
            channel.send(Done() if exhaust_memory() else Refused("there was no end of memory"))
        case Limit():
            channel.send(_limit(request))
        case LeaveParent():
            outlive_parent()
            channel.send(Done())
        case Spawn():
            spawn(channel, nursery, request)
        case Kill():
            nursery.kill(request.pid, request.signal)
            channel.send(Done())
        case Reap():
            channel.send(reap(nursery, request))


def _step_through(node: SteppedNode, request: StepThrough) -> list[list[NodeCommand]]:
    """What each message leads to, up to the one at which the node ends itself."""
    answers = []
    for message in request.messages:
        commands = node.handle(message, request.now_ns)
        answers.append(commands)
        if any(type(command) in _ENDS for command in commands):
            break
    return answers


def spawn(channel: Channel, nursery: Nursery, request: Spawn) -> None:
    """Start a child for the conductor and hand over its descriptors, or say why not."""
    try:
        pid, descriptors = nursery.start(request.boot, pdeathsig=request.pdeathsig)
    except OSError as error:
        channel.send(Refused(str(error), error.errno or 0))
        return
    try:
        channel.send_with_descriptors(Spawned(pid), descriptors)
    finally:
        nursery.release(descriptors)


def _limit(request: Limit) -> Reply:
    try:
        if request.on:
            take(request.resource)
        else:
            give_back(request.resource)
    except OSError as error:
        return Refused(str(error), error.errno or 0)
    return Done()


def reap(nursery: Nursery, request: Reap) -> Reply:
    """Wait for a dead child for the conductor, or say why not."""
    try:
        return nursery.reap(request.pid) or Refused("it has not ended")
    except ChildProcessError:
        return Refused("it is no child of this process, or has been waited for before")


def end(code: int) -> NoReturn:
    """`_exit`, with what was printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def die(number: int) -> None:
    """Of a signal of one's own making: a null write, or a signal to the own process."""
    sys.stdout.flush()
    sys.stderr.flush()
    if number == signal.SIGSEGV:
        ctypes.memset(0, 0, 1)
    signal.raise_signal(number)
