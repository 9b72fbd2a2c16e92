"""Frames over a stream socket: four bytes of length, then one msgpack value; descriptors ride along where asked.

Lockstep has at most one request on its way, so a frame is nearly always one `send` and one `recv`. Deadlines are
the socket's own (SO_RCVTIMEO, SO_SNDTIMEO): a Python timeout would cost a `poll` for each of them.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from contextlib import suppress
from typing import TypeVar

import msgspec

_T = TypeVar("_T")
_LENGTH = struct.Struct("<I")
_HEADER = _LENGTH.size
_BUFFER = 1 << 15
_NO_SIGPIPE = socket.MSG_NOSIGNAL if hasattr(socket, "MSG_NOSIGNAL") else 0
_CLOSE_ON_EXEC = socket.MSG_CMSG_CLOEXEC if hasattr(socket, "MSG_CMSG_CLOEXEC") else 0
_ENCODER = msgspec.msgpack.Encoder()


class ChannelClosedError(Exception):
    """The other end is gone, or was before it had said all."""


class ChannelTimeoutError(Exception):
    """The other end neither sent nor took anything for as long as the deadline allows."""


class Channel:
    """One end of a connection. Not for threads; a channel that timed out is out of step and must be closed."""

    __slots__ = ("_ahead", "_buffer", "_socket", "_view")

    def __init__(self, connection: socket.socket, *, deadline_s: float | None = None) -> None:
        """Take over a connected stream socket; `None` waits for ever."""
        connection.setblocking(True)
        if deadline_s is not None:
            limit = struct.pack("@ll", int(deadline_s), int(deadline_s % 1 * 1_000_000))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._socket = connection
        self._buffer = bytearray(_BUFFER)
        self._view = memoryview(self._buffer)
        #: Bytes of the next frame that came with the last one.
        self._ahead = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def is_ahead(self) -> bool:
        """Whether some of the next value has been read already, so that the socket may have nothing to tell."""
        return bool(self._ahead)

    def send(self, message: object) -> None:
        """Send one value.

        Raises:
            ChannelClosedError: the other end is gone.
            ChannelTimeoutError: the other end took nothing before the deadline.
        """
        frame = _frame(message)
        try:
            sent = self._socket.send(frame, _NO_SIGPIPE)
            if sent != len(frame):
                self._socket.sendall(memoryview(frame)[sent:], _NO_SIGPIPE)
        except OSError as error:
            raise _told_apart(error) from error

    def send_with_descriptors(self, message: object, descriptors: list[int]) -> None:
        """Send one value and copies of open descriptors; same errors as `send`."""
        frame = _frame(message)
        try:
            # Not socket.send_fds and recv_fds: those of Python 3.11 take flags and drop them.
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
            sent = self._socket.sendmsg([frame], [rights], _NO_SIGPIPE)
            if sent != len(frame):
                self._socket.sendall(memoryview(frame)[sent:], _NO_SIGPIPE)
        except OSError as error:
            raise _told_apart(error) from error

    def receive(self, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
        """Wait for the next value.

        Raises:
            ChannelClosedError: the other end is gone.
            ChannelTimeoutError: nothing came before the deadline.
        """
        if self._ahead:
            count = len(self._ahead)
            self._buffer[:count] = self._ahead
            self._ahead = b""
        else:
            count = self._receive_into(self._view)
            # The hot path: one whole frame, no more.
            if count > _HEADER and _LENGTH.unpack_from(self._buffer)[0] == count - _HEADER:
                return decoder.decode(self._view[_HEADER:count])
        return self._decoded(count, decoder)

    def receive_with_descriptors(self, decoder: msgspec.msgpack.Decoder[_T], count_max: int) -> tuple[_T, list[int]]:
        """Wait for the next value and the descriptors that came with it; same errors as `receive`."""
        assert not self._ahead, "descriptors would be lost"
        try:
            room = socket.CMSG_SPACE(count_max * array.array("i").itemsize)
            data, ancillary, _, _ = self._socket.recvmsg(_BUFFER, room, _CLOSE_ON_EXEC)
        except OSError as error:
            raise _told_apart(error) from error
        if not data:
            raise ChannelClosedError
        descriptors = _descriptors(ancillary)
        self._buffer[: len(data)] = data
        try:
            return self._decoded(len(data), decoder), descriptors
        except BaseException:
            for descriptor in descriptors:
                os.close(descriptor)
            raise

    def close(self) -> None:
        self._socket.close()

    def finish(self) -> None:
        """Say nothing more: the other end sees the channel end, and what it still says has somewhere to go."""
        with suppress(OSError):  # The other end is gone already.
            self._socket.shutdown(socket.SHUT_WR)

    def _decoded(self, count: int, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
        """The first frame of `count` bytes in the buffer, the rest of which is read or kept as needed."""
        if count < _HEADER:
            count = self._fill(self._view, count, _HEADER)
        end = _HEADER + _LENGTH.unpack_from(self._buffer)[0]
        view = self._view
        if end > _BUFFER:
            view = memoryview(bytearray(end))
            view[:count] = self._view[:count]
        self._fill(view, count, end)
        self._ahead = bytes(view[end:count])
        return decoder.decode(view[_HEADER:end])

    def _fill(self, view: memoryview, start: int, end: int) -> int:
        while start < end:
            start += self._receive_into(view[start:end])
        return start

    def _receive_into(self, view: memoryview) -> int:
        try:
            count = self._socket.recv_into(view)
        except OSError as error:
            raise _told_apart(error) from error
        if count == 0:
            raise ChannelClosedError
        return count


def _frame(message: object) -> bytes:
    body = _ENCODER.encode(message)
    return _LENGTH.pack(len(body)) + body


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return found.tolist()


def _told_apart(error: OSError) -> ChannelClosedError | ChannelTimeoutError | OSError:
    if isinstance(error, BlockingIOError):
        return ChannelTimeoutError()
    if isinstance(error, ConnectionError):
        return ChannelClosedError()
    return error
