"""The process that all others of a run come from, and that sees to it that none outlives the run.

It is a fresh interpreter with one thread and only what nodes need. It loads the program, freezes its objects so that
forks share them, becomes subreaper, and forks the roots (hosts and clients) on request. When its socket ends, whether
the runner closed it or was killed, it kills and waits for every descendant, and ends itself.

    python -m meshsim.procs.zygote DESCRIPTOR SCRATCH
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import sys

import dill

from meshsim.procs.child import ChildMain, reap, spawn
from meshsim.procs.children import Nursery
from meshsim.procs.linux import (
    become_subreaper,
    children_of,
    default_signals,
    forbid_core_dumps,
    set_process_name,
)
from meshsim.procs.live_child import LiveMain
from meshsim.procs.transport import Channel, ChannelClosedError
from meshsim.procs.wire import ZYGOTE_REQUESTS, Farewell, Load, Ready, Reap, Refused, Spawn


def main(descriptor: int, scratch: str) -> None:
    """Serve the conductor on this descriptor until it goes away.

    `scratch` is a directory to remove, if it is there, when it goes without a `Farewell`.
    """
    default_signals()
    forbid_core_dumps()
    become_subreaper()
    set_process_name("zygote")
    # Children have no stdin; without this multiprocess would open /dev/null anew in each of them.
    sys.stdin = None
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr] # both are text files here
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        _serve(channel)
    except ChannelClosedError:
        # The runner went without a word: what it had under way is nobody's any more.
        kill_descendants()
        shutil.rmtree(scratch, ignore_errors=True)
    finally:
        kill_descendants()


def kill_descendants() -> None:
    """SIGKILL and wait for children, and for theirs as they become ours, until there are none."""
    while children := children_of(os.getpid()):
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitid(os.P_PID, pid, os.WEXITED)


def _serve(channel: Channel) -> None:
    """Load the program, then answer requests until the farewell."""
    load = channel.receive(ZYGOTE_REQUESTS)
    if not isinstance(load, Load):
        return  # A farewell: the runner was interrupted before it had a program to send.
    sys.path[:] = load.path
    try:
        node_type, program = dill.loads(load.code)
    except Exception as error:  # Loading runs whatever code the program's modules have.
        channel.send(Refused(f"{type(error).__name__}: {error}"))
        return
    nursery = Nursery(LiveMain(node_type, program) if load.live else ChildMain(node_type, program))
    gc.collect()
    channel.send(Ready())
    while True:
        request = channel.receive(ZYGOTE_REQUESTS)
        match request:
            case Spawn():
                spawn(channel, nursery, request)
            case Reap():
                channel.send(reap(nursery, request))
            case Farewell():
                return
            case Load():
                raise AssertionError("a zygote serves one program")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
