"""Frames over a stream: whole values arrive whatever the pieces, and waiting has an end."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest

from meshsim.procs.transport import Channel, ChannelClosedError, ChannelTimeoutError

TEXT: msgspec.msgpack.Decoder[str] = msgspec.msgpack.Decoder(str)


def frame(value: object) -> bytes:
    body = msgspec.msgpack.encode(value)
    return len(body).to_bytes(4, "little") + body


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    """A channel with a short deadline, and the bare socket at its other end."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours, deadline_s=0.05)
    with theirs:
        yield channel, theirs
    channel.close()


def test_two_frames_in_one_piece_are_two_values(pair: tuple[Channel, socket.socket]) -> None:
    """A farewell may follow a request before that was read: neither may be lost."""
    channel, other = pair
    other.sendall(frame("first") + frame("second") + frame("third")[:3])
    other.sendall(frame("third")[3:])

    assert [channel.receive(TEXT) for _ in range(3)] == ["first", "second", "third"]


@pytest.mark.parametrize("size", [0, 1, 32_000, 32_768, 40_000, 150_000])
def test_a_frame_of_any_size_comes_back(pair: tuple[Channel, socket.socket], size: int) -> None:
    """Below, at and above the size of the buffer that frames are read into."""
    channel, other = pair
    other.sendall(frame("x" * size))

    assert channel.receive(TEXT) == "x" * size


def test_a_frame_in_single_bytes_comes_back(pair: tuple[Channel, socket.socket]) -> None:
    """A stream may cut anywhere, in the length too."""
    channel, other = pair
    whole = frame("hello")

    def drip() -> None:
        for index in range(len(whole)):
            other.sendall(whole[index : index + 1])

    thread = threading.Thread(target=drip)
    thread.start()
    received = channel.receive(TEXT)
    thread.join()

    assert received == "hello"


def test_silence_ends_with_the_deadline(pair: tuple[Channel, socket.socket]) -> None:
    """A peer that is stopped says nothing and closes nothing."""
    channel, other = pair
    other.sendall(frame("hello")[:6])

    with pytest.raises(ChannelTimeoutError):
        channel.receive(TEXT)


def test_a_peer_that_reads_nothing_ends_with_the_deadline(pair: tuple[Channel, socket.socket]) -> None:
    """What a stopped peer does not take fills the socket."""
    channel, _ = pair

    with pytest.raises(ChannelTimeoutError):
        channel.send("x" * 10_000_000)


def test_the_end_of_the_other_side_is_told_apart(pair: tuple[Channel, socket.socket]) -> None:
    """In the middle of a frame, between frames, and when sending."""
    channel, other = pair
    other.sendall(frame("hello") + frame("cut")[:-1])
    other.close()

    assert channel.receive(TEXT) == "hello"
    with pytest.raises(ChannelClosedError):
        channel.receive(TEXT)
    with pytest.raises(ChannelClosedError):
        channel.receive(TEXT)
    with pytest.raises(ChannelClosedError):
        channel.send("anybody there?")


def test_descriptors_arrive_open_and_closed_on_exec(pair: tuple[Channel, socket.socket]) -> None:
    """What is written through the copy is read at the other end of the original."""
    channel, other = pair
    read, write = os.pipe()

    sender = Channel(other.dup())
    sender.send_with_descriptors("here", [write])
    sender.close()
    value, (copy,) = channel.receive_with_descriptors(TEXT, 1)
    os.write(copy, b"through")
    received = os.read(read, 7)
    inheritable = os.get_inheritable(copy)
    for descriptor in (read, write, copy):
        os.close(descriptor)

    assert (value, received, inheritable) == ("here", b"through", False)
