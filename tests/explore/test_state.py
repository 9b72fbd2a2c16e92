"""Two runs that go on alike have the same state, and others have not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy

import pytest
from small_worlds import at, mesh, run_sim

from meshsim.drive.agenda import Entry
from meshsim.drive.conductor import Conductor
from meshsim.explore.state import digest_of, history, settled_digest
from meshsim.faults.kinds import Exit
from meshsim.model.actors.registry import default_program
from meshsim.model.commands import NodeCommand
from meshsim.model.events import Event
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope
from meshsim.scenario.plan import with_profile
from meshsim.sim import SimBackend
from meshsim.units import MS

FIXED = with_profile(mesh(horizon_s=6), "fixed")
#: Three timers of the client are due; what they send arrives: a question to the host, and a heartbeat to each of two
#: procs, who do not answer; the answers of both procs to something else, later.
TIMERS_NS, HEARTBEATS_NS, ANSWERS_NS = 2_012 * MS, 2_013 * MS, 2_016 * MS


class LastAt:
    """Takes the last that may go first at one instant."""

    def __init__(self, at_ns: int) -> None:
        self._at_ns = at_ns

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        return len(entries) - 1 if at_ns == self._at_ns else 0


class Until:
    """Notes what the state is when an instant begins."""

    def __init__(self, at_ns: int, last_at_ns: int) -> None:
        self._at_ns = at_ns
        self._order = LastAt(last_at_ns)
        self.state = b""
        self.look: Callable[[], bytes] = bytes

    def choose(self, at_ns: int, entries: Sequence[Entry]) -> int:
        if at_ns >= self._at_ns and not self.state:
            self.state = self.look()
        return self._order.choose(at_ns, entries)


def histories(last_at_ns: int) -> tuple[bytes, bytes]:
    """The history of the run in which the last goes first at an instant; with times and without."""
    conductor = run_sim(FIXED, LastAt(last_at_ns))
    timed, plain = (history(conductor.records, conductor.directory, timed=each) for each in (True, False))
    return digest_of(timed), digest_of(plain)


def test_the_order_of_different_nodes_is_no_part_of_a_history() -> None:
    """Heartbeats to two procs commute, answers to one client do not."""
    assert histories(HEARTBEATS_NS) == histories(0)
    assert histories(ANSWERS_NS)[1] != histories(0)[1]


def test_times_are_part_of_a_history_when_they_are_asked_for() -> None:
    """An exit a millisecond later: the same happens, at other times."""
    runs = [run_sim(mesh(horizon_s=3, faults=[Exit(target="workers[1]", at=at(1 + late))])) for late in (0, 0.001)]
    timed, plain = (
        [digest_of(history(run.records, run.directory, timed=each)) for run in runs] for each in (True, False)
    )

    assert timed[0] != timed[1]
    assert plain[0] == plain[1]


def test_nodes_that_change_places_have_the_same_digest() -> None:
    one = {"client": ["state n1 a -> b", "state n2 a -> b"], "n1": ["x"], "n2": []}
    other = {"client": ["state n2 a -> b", "state n1 a -> b"], "n2": ["x"], "n1": []}
    swaps = ({}, {"n1": "n2", "n2": "n1"})

    assert digest_of(one) != digest_of(other)
    assert digest_of(one, renamings=swaps) == digest_of(other, renamings=swaps)
    assert digest_of(one, ["n1"], swaps) == digest_of(other, ["n2"], swaps) != digest_of(other, ["n1"], swaps)


def settled(at_ns: int, last_at_ns: int) -> bytes:
    """The state at the beginning of an instant, of the run in which the last goes first at another one."""
    backend, order = SimBackend(default_program()), Until(at_ns, last_at_ns)
    conductor = Conductor(FIXED, backend, order)
    order.look = lambda: settled_digest(conductor, backend.nodes)
    conductor.run()
    assert order.state
    return order.state


@pytest.mark.parametrize(("last_at_ns", "is_same"), [(HEARTBEATS_NS, True), (TIMERS_NS, False)])
def test_a_state_is_what_has_become_of_a_run(last_at_ns: int, is_same: bool) -> None:
    """The order of heartbeats leaves nothing behind; that of a controller's timers is that of what they send."""
    assert (settled(HEARTBEATS_NS + MS, last_at_ns) == settled(HEARTBEATS_NS + MS, 0)) is is_same


class Twins(SimBackend):
    """Copies a node before each step, and gives the copy the same."""

    def __init__(self) -> None:
        super().__init__(default_program())
        self.steps = 0

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        machine = self.nodes[node]
        twin = deepcopy(machine)
        commands = machine.handle(event, now_ns)
        assert twin.handle(event, now_ns) == commands
        assert twin.snapshot() == machine.snapshot()
        self.steps += 1
        return commands


def test_a_copied_machine_does_what_the_original_does() -> None:
    """At every step of a run in which a process dies."""
    backend = Twins()
    conductor = Conductor(mesh(horizon_s=5, faults=[Exit(target="workers[1]", at=at(1))]), backend)
    conductor.run()

    delivered = sum(isinstance(record.what, Envelope) for record in conductor.records)
    assert backend.steps >= delivered > 20
