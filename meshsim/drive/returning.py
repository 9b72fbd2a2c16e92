"""Hosts that come back as another process, which knows none of the sessions with the former one.

A session numbers its messages from 0, and its sender goes on with the next number when it connects again. The new
process expects 0, so it refuses anything else, which ends the session for good; what its sender writes later comes
back at once while a dead channel is kept for ever (quirk `dead_client_cached_forever`). Who never wrote to the former
process, or got no acknowledgement from it, begins at 0, and is understood.

Source: mesh_model.md 3.3.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from meshsim.drive.agenda import Agenda
from meshsim.drive.channels import Channels, Deliveries, Underway
from meshsim.drive.network import Network
from meshsim.drive.processes import Processes
from meshsim.faults.links import Hop
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope
from meshsim.model.messaging.channel import SenderCommand, closed_error, out_of_sequence, rejection


class _Session(msgspec.Struct):
    """One that the receiver does not know, until it has told its sender so."""

    #: Number of the first message that the sender writes.
    number: int
    #: What was written since, and will come back.
    written: list[Underway] = []

    @property
    def why(self) -> str:
        return rejection(out_of_sequence(0, self.number))


class Returns:
    """Sessions that began with a former process of a host."""

    def __init__(
        self,
        *,
        network: Network,
        channels: Channels,
        deliveries: Deliveries,
        processes: Processes,
        agenda: Agenda,
        send: Callable[[Node, Envelope, int], None],
        obey: Callable[[Hop, list[SenderCommand[Underway]]], None],
        give_back: Callable[[Node, Envelope, int, tuple[str, ...]], None],
    ) -> None:
        self._network = network
        self._channels = channels
        self._deliveries = deliveries
        self._processes = processes
        self._agenda = agenda
        self._send = send
        self._obey = obey
        self._give_back = give_back
        self._unknown: dict[Hop, _Session] = {}

    def is_unknown(self, hop: Hop) -> bool:
        """Whether the receiver does not know the session of this channel, and nobody has told its sender."""
        return hop in self._unknown

    def written(self) -> list[Underway]:
        """All that is on its way back."""
        return [message for session in self._unknown.values() for message in session.written]

    def come_back(self, former: Node, node: Node) -> None:
        """A host is about to come back: sessions with its former process end with their next message.

        What waits in them is written at the next attempt to connect.
        """
        now_ns, closed = self._agenda.instant, self._channels.closed
        numbers = {**self._deliveries.taken_by(former), **self._inherited(former)}
        waiting = dict(self._channels.held_for(former))
        for src in dict.fromkeys([*numbers, *(hop[0] for hop in waiting)]):
            hop = (src, former)
            if hop in closed:
                closed.add((src, node))
            elif not self._processes.is_gone(src):
                messages = waiting.get(hop, [])
                number = numbers.get(src, 0) - sum(message.delivery >= 0 for message in messages)
                if number:
                    self._unknown[src, node] = _Session(number)
                if messages:
                    self._agenda.post(self._channels.next_attempt(hop, now_ns), self._write_again, hop, node)

    def _inherited(self, former: Node) -> dict[Node, int]:
        """Sessions that a former process did not know either, and whose senders never found out: by sender."""
        hops = [hop for hop, session in self._unknown.items() if hop[1] == former and not session.written]
        return {hop[0]: self._unknown.pop(hop).number for hop in hops}

    def write_in_vain(self, hop: Hop, message: Underway) -> None:
        """A message is written into a session that the receiver does not know."""
        session = self._unknown[hop]
        session.written.append(message)
        if len(session.written) == 1:
            self._agenda.post(self._round_trip(*hop, self._agenda.instant), self._end_session, hop)

    def _write_again(self, hop: Hop, node: Node) -> None:
        """A sender whose messages waited for the former process is connected to the new one."""
        src, now_ns = hop[0], self._agenda.instant
        if self._processes.is_stopped(src):
            self._processes.hold(src, self._write_again, hop, node)
        elif self._processes.is_gone(src):
            return  # With everything in its channels.
        elif (src, node) in self._unknown:
            self._agenda.post(self._round_trip(src, node, now_ns), self._reject, hop, node)
        else:
            for message in dict(self._channels.held_for(hop[1])).get(hop, []):
                self._channels.withdraw(hop, message, now_ns)
                if not message.is_lost:
                    self._send(src, message.envelope, message.cause)

    def _reject(self, hop: Hop, node: Node) -> None:
        """What waited for the former process is refused by the new one."""
        src = hop[0]
        session = self._unknown.get((src, node))
        if self._processes.is_stopped(src):
            self._processes.hold(src, self._reject, hop, node)
        elif session is not None and not self._processes.is_gone(src):
            self._obey(hop, self._channels.reject(hop, session.why, self._agenda.instant))
            self._end_session((src, node))

    def _end_session(self, hop: Hop) -> None:
        """The sender is told that nobody knows its session: it closes for good."""
        if self._processes.is_stopped(hop[0]):
            self._processes.hold(hop[0], self._end_session, hop)
            return
        session = self._unknown.pop(hop, None)
        if session is None:
            return  # What waited has found out first.
        if self._channels.cached_forever:
            self._channels.closed.add(hop)
        for message in session.written:
            self._give_back(message.src, message.envelope, message.cause, (closed_error(session.why),))

    def _round_trip(self, src: Node, dst: Node, now_ns: int) -> int:
        """When a sender has its answer; a connection takes care of what the network loses."""
        there_ns = self._network.arrival(src, dst, now_ns) or now_ns
        return self._network.arrival(dst, src, there_ns) or there_ns
