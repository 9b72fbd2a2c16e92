"""Whether a run on the wall clock is the run that its plan describes (docs/equivalence.md).

First the run is compared with `sim`. If it tells the same it is that run, however late everything was. If not, the plan
is simulated again with things as late as they were in this run, and whatever one of these simulations tells is allowed:
the modelled system does that when nothing is wrong but time. What is left is a difference. In a run that kept time it
is red; in one that did not nobody can tell.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from meshsim.drive.conductor import Conductor
from meshsim.drive.timing import Late, Timing, late_text
from meshsim.model.config import Config
from meshsim.oracle.equivalence import Account, Difference, account_of, differences
from meshsim.oracle.judge import judge
from meshsim.oracle.verdict import Verdict
from meshsim.run.brief import brief_of
from meshsim.run.late import Latenesses, late_account, latenesses
from meshsim.run.program import program_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend
from meshsim.trace.records import Record

#: How many simulations a difference is looked for in. Chosen here: most are found in the first, which is as late as the
#: run itself was; three of four orders of what races were found within ten.
SIMULATIONS = 60

#: Share of the poll period above which something is too late for a difference to say anything. Chosen here: what is
#: found at one poll may be found at the next then, in more ways than simulations can be tried.
PART_OF_LATE = 5
#: Share of the poll period below which lateness explains nothing. Chosen here: ten times less.
PART_OF_RED = 50


class Likeness(msgspec.Struct, frozen=True):
    """What came of comparing one run."""

    outcome: Literal["equivalent", "inconclusive", "red"]
    #: `sim`: it tells what `sim` tells. `late`: what simulations tell that are as late. Empty: neither.
    like: Literal["sim", "late", ""] = ""
    #: Why it is not equivalent.
    reason: str = ""
    #: Simulations that were made for this run, and how many different accounts of the plan are known by now.
    simulations: int = 0
    outcomes: int = 1


class Reference:
    """What one plan may come to: `sim` itself, and whatever late simulations of it have told so far."""

    def __init__(self, plan: Plan) -> None:
        """Simulate the plan."""
        self.plan = plan
        conductor = Conductor(plan, SimBackend(program_of(plan)))
        conductor.run()
        self.records = conductor.records
        self.verdict: Verdict = judge(brief_of(plan), self.records)
        self.account = account_of(self.records, self.verdict)
        #: The accounts of late simulations, each with the worst lateness that it was made with.
        self._late: list[tuple[int, Account]] = []
        self._told = {_texts(self.account)}

    @property
    def outcomes(self) -> int:
        """How many different accounts of the plan are known."""
        return len(self._told)

    def likeness(self, records: list[Record], verdict: Verdict, timing: Timing) -> Likeness:
        """Compare a whole live run; `verdict` is the judge's own."""
        found = account_of(records, verdict)
        latest = timing.latest
        late_ns = 0 if latest is None else latest.worst_ns
        open_ones = {each.part: each for each in differences(self.account, found, late_ns)}
        if not open_ones:
            return Likeness("equivalent", "sim", outcomes=self.outcomes)
        late = latenesses(self.plan, records, timing)
        moved: set[str] = set()
        made = 0
        for account in self._known(late.worst_ns):
            self._strike_out(open_ones, account, found, late_ns, moved)
        while open_ones and made < SIMULATIONS:
            account = self._simulate(late, made)
            made += 1
            self._strike_out(open_ones, account, found, late_ns, moved)
        if not open_ones:
            return Likeness("equivalent", "late", simulations=made, outcomes=self.outcomes)
        return self._unlike(open_ones, moved, timing, made)

    def _known(self, worst_ns: int) -> list[Account]:
        """Accounts of simulations in which nothing was later than that."""
        return [account for late_ns, account in self._late if late_ns <= worst_ns]

    def _simulate(self, late: Latenesses, number: int) -> Account:
        account = late_account(self.plan, late, number)
        texts = _texts(account)
        if texts not in self._told:
            self._told.add(texts)
            self._late.append((late.worst_ns, account))
        return account

    def _strike_out(
        self, open_ones: dict[str, Difference], allowed: Account, found: Account, late_ns: int, moved: set[str]
    ) -> None:
        """Parts in which the run tells what is allowed are open no more; note which parts lateness moves."""
        unlike = {each.part for each in differences(allowed, found, late_ns)}
        for part in [part for part in open_ones if part not in unlike]:
            del open_ones[part]
        moved.update(each.part for each in differences(self.account, allowed, 0))

    def _unlike(self, open_ones: dict[str, Difference], moved: set[str], timing: Timing, made: int) -> Likeness:
        """No simulation tells what these parts tell."""
        period_ns = Config.of(self.plan.config, self.plan.quirks_off).supervision_poll_frequency
        worst = _worst(timing)
        was_late = _late_words(worst)
        fixed = next((each for part, each in open_ones.items() if part not in moved), None)
        first = fixed or next(iter(open_ones.values()))
        outcome: Literal["inconclusive", "red"] = "red"
        if _is_too_late(timing, period_ns):
            outcome, why = (
                "inconclusive",
                f"too late to tell: {_late_words(timing.latest or worst)}, and {made} simulations as late do not "
                "have this",
            )
        elif fixed is not None:
            why = f"{was_late}, and all of {made} simulations as late have it as sim has"
        elif worst.worst_ns <= period_ns // PART_OF_RED:
            why = f"{was_late}, which is too little to explain it, and {made} simulations as late do not have this"
        else:
            outcome, why = (
                "inconclusive",
                f"{was_late}, which moves this, but not so in any of {made} simulations as late",
            )
        return Likeness(outcome, reason=f"{first}; {why}", simulations=made, outcomes=self.outcomes)


def _late_words(late: Late) -> str:
    return f"{late.worst} was late by {late_text(late.worst_ns)}"


def _worst(timing: Timing) -> Late:
    """What was latest of all that was measured one by one: bring-up is a sum."""
    return max(
        (late for kind, late in timing.late.items() if kind != "bring_up"),
        key=lambda late: late.worst_ns,
        default=Late(0, 0, 0, "nothing"),
    )


def _is_too_late(timing: Timing, period_ns: int) -> bool:
    """Whether something, or bring-up as a whole, was later than a fifth of the poll period. A late bring-up moves all
    polls against the times of faults and operations, which are the scenario's.
    """
    return any(late.worst_ns > period_ns // PART_OF_LATE for late in timing.late.values())


def _texts(account: Account) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What an account says, times apart."""
    return tuple((part, account.texts(part)) for part in account.parts)
