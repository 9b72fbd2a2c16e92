"""Delivered messages per second of backend `sim`, beside timeouts per second of bare SimPy.

A SimPy process inside the run stops it between two polls, again and again: each round lets the run go on for some polls
with trace and digest on, then lets as many bare SimPy processes as there are ranks loop over `yield env.timeout(1)`. So
bring-up is left out, and both see the same moment of the machine. Both are computing only: CPU time is what counts.
"""

from __future__ import annotations

from collections.abc import Generator
from time import process_time

import msgspec
import simpy

from benchmarks.comparison import Aim, Comparison
from benchmarks.worlds import quiet_plan
from meshsim.drive.conductor import Conductor
from meshsim.model.actors.registry import default_program
from meshsim.model.config import defaults
from meshsim.model.messages import Envelope
from meshsim.model.notes import LocalDelivery, PollEnded
from meshsim.scenario.schema import Network
from meshsim.sim import SimBackend

#: Messages of one poll, for each rank: the host is asked and answers; the other question is forwarded to the comm actor
#: beside the agent, which asks it and has the answer, and that passes two more comm actors on its way.
MESSAGES_PER_RANK = 8

AIM = Aim("ratio", "least", 0.2)


class Size(msgspec.Struct, frozen=True):
    hosts: int
    per_host: int

    @property
    def ranks(self) -> int:
        return self.hosts * self.per_host


def compare_simulation(size: Size, *, rounds: int, messages: int) -> list[Comparison]:
    """Speed and bring-up of a mesh of this size; each round delivers about this many messages, a poll at least."""
    alternation = _Alternation(size, rounds, polls=max(1, messages // (MESSAGES_PER_RANK * size.ranks)))
    alternation.run()
    return [
        Comparison(
            name=f"sim, {size.ranks:,} ranks",
            unit="messages/s",
            ours=alternation.ours,
            bare_name="SimPy timeouts/s",
            bare=alternation.bare,
            aim=AIM,
        ),
        Comparison(name=f"sim, bring-up of {size.ranks:,} ranks", unit="s", ours=[alternation.bring_up_s]),
    ]


class _Alternation:
    """One run that is measured in pieces, with the baseline in its pauses."""

    def __init__(self, size: Size, rounds: int, polls: int) -> None:
        self.ours: list[float] = []
        self.bare: list[float] = []
        self.bring_up_s = 0.0
        period_ns = int(defaults()["SUPERVISION_POLL_FREQUENCY"])
        self._rounds = rounds
        # A host starts its procs one after the other; half a period after the first poll no poll is near.
        self._begin_ns = size.per_host * int(Network().spawn) + period_ns * 3 // 2
        self._piece_ns = period_ns * polls
        horizon_ns = self._begin_ns + (rounds + 1) * self._piece_ns
        plan = quiet_plan(hosts=size.hosts, per_host=size.per_host, horizon_ns=horizon_ns)
        self._conductor = Conductor(plan, SimBackend(default_program()))
        self._bare = _BareSimPy(size.ranks, events=MESSAGES_PER_RANK * size.ranks * polls)

    def run(self) -> None:
        self._conductor.env.process(self._pauses())
        self._began_s = process_time()
        self._conductor.run()

    def _pauses(self) -> Generator[simpy.Event, object, None]:
        env, records = self._conductor.env, self._conductor.records
        yield env.timeout(self._begin_ns)
        self.bring_up_s = process_time() - self._began_s
        assert any(type(record.what) is PollEnded for record in records), "bring-up is not over"
        self._conductor.digest()
        for _ in range(self._rounds):
            first = len(records)
            started_s = process_time()
            yield env.timeout(self._piece_ns)
            self._conductor.digest()
            elapsed_s = process_time() - started_s
            delivered = sum(type(record.what) in (Envelope, LocalDelivery) for record in records[first:])
            self.ours.append(delivered / elapsed_s)
            self.bare.append(self._bare.timeouts_per_s())


class _BareSimPy:
    """Processes that do nothing but wait, started before the clock is."""

    def __init__(self, processes: int, events: int) -> None:
        self._processes = processes
        self._instants = max(1, events // processes)
        self._env = simpy.Environment()
        for _ in range(processes):
            self._env.process(self._loop())
        self._env.run(until=2)

    def _loop(self) -> Generator[simpy.Event, object, None]:
        while True:
            yield self._env.timeout(1)

    def timeouts_per_s(self) -> float:
        until = self._env.now + self._instants
        started_s = process_time()
        self._env.run(until=until)
        return self._processes * self._instants / (process_time() - started_s)
