"""What is drawn for the faults of a scenario: targets out of several, and the time within a window.

Each draw has a stream of its own, named by the number of the fault: a fault that is added behind the others, or a key
that is added to one of them, changes no other draw. One that is added in front gives those behind it other numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from meshsim.faults.kinds import Fault
from meshsim.scenario.streams import stream
from meshsim.units import Duration


def drawn_faults(faults: Sequence[Fault], seed: int) -> tuple[Fault, ...]:
    """The faults of a plan: with the targets and the times that this seed draws."""
    return tuple(_at_its_time(_chosen(fault, seed, index), seed, index) for index, fault in enumerate(faults))


def _chosen(fault: Fault, seed: int, index: int) -> Fault:
    """With as many targets as are to be chosen, in the order in which they are written."""
    if fault.choose is UNSET or fault.targets is UNSET:
        return fault
    left = list(range(len(fault.targets)))
    draw = stream(seed, "fault", index, "choose")
    chosen = sorted(left.pop(draw.randrange(len(left))) for _ in range(fault.choose))
    targets = [fault.targets[number] for number in chosen]
    if len(targets) == 1:
        return msgspec.structs.replace(fault, target=targets[0], targets=UNSET, choose=UNSET)
    return msgspec.structs.replace(fault, targets=targets, choose=UNSET)


def _at_its_time(fault: Fault, seed: int, index: int) -> Fault:
    """As much later as is drawn: after its time, or after the record that it waits for."""
    if fault.within is UNSET:
        return fault
    later = stream(seed, "fault", index, "within").randrange(int(fault.within))
    if fault.when is not None:
        when = msgspec.structs.replace(fault.when, after=Duration(fault.when.after + later))
        return msgspec.structs.replace(fault, when=when, within=UNSET)
    assert fault.at is not None, "checked with the scenario"
    return msgspec.structs.replace(fault, at=Duration(fault.at + later), within=UNSET)
