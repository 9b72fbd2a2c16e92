"""Messages delivered per second of a whole lockstep run, beside a bare ping-pong over a socketpair.

Steps of a node that follow each other at one instant travel in one round trip, so a poll of many ranks costs fewer
round trips than it has messages. Bring-up is left out: the clock starts at the first poll.
"""

from __future__ import annotations

import os
from contextlib import closing
from time import perf_counter

from benchmarks.comparison import Comparison
from benchmarks.stepping import AIM, ping_pong
from benchmarks.worlds import quiet_plan
from meshsim.drive.conductor import Conductor
from meshsim.model.actors.registry import default_program
from meshsim.model.messages import Envelope
from meshsim.model.notes import PollStarted
from meshsim.procs.backend import LockstepBackend
from meshsim.trace.records import Record
from meshsim.units import S

#: Size of a usual request and its answer, header included.
_REQUEST_BYTES = 320
_REPLY_BYTES = 360


def compare_polling(*, hosts: int, per_host: int, polls: int, rounds: int, pings: int) -> Comparison:
    """A run of so many polls in each round, trace on, and a ping-pong on the same core after it."""
    ours, bare = [], []
    plan = quiet_plan(hosts=hosts, per_host=per_host, horizon_ns=(10 * polls + 9) * S)
    for _ in range(rounds):
        with closing(LockstepBackend(default_program(), run_id=f"benchmark-{os.getpid()}")) as backend:
            conductor = Conductor(plan, backend)
            clock = _FromFirstPoll()
            conductor.watchers.append(clock.watch)
            conductor.run()
            ended_s = perf_counter()
            delivered = sum(isinstance(record.what, Envelope) for record in conductor.records[clock.record :])
            ours.append(delivered / (ended_s - clock.started_s))
            with ping_pong(_REQUEST_BYTES, _REPLY_BYTES) as game:
                game.per_s(pings)  # The first round trips fault pages in.
                bare.append(game.per_s(pings))
    return Comparison(
        name=f"lockstep, {polls} polls of {hosts * per_host} procs",
        unit="messages/s",
        ours=ours,
        bare_name="socketpair ping-pongs/s",
        bare=bare,
        aim=AIM,
    )


class _FromFirstPoll:
    """Notes when the first poll of a run begins, in wall time and in the trace."""

    def __init__(self) -> None:
        self.started_s = 0.0
        self.record = 0

    def watch(self, record: Record) -> None:
        if not self.record and isinstance(record.what, PollStarted):
            self.started_s = perf_counter()
            self.record = record.seq
