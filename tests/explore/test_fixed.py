"""What drawing faults found under `fixed`, where nothing may be: each was a false alarm, or a defect of the model."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest
from small_worlds import at

from meshsim.explore.finding import findings_of
from meshsim.explore.space import Space
from meshsim.faults.kinds import (
    AgentCrash,
    ControllerKill,
    DeliveryTimeout,
    Duplication,
    Exit,
    Fault,
    Hang,
    HostCrash,
    InitFails,
    JitterFault,
    Latency,
    LatePolls,
    Loss,
    Misreport,
    NeverReady,
    OutOfMemory,
    Partition,
    PowerCycle,
    ProcessesExhausted,
    Raise,
    Reordering,
    SelfFail,
    Signal,
    SpawnRefused,
    Stall,
    SubscriberGone,
)
from meshsim.run import run_plan
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan, with_profile
from meshsim.trace.records import FaultMissed

FOLDER = Path(__file__).parents[2] / "scenarios" / "explore"
PLANS = {
    path.stem: with_profile(plan(loaded, 0), "fixed") for path in discover([FOLDER]) for loaded in load_scenarios(path)
}

#: What was alarmed of, in which world, by which faults.
CASES: dict[str, tuple[str, tuple[Fault, ...]]] = {
    "the notes of a proc that was refused, and started when its host was back": (
        "plain",
        (
            SpawnRefused(target="workers[2]", errno="EMFILE"),
            PowerCycle(target="host1", at=at(0.01), for_=at(1)),
        ),
    ),
    "orphans of a controller whose polls a fault makes late": (
        "plain",
        (LatePolls(target="trainer", at=at(30.007), by=at(26), times=1),),
    ),
    "orphans of a host that left its procs behind": (
        "plain-slice",
        (HostCrash(target="host1", at=at(19.622), pdeathsig=False),),
    ),
    "orphans of a controller that was told of their end by a fault": (
        "plain-slice",
        (Misreport(target="more[1]", at=at(19.988), mesh="helper", status="Failed", state=False, times=1),),
    ),
    "orphans whose answers take longer than they may live": (
        "plain-slice",
        (Latency(target="more[1]", at=at(18.133), to=["client"], for_=at(26), by=at(16)),),
    ),
    "orphans of a poll that waits from the moment at which the last keepalive was due": (
        "plain-slice",
        (NeverReady(target="more[1]"), Exit(target="host1", at=at(20.009), code=3)),
    ),
    "a rank that is silent because answers of another came twice": (
        "plain",
        (Duplication(target="workers[1]", at=at(50.008), for_=at(3), times=2),),
    ),
    "a rank that is silent because its host sends another one queries twice": (
        "plain",
        (Duplication(target="host0", at=at(41.433), to=["workers[0]"], one_way=True, for_=at(16), times=2),),
    ),
    "a rank that its own host cannot reach": (
        "plain",
        (Partition(target="host0", at=at(28.215), to=["workers[0]"], one_way=True),),
    ),
    "a rank that answers its own host late": (
        "plain-slice",
        (JitterFault(target="workers[0]", at=at(9.996), to=["host0"], by=at(26)),),
    ),
    "a rank that is silent, answers and is silent again": (
        "plain-slice",
        (Latency(target="more[1]", at=at(9.996), to=["client"], by=at(11), share=0.5),),
    ),
    "a failed rank that is silent for a while": (
        "plain",
        (
            Raise(target="trainer[1]", at=at(19.981)),
            DeliveryTimeout(target="host0", at=at(39.98), to=["client"], for_=at(11)),
        ),
    ),
    "polls of a rank that the network keeps silent": (
        "plain-slice",
        (DeliveryTimeout(target="more[1]", at=at(9.98)),),
    ),
    "a query to a host before it came back": ("plain-slice", (PowerCycle(target="host1", at=at(0.007)),)),
    "procs that live twice under one id": ("plain-stopped", (PowerCycle(target="host0", at=at(0.017)),)),
    "a shutdown of a host before it came back": ("plain-stopped", (PowerCycle(target="host0", at=at(49.988)),)),
    "the health of procs that live twice under one id": (
        "plain-slice",
        (PowerCycle(target="host1", at=at(0.025)),),
    ),
    "answers that overtake one another": (
        "plain-slice",
        (Reordering(target="client", at=at(0.189), to=["host1"], share=0.5, window=at(16)),),
    ),
    "a subscriber that is sent copies": (
        "plain-stopped",
        (Duplication(target="*", at=at(18.024), one_way=True),),
    ),
    "keepalives for a process that is stopped": ("plain-slice", (Stall(target="workers[2]", at=at(10.016)),)),
    "a failed rank of which a fault says that it stopped": (
        "plain",
        (
            SelfFail(target="trainer[2]", at=at(27.157)),
            Misreport(target="workers[2]", at=at(30.003), mesh="trainer", status="Stopped", state=False, ranks=(0, 1)),
        ),
    ),
    "a subscriber that left before it could be told": (
        "plain",
        (OutOfMemory(target="workers[0]", at=at(24.443)), SubscriberGone(target="left", at=at(24.515), mesh="trainer")),
    ),
    "a controller whose polls are made late": (
        "plain-slice",
        (Signal(target="host0", signal="SIGKILL", at=at(15)), LatePolls(target="helper", at=at(20), by=at(20))),
    ),
    "a subscriber that left before it could be told, and once more behind that": (
        "plain",
        (
            ControllerKill(target="trainer", at=at(10)),
            SubscriberGone(target="right", at=at(20), mesh="trainer"),
            SubscriberGone(target="right", at=at(40), mesh="trainer"),
        ),
    ),
    "a subscriber that the network keeps waiting": (
        "plain-slice",
        (
            Latency(target="client", at=at(29.999), to=["right"], one_way=True, by=at(3)),
            PowerCycle(target="host1", at=at(50.003), for_=at(11)),
        ),
    ),
    "a timer of an actor whose task was dropped": (
        "plain-stopped",
        (Hang(target="trainer[1]", at=at(15.551), for_=at(16)),),
    ),
    "an answer at the very instant of a death": ("plain-stopped", (Exit(target="workers[3]", at=at(20.017)),)),
    "a dead rank whose host answers twice before another has once": (
        "plain",
        (
            Signal(target="workers[2]", at=at(40), signal="SIGKILL"),
            Latency(target="host0", at=at(40.001), to=["client"], by=at(0.005)),
            Duplication(target="host1", at=at(40.001), to=["client"], message="state"),
        ),
    ),
    "a rank of which a fault says that it failed, is silent, and failed": (
        "plain",
        tuple(
            Misreport(target="workers[1]", at=at(when), mesh="trainer", status=status)
            for when, status in ((10, "Failed"), (20, "Timeout"), (50, "Failed"))
        ),
    ),
    "a failed rank whose host is silent for a while": (
        "plain",
        (Raise(target="trainer[1]", at=at(10)), Loss(target="client", at=at(20), for_=at(0.1))),
    ),
    "all is well once more": (
        "plain",
        (Stall(target="workers[1]", at=at(9), for_=at(9)), Stall(target="workers[1]", at=at(34), for_=at(9))),
    ),
    "several failures on their way to one subscriber": (
        "plain",
        (
            Latency(target="client", at=at(42), to=["right"], one_way=True, by=at(26)),
            HostCrash(target="host0", at=at(42)),
            HostCrash(target="host1", at=at(42)),
        ),
    ),
    "queries that wait, copies among them": (
        "plain",
        (Duplication(target="client", at=at(40), to=["host0"], message="get_state", times=2, apart=at(26)),),
    ),
    "an agent of a host that came back twice": (
        "plain",
        (
            PowerCycle(target="host0", at=at(0), for_=at(25)),
            PowerCycle(target="host0", at=at(10), for_=at(0.001)),
            AgentCrash(target="host0", at=at(20)),
        ),
    ),
    "a heartbeat that comes after the end of its controller": (
        "plain",
        (
            Latency(target="client", at=at(30), for_=at(1), to=["right"], one_way=True, by=at(11)),
            ControllerKill(target="trainer", at=at(31)),
        ),
    ),
    "an answer of a host that was stopped when its proc died": (
        "plain",
        (
            Stall(target="host0", at=at(10), for_=at(20)),
            Signal(target="workers[0]", at=at(20), signal="SIGKILL"),
        ),
    ),
    "a failure of which an agent says something else twice": (
        "plain",
        (
            Misreport(target="workers[0]", at=at(30), mesh="trainer", status="NotExist", times=2),
            Raise(target="trainer[0]", at=at(30)),
        ),
    ),
    "orphans behind messages that come late when nothing is late any more": (
        "plain",
        (Latency(target="client", at=at(15.182), to=["host1"], for_=at(8), share=0.5, by=at(26)),),
    ),
    "timers of an agent whose former life had the same": (
        "three-procs",
        (PowerCycle(target="host0", at=at(0.037), for_=at(0.1)), SpawnRefused(target="workers[0]", errno="EAGAIN")),
    ),
    "a stop of an actor of a former life": (
        "three-procs",
        (PowerCycle(target="host0", at=at(0.05), for_=at(1)), InitFails(target="trainer[1]", after=at(0.5))),
    ),
    "a stop of a proc of a former life": (
        "plain",
        (PowerCycle(target="host1", at=at(0.035), for_=at(0.001)), SpawnRefused(target="workers[1]", errno="EMFILE")),
    ),
    "a rank whose host is heard now and then": (
        "plain",
        (DeliveryTimeout(target="host0", at=at(10), one_way=True, share=0.5),),
    ),
    "keepalives that their own host copies": (
        "plain-slice",
        (Duplication(target="host1", at=at(9.844), to=["more[1]"], one_way=True, times=2, apart=at(26)),),
    ),
    "news of a death from a controller whose polls are made late twice over": (
        "plain-slice",
        (
            Signal(target="more[1]", signal="SIGKILL", at=at(10)),
            LatePolls(target="helper", by=at(10), at=at(10)),
            LatePolls(target="helper", by=at(25), at=at(10)),
        ),
    ),
    "news of the death of a host from a controller whose polls are made late": (
        "plain-slice",
        (Signal(target="host1", signal="SIGKILL", at=at(13)), LatePolls(target="helper", by=at(20), at=at(20))),
    ),
    "news of a failure of which the network loses the answers again and again": (
        "plain-slice",
        (
            DeliveryTimeout(target="host1", message="state", at=at(10)),
            Raise(target="helper[0]", at=at(20)),
            Loss(target="workers[2]", at=at(40), for_=at(8)),
        ),
    ),
    "a watchdog that was stopped, and had not been heard before": (
        "plain",
        (Loss(target="client", to=["left"], at=at(0), for_=at(0.1)), Stall(target="left", at=at(20), for_=at(10))),
    ),
    "orphans whose hosts are stopped": (
        "plain",
        (Stall(target="host0", at=at(20)), Stall(target="host1", at=at(20))),
    ),
}


def found(plan: Plan) -> list[str]:
    result = run_plan(plan, "sim")
    return [f"{each.signature}: {each.violation.message}" for each in findings_of(plan, result.records, result.verdict)]


@pytest.mark.parametrize(("world", "faults"), CASES.values(), ids=CASES)
def test_what_was_found_is_found_no_more(world: str, faults: tuple[Fault, ...]) -> None:
    assert found(msgspec.structs.replace(PLANS[world], faults=faults)) == []


@pytest.mark.parametrize("world", PLANS)
def test_drawn_faults_find_nothing(world: str) -> None:
    """A sample of the search: any finding is a defect of the model, of an invariant, or an excuse that it lacks."""
    space = Space.of(PLANS[world])

    for number in range(40):
        random = Random(f"fixed {number}")
        faults = space.draw(random, count=random.randint(1, 4))
        assert found(msgspec.structs.replace(PLANS[world], faults=faults)) == []


def test_a_limit_ends_with_the_process_that_had_it() -> None:
    """The host that came back has all it needs; the end of the fault finds nothing to give back, and says so."""
    faults = (
        ProcessesExhausted(target="host0", at=at(5), for_=at(20)),
        PowerCycle(target="host0", at=at(10), for_=at(2)),
    )

    result = run_plan(msgspec.structs.replace(PLANS["plain"], faults=faults), "sim")

    missed = [(each.index, each.why) for record in result.records if isinstance(each := record.what, FaultMissed)]
    assert missed == [(0, "host0 has come back without that limit")]
