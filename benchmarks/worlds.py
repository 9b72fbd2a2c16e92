"""The one kind of world that is measured: an actor on every proc, polled, and nothing goes wrong."""

from __future__ import annotations

from meshsim.scenario import Plan, Scenario, plan
from meshsim.scenario.schema import Actors, Procs, Subscriber, Topology
from meshsim.units import Duration


def quiet_plan(*, hosts: int, per_host: int, horizon_ns: int) -> Plan:
    """`hosts * per_host` healthy ranks with an owner and one subscriber, everything else as by default."""
    topology = Topology(
        hosts=hosts,
        clients=["client", "observer"],
        procs=[Procs(name="workers", per_host={"gpus": per_host})],
        actors=[Actors(name="trainer", procs="workers")],
        subscribers=[Subscriber(mesh="trainer", by="observer")],
    )
    return plan(Scenario(name="benchmark", horizon=Duration(horizon_ns), topology=topology), seed=0)
