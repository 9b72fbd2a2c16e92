"""Wall clocks of machines: where they come from, who reads them, and what moves them."""

from __future__ import annotations

import msgspec
from small_worlds import SPAWN, at, bare, found, mesh, run_script, run_sim

from meshsim.faults.kinds import ClockDrift, ClockJump, ClockOffset, HostCrash, Raise, Stall
from meshsim.model.events import ClockSet
from meshsim.model.notes import Heard
from meshsim.trace.records import FaultMissed, FaultStruck, Record
from meshsim.units import Drift, S, Shift


def read(records: list[Record]) -> list[tuple[float, str, ClockSet]]:
    """Who got which clock, and when."""
    return [(r.at / S, r.node, r.what) for r in records if isinstance(r.what, ClockSet)]


def test_every_process_of_a_machine_reads_its_clock() -> None:
    """The procs of a host are on its machine; others are not touched, and nothing else is fed to anybody."""
    plan = bare(faults=[ClockJump(target="host1", at=at(1), by=Shift(-5 * S))])

    backend, records = run_script(plan, {"host1": {0.5: [SPAWN]}})

    behind = ClockSet(-5 * S)
    assert found(records, FaultStruck) == [FaultStruck(0, "clock_jump", "host1", "by -5s")]
    assert read(records) == [(1, "host1", behind), (1, "host1/p", behind)]
    assert backend.taken == [(1, "host1", behind), (1, "host1/p", behind)]


def test_jumps_drifts_and_offsets_follow_each_other() -> None:
    """A jump keeps the drift, a drift begins where the clock is, an offset forgets what was drifted."""
    faults = [
        ClockDrift(target="host0", at=at(1), drift=Drift(500_000_000)),
        ClockJump(target="host0", at=at(3), by=Shift(10 * S)),
        ClockOffset(target="host0", at=at(5), offset=Shift(2 * S)),
        ClockDrift(target="host0", at=at(7), drift=Drift(0)),
    ]
    plan = msgspec.structs.replace(bare(faults=faults), clocks={"host0": Shift(1 * S)})

    _, records = run_script(plan, {})

    assert [each for _, _, each in read(records)] == [
        ClockSet(1 * S, 500_000_000, 1 * S),
        ClockSet(12 * S, 500_000_000, 3 * S),
        ClockSet(2 * S, 500_000_000, 5 * S),
        ClockSet(3 * S),
    ]


def test_a_process_that_is_stopped_reads_the_clock_when_it_goes_on() -> None:
    faults = [
        Stall(target="host0", at=at(1), for_=at(4)),
        ClockJump(target="host0", at=at(2), by=Shift(S)),
        ClockJump(target="client", at=at(2), by=Shift(S)),
    ]

    _, records = run_script(bare(faults=faults), {})

    assert read(records) == [(2, "client", ClockSet(S)), (5, "host0", ClockSet(S))]


def test_a_process_that_starts_later_has_the_clock_of_its_machine() -> None:
    """It boots with it: nobody has to tell it."""
    plan = bare(faults=[ClockJump(target="host1", at=at(1), by=Shift(S))])

    backend, records = run_script(plan, {"host1": {2: [SPAWN]}})

    assert [node for _, node, _ in read(records)] == ["host1"]
    assert backend.boots["host1/p"].clock.offset_ns == S


def test_the_clock_of_a_machine_that_is_gone_cannot_be_set() -> None:
    faults = [HostCrash(target="host1", at=at(1)), ClockJump(target="host1", at=at(2), by=Shift(S))]

    _, records = run_script(bare(faults=faults), {})

    assert found(records, FaultMissed) == [FaultMissed(1, "clock_jump", "host1", "the process of host1 is gone")]


def test_what_happens_has_the_wall_time_of_where_it_happened() -> None:
    """Not the virtual time, which no machine knows; before the jump and after it."""
    for jump_s, ahead_s in ((2, 100), (8, 0)):
        faults = [
            ClockJump(target="host0", at=at(jump_s), by=Shift(100 * S)),
            Raise(target="trainer[1]", at=at(5), text="boom"),
        ]

        records = run_sim(mesh(faults=faults, horizon_s=10, config={"mesh_orphan_timeout": "10m"})).records

        (heard,) = [each for each in found(records, Heard) if each.role == "owner"]
        assert heard.failure.event.occurred_at_ns == (5 + ahead_s) * S


def test_a_clock_may_drift_from_the_start() -> None:
    plan = msgspec.structs.replace(
        mesh(faults=[Raise(target="trainer[1]", at=at(5), text="boom")], horizon_s=10),
        clocks={"host0": Shift(-1 * S)},
        clock_drifts={"host0": Drift(1_000_000)},
    )

    (heard,) = [each for each in found(run_sim(plan).records, Heard) if each.role == "owner"]

    assert heard.failure.event.occurred_at_ns == 4 * S + 5 * S // 1000
