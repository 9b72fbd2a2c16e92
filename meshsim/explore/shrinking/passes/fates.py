"""Faults that draw, as what they drew: the messages that a loss of every third one took, each with a fate of its own,
or that a delivery timeout of every third one withheld, unless it ended: then they were on their way again.

Then the fault can go, and the messages one by one after it: most of them had no part in what follows.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from meshsim.faults import kinds
from meshsim.faults.kinds import Fault
from meshsim.run.program import program_of
from meshsim.scenario.decisions import Fate, Withheld
from meshsim.scenario.errors import ScenarioError
from meshsim.scenario.plan import plan
from meshsim.scenario.schema import Scenario

#: With more of them a file is no plainer than with the fault. Source: chosen here.
FATES_MAX = 500


def singled_out(scenario: Scenario) -> Iterator[Scenario]:
    """Without the faults that draw, but with what they did to messages."""
    drawing = [fault for fault in scenario.faults if _draws(fault)]
    is_by_chance = scenario.network.loss or scenario.network.jitter or scenario.network.links
    if not drawing and not is_by_chance:
        return
    fates = _fates(scenario)
    if len(fates) > FATES_MAX:
        return
    yield msgspec.structs.replace(
        scenario,
        faults=[fault for fault in scenario.faults if not _draws(fault)],
        decisions=[*(each for each in scenario.decisions if not isinstance(each, Fate | Withheld)), *fates],
    )


def _draws(fault: Fault) -> bool:
    if isinstance(fault, kinds.JitterFault | kinds.Reordering):
        return True
    if isinstance(fault, kinds.DeliveryTimeout) and fault.for_ is not None:
        return False
    by_share = kinds.Latency | kinds.Loss | kinds.Duplication | kinds.DeliveryTimeout
    return isinstance(fault, by_share) and fault.share < 1


def _fates(scenario: Scenario) -> list[Fate | Withheld]:
    """What becomes of messages in the run of a scenario, other than that they arrive."""
    from meshsim.drive.conductor import Conductor
    from meshsim.sim import SimBackend

    try:
        planned = plan(scenario, scenario.seeds[0])
    except ScenarioError:
        return []
    conductor = Conductor(planned, SimBackend(program_of(planned)))
    conductor.network.note_fates()
    conductor.run()
    return list(conductor.network.fates)
