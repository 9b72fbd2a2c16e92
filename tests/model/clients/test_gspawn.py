"""Spawning one actor through the agent of a proc, outside meshes (supervision.md 8.7)."""

import pytest
from machines import CLIENT, agent, proc_mesh

from meshsim.model.alloc.messages import GspawnResult
from meshsim.model.clients.allocating import GspawnRun
from meshsim.model.clients.stopping import Outcome
from meshsim.model.ids import Name
from meshsim.model.messages import Envelope
from meshsim.model.operations import GspawnOn

PORT = 1030


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (GspawnResult(1, agent(1)), Outcome(result=f"1: {agent(1)}")),
        (
            GspawnResult(1, None, "gspawn failed: no such type"),
            Outcome(error="error while spawning actor helper: gspawn failed: no such type"),
        ),
    ],
)
def test_what_the_agent_says_ends_the_run(said, outcome):
    """The error is a mesh error around the agent's own (mesh_model.md 2.8)."""
    run = GspawnRun(CLIENT, GspawnOn(proc_mesh(2), 1, Name("helper"), "TestActor"), PORT)

    [asked] = run.start(0)

    assert (asked.dest, run.accepts(PORT), run.outcome) == (agent(1), True, None)
    assert (run.handle(Envelope(agent(1), CLIENT, said, PORT), 1), run.outcome) == ([], outcome)
