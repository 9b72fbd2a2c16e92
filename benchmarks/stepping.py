"""Steps per second of backend `lockstep`, beside a bare ping-pong over a socketpair between two processes.

A step is what a poll does: a `GetState` goes to the process of a host agent or a proc agent, is handled by the node
there, and the answer comes back. The ping-pong sends bytes of the same number there and back, encodes nothing and
decodes nothing. Its other process runs on the core that the backend has pinned everything to.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import cycle, islice
from time import perf_counter

import msgspec
import multiprocess

from benchmarks.comparison import Aim, Comparison
from benchmarks.worlds import quiet_plan
from meshsim.drive.conductor import Conductor
from meshsim.model.actors.registry import default_program
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope, GetState, KeepaliveGetState
from meshsim.model.notes import LocalDelivery
from meshsim.procs.backend import LockstepBackend
from meshsim.procs.wire import Step
from meshsim.units import S

AIM = Aim("ratio", "least", 0.5)

HOSTS = 2
PROCS_PER_HOST = 4

#: Long enough for bring-up and one poll.
_HORIZON_NS = 15 * S

_BUFFER = 1 << 15
_FRAME_HEADER = 4

#: A node and what it is asked.
Question = tuple[Node, Envelope]


def compare_stepping(*, rounds: int, steps: int) -> list[Comparison]:
    """Steps of one host agent, of one proc agent, and of all nodes in turn; `steps` of each in a round."""
    with closing(LockstepBackend(default_program(), run_id=f"benchmark-{os.getpid()}")) as backend:
        plan = quiet_plan(hosts=HOSTS, per_host=PROCS_PER_HOST, horizon_ns=_HORIZON_NS)
        conductor = Conductor(plan, backend)
        conductor.run()
        of_hosts, of_procs = _questions(conductor)
        return [
            _compare(name, questions, backend, conductor.now_ns, rounds=rounds, steps=steps)
            for name, questions in (
                ("host agent", of_hosts[:1]),
                ("proc agent", of_procs[:1]),
                (f"{HOSTS + HOSTS * PROCS_PER_HOST} nodes in turn", of_hosts + of_procs),
            )
        ]


def _questions(conductor: Conductor) -> tuple[list[Question], list[Question]]:
    """One question of the controller's poll for each host, and one for each proc.

    The one for a proc is what its comm actor asks its agent, to be answered to the controller itself: a cast that came
    a second time would be dropped.
    """
    hosts: dict[Node, Envelope] = {}
    procs: dict[Node, Envelope] = {}
    for record in conductor.records:
        match record.what:
            case Envelope(message=GetState() as asked):
                hosts[Node(record.node)] = record.what
                reply = asked.reply
            case LocalDelivery(envelope=Envelope(message=KeepaliveGetState() as query, dest=agent)):
                question = msgspec.structs.replace(query, reply=reply)
                procs[Node(record.node)] = Envelope(reply.actor, agent, question)
    assert len(hosts) == HOSTS, "every host is asked"
    assert len(procs) == HOSTS * PROCS_PER_HOST, "every proc is asked"
    return list(hosts.items()), list(procs.items())


def _compare(
    name: str, questions: list[Question], backend: LockstepBackend, now_ns: int, *, rounds: int, steps: int
) -> Comparison:
    ours, bare = [], []
    node, question = questions[0]
    request = msgspec.msgpack.encode(Step(question, now_ns))
    reply = msgspec.msgpack.encode(backend.step(node, question, now_ns))
    with ping_pong(_FRAME_HEADER + len(request), _FRAME_HEADER + len(reply)) as game:
        game.per_s(steps)  # The first round trips fault pages in.
        for _ in range(rounds):
            ours.append(_steps_per_s(backend, questions, now_ns, steps))
            bare.append(game.per_s(steps))
    return Comparison(
        name=f"lockstep, {name}",
        unit="steps/s",
        ours=ours,
        bare_name="socketpair ping-pongs/s",
        bare=bare,
        aim=AIM,
    )


def _steps_per_s(backend: LockstepBackend, questions: list[Question], now_ns: int, steps: int) -> float:
    asked = list(islice(cycle(questions), steps))
    step = backend.step
    started_s = perf_counter()
    for node, question in asked:
        step(node, question, now_ns)
    return steps / (perf_counter() - started_s)


class PingPong:
    def __init__(self, connection: socket.socket, request: bytes) -> None:
        self._connection = connection
        self._request = request

    def per_s(self, count: int) -> float:
        send, receive, request = self._connection.send, self._connection.recv, self._request
        started_s = perf_counter()
        for _ in range(count):
            send(request)
            receive(_BUFFER)
        return count / (perf_counter() - started_s)


@contextmanager
def ping_pong(request_bytes: int, reply_bytes: int) -> Iterator[PingPong]:
    """The other process, on the same cores as this one. It leaves when this end of the socket closes."""
    ours, theirs = socket.socketpair()
    process = multiprocess.get_context("fork").Process(target=_answer, args=(ours, theirs, bytes(reply_bytes)))
    process.start()
    theirs.close()
    try:
        with ours:
            yield PingPong(ours, bytes(request_bytes))
    finally:
        process.join()


def _answer(other_end: socket.socket, connection: socket.socket, reply: bytes) -> None:
    other_end.close()
    with connection:
        while connection.recv(_BUFFER):
            connection.send(reply)
