"""Which quirk of the modelled system a finding is of: the same plan again, with quirks turned off one by one.

A quirk without which the signature is gone is one that the finding is of; there may be several, each of them needed. A
finding that stays when every quirk is off is of none: the model is wrong, or an invariant is. One that any single quirk
can go without is made by several, each of which would do: then a smallest set is named without which it is gone.

Turning a quirk off changes what follows, so a fault may come too early or too late for what it struck: what is named is
what the finding needs, the fewer faults it has the surer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from meshsim.explore.finding import Finding, Signature, signatures_of
from meshsim.model.quirks import SWITCHES, turned_off
from meshsim.oracle.invariants import INVARIANTS
from meshsim.scenario.plan import Plan

#: The signatures that a plan shows.
Shows = Callable[[Plan], frozenset[Signature]]


class Attribution(msgspec.Struct, frozen=True):
    """What a finding is of."""

    #: Ids, those that the invariant names first, then in the order of the table; empty when it is of no quirk.
    quirks: tuple[str, ...] = ()
    #: False: each of them alone is needed. True: without all of them it is gone, without fewer it stays.
    together: bool = False

    def __str__(self) -> str:
        return (" or " if self.together else ", ").join(self.quirks) or "no quirk"


def attributed(finding: Finding, shows: Shows = signatures_of) -> Attribution:
    """The quirks that a finding is of. `shows` runs a plan in virtual time when not given."""
    own = INVARIANTS[finding.signature.invariant].quirks if finding.signature.invariant in INVARIANTS else ()
    candidates = [quirk for quirk in dict.fromkeys((*own, *SWITCHES)) if quirk not in finding.plan.quirks_off]

    def gone(off: Sequence[str]) -> bool:
        return finding.signature not in shows(without(finding.plan, off))

    if not candidates or not gone(candidates):
        return Attribution()
    alone = tuple(quirk for quirk in candidates if gone([quirk]))
    if alone:
        return Attribution(alone)
    needed = candidates
    for quirk in reversed(candidates):
        fewer = [each for each in needed if each != quirk]
        if gone(fewer):
            needed = fewer
    return Attribution(tuple(needed), together=True)


def without(plan: Plan, quirks: Sequence[str]) -> Plan:
    """The same plan with these quirks turned off as well."""
    switches = {**plan.quirks, **dict.fromkeys(quirks, False)}
    return msgspec.structs.replace(plan, quirks=switches, quirks_off=turned_off(plan.profile, switches))
