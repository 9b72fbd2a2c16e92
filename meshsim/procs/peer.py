"""The runner's hold on a process of its run: ask it, watch it, signal it, read what it printed."""

from __future__ import annotations

import os
import select
import signal
import socket
from contextlib import suppress
from typing import TypeVar

import msgspec

from meshsim.drive.backend import BackendError, NodeRaisedError
from meshsim.drive.kernel import ProcessState
from meshsim.model.ids import Node
from meshsim.procs.linux import facts_of
from meshsim.procs.transport import Channel, ChannelClosedError, ChannelTimeoutError

_T = TypeVar("_T")
_TAIL_CHARS = 2_000


class EndedError(BackendError):
    """The process ended instead of answering."""


class RaisedError(NodeRaisedError, EndedError):
    """It ended of an exception of its own code."""


class Peer:
    """A process that answers requests, one at a time, and whose failures to do so are `BackendError`s."""

    def __init__(self, name: str, pid: int, connection: socket.socket, output: int, deadline_s: float) -> None:
        self.name = name
        self.pid = pid
        self.channel = Channel(connection, deadline_s=deadline_s)
        #: File that the process writes stdout and stderr to.
        self.output = output
        self.deadline_s = deadline_s
        #: A request was left without its answer: what comes next would be taken for another's.
        self._out_of_step = False

    def ask(self, request: object, decoder: msgspec.msgpack.Decoder[_T], what: str) -> _T:
        """Send a request and wait for its answer. `what` names the request in errors: `a step`.

        Raises:
            BackendError: the process ends instead of answering, or does not answer in time.
        """
        if self._out_of_step:
            raise self._not_asked(what)
        try:
            self.channel.send(request)
            return self.channel.receive(decoder)
        except BaseException as error:
            raise self._failed(error, what) from None

    def ask_for_descriptors(
        self, request: object, decoder: msgspec.msgpack.Decoder[_T], count_max: int, what: str
    ) -> tuple[_T, list[int]]:
        """As `ask`, for an answer that comes with descriptors."""
        if self._out_of_step:
            raise self._not_asked(what)
        try:
            self.channel.send(request)
            return self.channel.receive_with_descriptors(decoder, count_max)
        except BaseException as error:
            raise self._failed(error, what) from None

    def hear(self, decoder: msgspec.msgpack.Decoder[_T], what: str) -> _T:
        """Wait for something it says unasked; same errors as `ask`."""
        try:
            return self.channel.receive(decoder)
        except BaseException as error:
            raise self._failed(error, what) from None

    def tell(self, message: object, what: str) -> None:
        """Send something that has no answer; same errors as `ask`."""
        try:
            self.channel.send(message)
        except BaseException as error:
            raise self._failed(error, what) from None

    def printed(self) -> bytes:
        """All that the process wrote to stdout and stderr. Leaves the file position, which it shares, alone."""
        return os.pread(self.output, os.fstat(self.output).st_size, 0)

    def tail(self) -> str:
        """The end of what it printed, to follow an error text; empty if it printed nothing."""
        text = self.printed().decode(errors="replace").strip()
        return f"; it said:\n{text[-_TAIL_CHARS:]}" if text else ""

    def release(self) -> None:
        """Close what the runner holds of it."""
        self.channel.close()
        os.close(self.output)

    def _not_asked(self, what: str) -> BackendError:
        return BackendError(f"{self.name} left an earlier request without an answer and cannot be asked for {what}")

    def _failed(self, error: BaseException, what: str) -> BaseException:
        self._out_of_step = True
        if isinstance(error, ChannelClosedError):
            text = f"{self.name} ended instead of answering {what}{self.tail()}"
            return RaisedError(text) if _is_traceback(self.printed()) else EndedError(text)
        if isinstance(error, ChannelTimeoutError):
            return BackendError(
                f"{self.name} did not answer {what} within {self.deadline_s:g}s (state {self._letter()}){self.tail()}"
            )
        return error

    def _letter(self) -> str:
        try:
            return facts_of(self.pid).state
        except (FileNotFoundError, ProcessLookupError):
            return "gone"


def _is_traceback(printed: bytes) -> bool:
    """Whether the last words of a process are those of Python about an exception, other than for want of memory."""
    _, found, said = printed.decode(errors="replace").rpartition("Traceback (most recent call last):\n")
    return bool(found) and not said.rstrip().rpartition("\n")[2].startswith("MemoryError")


class NodePeer(Peer):
    """One node's process. It stays known after its end; only its descriptors are freed when it is reaped."""

    def __init__(self, node: Node, pid: int, descriptors: list[int], deadline_s: float) -> None:
        """Take over the descriptors that came with `Spawned`."""
        connection, output, self._pidfd = descriptors
        super().__init__(node, pid, socket.socket(fileno=connection), output, deadline_s)
        self._end = select.poll()
        self._end.register(self._pidfd, select.POLLIN)
        self.reaped = False
        self._last_words = b""

    def printed(self) -> bytes:
        return self._last_words if self.reaped else super().printed()

    def has_ended(self, *, wait_s: float = 0) -> bool:
        """Whether the process is dead, after waiting for that. A pidfd becomes readable when it is."""
        return self.reaped or bool(self._end.poll(wait_s * 1000))

    def state(self) -> ProcessState:
        """What the kernel says now."""
        if self.reaped:
            return ProcessState.REAPED
        if self.has_ended():
            return ProcessState.DEAD
        return ProcessState.STOPPED if self._letter() in ("T", "t") else ProcessState.RUNNING

    def signal(self, number: int) -> None:
        """Send a signal to this process alone. One that is dead or reaped takes no notice."""
        if not self.reaped:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to its process group, which it leads. Its pid is its own until it is reaped."""
        if not self.reaped:
            os.killpg(self.pid, number)

    def release(self) -> None:
        """Keep what it printed, free the rest. May be called twice."""
        if not self.reaped:
            self._last_words = self.printed()
            self.reaped = True
            super().release()
            os.close(self._pidfd)
