"""What is made of findings: each shrunk, written as a scenario file, and asked which quirks it is of."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

import msgspec

from meshsim.explore.attribution import Attribution, attributed
from meshsim.explore.finding import Finding, Signature
from meshsim.explore.running import Case, explored
from meshsim.explore.shrinking import shrunk
from meshsim.explore.shrinking.file import file_of
from meshsim.explore.ways import kinds_in
from meshsim.run.workers import Work, WorkerDiedError, Workers
from meshsim.scenario.plan import Plan

#: Runs that shrinking one finding may cost. Source: chosen here: some ten seconds of one core.
RUNS_MAX = 2_000

#: Cases that are shrunk for each further way to a finding, until one is another way. Source: chosen here.
_TRIES = 2

#: Shrinking one finding in all its ways may take so long, wall seconds; its worker is killed then. Source: chosen here.
_PATIENCE_S = 900.0


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in its smallest form."""

    signature: Signature
    #: Which of the ways to it that were found, from 1; see `meshsim.explore.ways`.
    way: int = 1
    #: Name of its scenario, and of the file without `.toml`.
    name: str
    #: The file; it passes as long as the invariant finds something in it.
    text: str
    #: The plan of the shrunk scenario.
    plan: Plan
    #: What it was made of, and what is left.
    faults_before: int
    decisions_before: int
    faults: int
    decisions: int
    #: Whether nothing more can go.
    is_minimal: bool
    #: The quirks that it is of.
    quirks: Attribution
    #: Runs and wall seconds that shrinking took.
    runs: int
    took_s: float
    #: Why the file would not pass; empty when it does.
    trouble: str = ""


class NotUnderstood(msgspec.Struct, frozen=True, kw_only=True):
    """A finding that could not be shrunk, with why."""

    signature: Signature
    why: str


class Lead(msgspec.Struct, frozen=True):
    """A finding to be understood, and cases that may have come to it in another way."""

    finding: Finding
    others: tuple[Case, ...] = ()


def understood(finding: Finding, folder: str = "", way: int = 1) -> Understood:
    """Shrink a finding and say what it is of. `folder` is where its file is going to be.

    Raises:
        ValueError: the plan of the finding does not show it.
    """
    started = perf_counter()
    small = shrunk(finding, runs_max=RUNS_MAX)
    took_s = perf_counter() - started
    own = Finding(finding.signature, small.plan, finding.violation)
    decisions = finding.plan.decisions or ()
    before = f"{len(finding.plan.faults)} faults and {len(decisions)} decisions, seed {finding.plan.seed}"
    file = file_of(finding.signature, small.scenario, folder=folder, before=before, way=way)
    return Understood(
        signature=finding.signature,
        way=way,
        name=file.name,
        text=file.text,
        plan=small.plan,
        faults_before=len(finding.plan.faults),
        decisions_before=len(decisions),
        faults=len(small.scenario.faults),
        decisions=len(small.scenario.decisions),
        is_minimal=small.is_minimal,
        quirks=attributed(own),
        runs=small.runs,
        took_s=took_s,
        trouble=file.trouble,
    )


def understand(
    leads: Sequence[Lead],
    *,
    ways: int = 1,
    jobs: int = 1,
    folder: str = "",
    tell: Callable[[int], None] = lambda _: None,
) -> list[Understood | NotUnderstood]:
    """Each finding, by several processes; in the order of the leads. `tell` is called with how many are done.

    Args:
        leads: what to understand.
        ways: in how many ways each, if it was come to in so many: one after the other, as they were found.
        jobs: how many processes.
        folder: where the files are going to be.
        tell: for progress.
    """
    answers: dict[int, list[Understood | NotUnderstood]] = {}
    if not leads:
        return []
    with Workers(min(jobs, len(leads)), _Desk(leads, ways, folder), patience_s=_PATIENCE_S) as crew:
        for index, answer in crew.run(len(leads), lambda _: True):
            if isinstance(answer, WorkerDiedError):
                answers[index] = [NotUnderstood(signature=leads[index].finding.signature, why=str(answer))]
            else:
                answers[index] = pickle.loads(answer)
            tell(len(answers))
    return [each for index in sorted(answers) for each in answers[index]]


class _Desk(Work):
    """Where findings are understood: in each worker."""

    def __init__(self, leads: Sequence[Lead], ways: int, folder: str) -> None:
        self._leads = leads
        self._ways = ways
        self._folder = folder

    def do(self, index: int) -> bytes:
        lead = self._leads[index]
        try:
            return pickle.dumps(list(self._ways_to(lead)))
        except ValueError as error:
            return pickle.dumps([NotUnderstood(signature=lead.finding.signature, why=str(error))])

    def _ways_to(self, lead: Lead) -> Iterator[Understood]:
        """The finding, then others that need not what the ones before need. Shrinking makes one kind of another where
        both do the same, so it may come to one that is known.
        """
        first = understood(lead.finding, self._folder)
        yield first
        known = [kinds_in(first.plan)]
        tries = _TRIES * (self._ways - 1)
        for case in lead.others:
            if len(known) == self._ways or tries == 0:
                return
            again = () if _is_one_of(known, case.plan) else explored(case).findings
            for finding in (each for each in again if each.signature == lead.finding.signature):
                tries -= 1
                other = understood(finding, self._folder, len(known) + 1)
                if not _is_one_of(known, other.plan):
                    known.append(kinds_in(other.plan))
                    yield other


def _is_one_of(known: Sequence[frozenset[str]], plan: Plan) -> bool:
    """Whether a plan has all that one of these needs."""
    return any(kinds <= kinds_in(plan) for kinds in known)
