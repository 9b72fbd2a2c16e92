"""Other ways to the same finding: a signature does not say which faults led to it, so one may have several causes.

Of the cases that show a signature, those are kept that have not all the kinds of faults of one that is kept already:
whatever the kept one needs, they do without some of it, or may. Shrinking then says what each really needs.
"""

from __future__ import annotations

from meshsim.explore.running import Case
from meshsim.model.tags import tag_of
from meshsim.scenario.plan import Plan

#: Cases that are kept of one finding. Source: chosen here; the first few differ most.
_CASES_MAX = 40


def kinds_in(plan: Plan) -> frozenset[str]:
    """The kinds of its faults, by tag."""
    return frozenset(tag_of(fault) for fault in plan.faults)


class Others:
    """Cases beside the first that showed a finding, in the order in which they did."""

    def __init__(self, first: Plan) -> None:
        self._kinds = [kinds_in(first)]
        self.cases: list[Case] = []

    def add(self, case: Case) -> None:
        """Keep a case, unless one that is kept may have come to the finding in the same way."""
        kinds = kinds_in(case.plan)
        if len(self.cases) < _CASES_MAX and not any(kept <= kinds for kept in self._kinds):
            self._kinds.append(kinds)
            self.cases.append(case)
