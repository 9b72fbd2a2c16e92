"""A host that comes back as another process: who can still speak to it, and what becomes of what waited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from small_worlds import at, found, mesh, run_sim, times

from meshsim.faults.kinds import Exit, Fault, HostCrash, PowerCycle, SlowStart, SpawnRefused, Stall
from meshsim.model.events import TimerFired
from meshsim.model.messages import Envelope, ListResources, Stop
from meshsim.model.notes import OperationEnded
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import Actors, ListProcsOp, Procs, Scenario, Topology
from meshsim.trace.records import (
    FaultMissed,
    FaultStruck,
    InFlight,
    MessageReturned,
    ProcessReaped,
    ProcessStarted,
    Record,
    RunEnded,
)

CLIENT_AGAIN = {"dead_client_cached_forever": False}
CYCLE = PowerCycle(target="host1", at=at(5), for_=at(3))


def asked(by: str, *whens: float) -> list[ListProcsOp]:
    return [ListProcsOp(by=by, host="host1", at=at(when)) for when in whens]


def run(*faults: Fault, horizon_s: float = 30, **keys: Any) -> list[Record]:
    """Two hosts that are hardly polled, and who asks the second one for its procs."""
    config = {"supervision_poll_frequency": "60s"}
    world = mesh(
        hosts=2,
        per_host=1,
        clients=["early", "stranger"],
        horizon_s=horizon_s,
        config=config,
        faults=list(faults),
        **keys,
    )
    return run_sim(world).records


def errors(records: Sequence[Record]) -> list[str]:
    """The last error of each question that came back."""
    return [
        returned.errors[0].rpartition("reason ")[2]
        for returned in found(records, MessageReturned)
        if isinstance(returned.envelope.message, ListResources)
    ]


def answered(records: Sequence[Record]) -> list[float]:
    whens = zip(times(records, OperationEnded), found(records, OperationEnded), strict=True)
    return [round(when, 1) for when, ended in whens if ended.operation == "list_procs" and ended.error is None]


def test_a_host_comes_back_without_its_procs() -> None:
    """A second process under the same name; the procs went with the first one."""
    records = run(CYCLE)

    assert [record.node for record in records if isinstance(record.what, ProcessStarted)][-1] == "host1~2"
    assert [struck.kind for struck in found(records, FaultStruck)] == ["power_cycle", "power_on"]
    assert [record.node for record in records if isinstance(record.what, ProcessReaped)] == ["host1", "host1/workers_0"]


def test_who_had_a_session_is_refused_and_never_heard_again() -> None:
    """Its next number is not 0; then the channel is closed for good."""
    records = run(CYCLE, operations=asked("client", 10, 12))

    first, second = errors(records)
    assert "server rejected connection due to: out-of-sequence message, expected seq 0, got " in first
    assert second == "None"
    assert answered(records) == []


def test_without_the_cached_client_the_second_message_arrives() -> None:
    """A new session in place of the one that closed."""
    records = run(CYCLE, operations=asked("client", 10, 12), quirks=CLIENT_AGAIN)

    assert len(errors(records)) == 1
    assert answered(records) == [12.0]


def test_who_never_spoke_to_it_is_answered() -> None:
    """Also a question that was asked while it was off: it waits in the channel, and is written later."""
    records = run(CYCLE, operations=[*asked("early", 6), *asked("stranger", 10)])

    assert errors(records) == []
    assert answered(records) == [8.0, 10.0]


def test_what_waited_in_an_old_session_comes_back_when_it_is_refused() -> None:
    """Not after the delivery time-out: somebody is there to say no."""
    records = run(CYCLE, operations=asked("client", 6))

    (when,) = [record.at / 1e9 for record in records if _is_question_back(record)]
    assert 8 < when < 9.1
    assert "got " in errors(records)[0]


def _is_question_back(record: Record) -> bool:
    what = record.what
    return isinstance(what, MessageReturned) and isinstance(what.envelope.message, ListResources)


def test_who_is_stopped_finds_out_when_he_goes_on() -> None:
    records = run(CYCLE, Stall(target="client", at=at(6.5), for_=at(5)), operations=asked("client", 6))

    (when,) = [record.at / 1e9 for record in records if _is_question_back(record)]
    assert 11.5 <= when < 11.6


def test_who_is_gone_misses_nothing() -> None:
    records = run(CYCLE, Exit(target="client", at=at(7)), operations=asked("client", 6))

    assert errors(records) == []


def test_a_session_that_nobody_used_survives_a_second_cycle() -> None:
    """Nobody told the client in between: it still has the number that the first process knew."""
    records = run(CYCLE, PowerCycle(target="host1", at=at(10), for_=at(2)), operations=asked("client", 15))

    assert [record.node for record in records if isinstance(record.what, ProcessStarted)][-1] == "host1~3"
    assert "expected seq 0, got " in errors(records)[0]


def test_a_question_on_its_way_back_is_in_flight_at_the_end() -> None:
    records = run(CYCLE, operations=asked("client", 10), horizon_s=10.001)

    assert [type(each.envelope.message) for each in found(records, InFlight)] == [ListResources]


def test_a_host_that_is_back_already_is_not_started_again() -> None:
    """Two cycles that overlap: the second one found the host dead, and then alive."""
    records = run(CYCLE, PowerCycle(target="host1", at=at(6), for_=at(4)))

    assert [missed.why for missed in found(records, FaultMissed)] == [
        "the process of host1 is gone",
        "host1 is not off",
    ]


def test_timers_of_the_former_agent_do_not_stand_in_the_way() -> None:
    """It is told again to create procs and to stop them, as the one before was: each of them has its grace."""
    quirks = {"Q38": False, "Q43": False}
    off = PowerCycle(target="host0", at=at(0.037), for_=at(0.1))
    world = mesh(per_host=3, quirks=quirks, faults=[off, SpawnRefused(target="workers[0]", errno="EAGAIN")])
    records = run_sim(world).records

    told = [
        (record.node, record.what.message.name)
        for record in records
        if isinstance(record.what, Envelope) and isinstance(record.what.message, Stop)
    ]
    graces = [fired.key for fired in found(records, TimerFired) if fired.key.startswith("request_stop:")]
    assert [node for node, _ in told] == ["host0"] * 3 + ["host0~2"] * 3
    assert graces == [f"request_stop:{name}" for _, name in told[3:]]


def test_an_orphan_lives_on_and_cannot_be_reached() -> None:
    """The new process has no way to it."""
    records = run(
        HostCrash(target="host1", pdeathsig=False, at=at(4)), PowerCycle(target="host1", at=at(5), for_=at(3))
    )

    assert [record.node for record in records if isinstance(record.what, ProcessReaped)] == ["host1"]


def test_a_channel_that_gave_up_while_its_receiver_was_off_does_not_connect_again() -> None:
    """It closed before the host was back: the new process has nothing to refuse. Found by exploring, and shrunk."""
    scenario = Scenario(
        name="given-up",
        horizon=at(20),
        config={"host_spawn_ready_timeout": "3s", "message_delivery_timeout": "5s"},
        topology=Topology(
            procs=[Procs(name="workers"), Procs(name="more")], actors=[Actors(name="helper", procs="more")]
        ),
        faults=[SlowStart(target="workers[0]", after=at(5)), PowerCycle(target="host0", at=at(10), for_=at(8))],
    )

    records = run_sim(plan(scenario, 0)).records

    assert isinstance(records[-1].what, RunEnded)
    assert [record.node for record in records if isinstance(record.what, ProcessStarted)][-1] == "host0~2"
