"""Messages between simulated procs take the time of their distance, and keep their order (mesh_model.md 5.6, 8.3)."""

from pathlib import Path

from small_worlds import run_sim

from meshsim.drive.network import Network
from meshsim.model.ids import ProcId
from meshsim.model.messages import Envelope, ForwardMessage
from meshsim.scenario.load import load_scenarios
from meshsim.scenario.plan import plan
from meshsim.units import MS

SCENARIO = Path(__file__).parents[2] / "scenarios" / "fast" / "simulated-procs-are-far-apart.toml"
PLAN = plan(load_scenarios(SCENARIO)[0], 0)


def test_forwards_of_a_cast_take_the_time_of_their_distance():
    """`workers` are in region 0 (ranks 0 and 1) and region 1 (ranks 2 and 3)."""
    conductor = run_sim(PLAN)
    rank_of = {proc: rank for rank, proc in enumerate(conductor.directory.meshes["workers"].members)}
    took = {}
    sent = {record.seq: record.at for record in conductor.records}
    for record in conductor.records:
        if isinstance(record.what, Envelope) and isinstance(record.what.message, ForwardMessage):
            src, dst = (rank_of[actor.rsplit(",", 1)[0]] for actor in (record.what.sender, record.what.dest))
            took.setdefault((src, dst), []).append(record.at - sent[record.cause])

    assert set(took) == {(0, 1), (0, 2), (2, 3)}
    assert all(500 * MS <= time <= 1000 * MS for time in took[0, 2])
    assert all(5 * MS <= time <= 10 * MS for time in took[0, 1] + took[2, 3])


def test_what_one_proc_sends_another_keeps_its_order():
    network = Network(PLAN)
    one, other = ProcId("a,p"), ProcId("a,q")
    network.place(one, (0, 0, 0, 0, 0, 0))
    network.place(other, (1, 0, 0, 0, 0, 0))

    arrivals = [network.arrivals_within(one, other, "work", now_ns) for now_ns in range(50)]

    assert arrivals == sorted(arrivals)
    assert network.uniform_ns is None
