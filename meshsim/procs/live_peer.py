"""The router's hold on a free-running process: what it says unasked is kept apart from what it answers."""

from __future__ import annotations

import array
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from meshsim.drive.backend import BackendError
from meshsim.model.ids import Node
from meshsim.procs.live_wire import LIVE_REPLIES, ChildEnded, LiveReply, Report, Took
from meshsim.procs.peer import EndedError, NodePeer
from meshsim.procs.wire import SPAWNED_DESCRIPTORS, Ready

_T = TypeVar("_T")
_LENGTH = struct.Struct("<I")
_READ = 1 << 16
_ENCODER = msgspec.msgpack.Encoder()


class LiveChannel:
    """The router's end of a connection. Nothing here waits: what the other end does not take yet is kept.

    Two processes that both wait until the other reads would wait for ever.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._in = bytearray()
        self._out = bytearray()
        #: Descriptors that came, in order.
        self.descriptors: deque[int] = deque()
        self.has_ended = False

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def is_full(self) -> bool:
        """Whether something is left to send."""
        return bool(self._out)

    def send(self, message: object) -> None:
        body = _ENCODER.encode(message)
        self._out += _LENGTH.pack(len(body)) + body
        self.flush()

    def flush(self) -> None:
        """Send what the other end takes."""
        try:
            while self._out:
                del self._out[: self._socket.send(self._out, socket.MSG_NOSIGNAL)]
        except BlockingIOError:
            return
        except ConnectionError:
            self._out.clear()  # It is gone; what it said before can still be read.

    def receive(self) -> Iterator[LiveReply]:
        """Everything that is there."""
        self._read()
        start = 0
        while len(self._in) - start >= _LENGTH.size:
            end = start + _LENGTH.size + _LENGTH.unpack_from(self._in, start)[0]
            if end > len(self._in):
                break
            body = bytes(self._in[start + _LENGTH.size : end])
            start = end
            yield LIVE_REPLIES.decode(body)
        del self._in[:start]

    def _read(self) -> None:
        # Always with room for descriptors: a plain read would drop those that came with what it reads.
        room = socket.CMSG_SPACE(SPAWNED_DESCRIPTORS * array.array("i").itemsize)
        while not self.has_ended:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(_READ, room, socket.MSG_CMSG_CLOEXEC)
            except BlockingIOError:
                return
            except ConnectionError:
                data, ancillary = b"", []
            for _, _, rights in ancillary:
                found = array.array("i")
                found.frombytes(rights[: len(rights) - len(rights) % found.itemsize])
                self.descriptors.extend(found)
            self.has_ended = not data
            self._in += data

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors.clear()
        self._socket.close()


class LivePeer(NodePeer):
    """One free-running process."""

    def __init__(
        self,
        node: Node,
        pid: int,
        descriptors: list[int],
        deadline_s: float,
        on_report: Callable[[Node, Report], None],
    ) -> None:
        super().__init__(node, pid, descriptors, deadline_s)
        self.node = node
        self.live = LiveChannel(socket.socket(fileno=os.dup(self.channel.fileno())))
        self._on_report = on_report
        self._replies: deque[LiveReply] = deque()

    def pump(self) -> None:
        """Take in what it said: reports go to the router, answers wait for who asked."""
        self.live.flush()
        for message in self.live.receive():
            if isinstance(message, Took | ChildEnded):
                self._on_report(self.node, message)
            elif not isinstance(message, Ready):
                self._replies.append(message)

    def ask(self, request: object, decoder: msgspec.msgpack.Decoder[_T], what: str) -> _T:
        self.tell(request, what)
        until = time.monotonic() + self.deadline_s
        while True:
            self.pump()
            if self._replies:
                reply: Any = self._replies.popleft()
                return reply  # type: ignore[no-any-return]  # the caller looks at what it got
            if self.live.has_ended:
                raise EndedError(f"{self.name} ended instead of answering {what}{self.tail()}")
            self._wait(until, what)

    def ask_for_descriptors(
        self, request: object, decoder: msgspec.msgpack.Decoder[_T], count_max: int, what: str
    ) -> tuple[_T, list[int]]:
        reply = self.ask(request, decoder, what)
        descriptors = list(self.live.descriptors)
        self.live.descriptors.clear()
        return reply, descriptors

    def tell(self, message: object, what: str) -> None:
        self.live.send(message)

    def _wait(self, until: float, what: str) -> None:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise BackendError(
                f"{self.name} did not answer {what} within {self.deadline_s:g}s (state {self._letter()}){self.tail()}"
            )
        poll = select.poll()
        poll.register(self.live, select.POLLIN | (select.POLLOUT if self.live.is_full else 0))
        poll.poll(left_s * 1000)

    def release(self) -> None:
        if not self.reaped:
            with suppress(OSError):
                self.live.close()
        super().release()
