"""Feed what the nodes of a `live` run took to the model again, and compare what they asked for, one by one.

The recording (`timing.json`) holds for every node what it took, in order, with the time of its own clock, and what it
asked for then: messages and notes as numbers of records, everything else (timers, spawns, signals, exits) as it is. A
node of the model, made as `sim` makes it, takes the same at the same times. Compared are

- the outputs of each input, in order and to the byte (`meshsim.run.replaying.node`),
- what a node can have taken: what was handed to it, in that order, not before; and its timers, none before it was due,
  none later than its event loop allows,
- the records that follow from it: no note, message, process, signal or exit in the trace that no node asked for, and
  none missing that one did (`meshsim.run.replaying.consequences`).

A node is compared up to its first difference: what comes after it says nothing. What no record holds and no input has
to explain is the work of the conductor: what the network does to messages, what the kernel does to processes.

Runs of `sim` and `lockstep` are not replayed from a recording: they give the same trace when they are run again, which
`meshsim run --check-determinism` checks.
"""

from __future__ import annotations

import msgspec

from meshsim.drive.timing import Timing
from meshsim.model.ids import Node
from meshsim.run.program import program_of
from meshsim.run.replaying.boots import Boots, NotBootedError
from meshsim.run.replaying.consequences import unexplained
from meshsim.run.replaying.difference import Difference
from meshsim.run.replaying.node import ReplayedNode
from meshsim.run.replaying.recording import Recording
from meshsim.scenario.plan import Plan
from meshsim.trace.records import Record

__all__ = ["Difference", "NotRecordedError", "Replayed", "replay"]


class NotRecordedError(ValueError):
    """The recording does not hold what a replay needs; `str()` says what."""


class Replayed(msgspec.Struct, frozen=True):
    """What came of it."""

    #: How many nodes took anything.
    nodes: int
    #: How many inputs were fed, and outputs compared.
    inputs: int
    outputs: int
    #: The first of each node, in the order of the trace; then what no node accounts for.
    differences: tuple[Difference, ...]


def replay(plan: Plan, records: list[Record], timing: Timing) -> Replayed:
    """Feed every recorded input of a live run to the model and compare every output.

    Raises:
        NotRecordedError: the recording is older than replays.
        ScenarioError: an actor class of the plan cannot be imported.
    """
    if any(each.outputs is msgspec.UNSET for each in timing.inputs):
        raise NotRecordedError("its timing.json does not say what the nodes asked for: it was made by an older version")
    recording = Recording(records, timing)
    boots = Boots(plan, recording)
    program = program_of(plan)
    nodes: dict[Node, ReplayedNode] = {}
    differences: list[Difference] = []
    for each in recording.inputs:
        node = nodes.get(each.node)
        if node is None:
            try:
                boot = boots.of(each.node)
            except NotBootedError as error:
                boot = None
                differences.append(recording.difference(each, 0, str(error)))
            node = nodes[each.node] = ReplayedNode(each.node, boot, program, recording)
        node.take(each)
    differences += [node.difference for node in nodes.values() if node.difference is not None]
    differences.sort(key=lambda difference: difference.record)
    if not differences:
        differences += unexplained(recording)
    return Replayed(
        nodes=len(nodes),
        inputs=sum(node.taken for node in nodes.values()),
        outputs=sum(node.compared for node in nodes.values()),
        differences=tuple(differences),
    )
