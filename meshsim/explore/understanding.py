"""What is made of findings: each shrunk, written as a scenario file, and asked which quirks it is of."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from time import perf_counter

import msgspec

from meshsim.explore.attribution import Attribution, attributed
from meshsim.explore.finding import Finding, Signature
from meshsim.explore.shrinking import shrunk
from meshsim.explore.shrinking.file import file_of
from meshsim.run.workers import WorkerDiedError, Workers
from meshsim.scenario.plan import Plan

#: Runs that shrinking one finding may cost. Source: chosen here: some ten seconds of one core.
RUNS_MAX = 2_000

#: Shrinking one finding may take so long, wall seconds; its worker is killed then. Source: chosen here.
_PATIENCE_S = 600.0


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in its smallest form."""

    signature: Signature
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


def understood(finding: Finding, folder: str = "") -> Understood:
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
    file = file_of(finding.signature, small.scenario, folder=folder, before=before)
    return Understood(
        signature=finding.signature,
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
    findings: Sequence[Finding],
    *,
    jobs: int = 1,
    folder: str = "",
    tell: Callable[[int], None] = lambda _: None,
) -> list[Understood | NotUnderstood]:
    """Each finding, by several processes; in the order of the findings. `tell` is called with how many are done."""
    answers: dict[int, Understood | NotUnderstood] = {}
    if not findings:
        return []
    with Workers(min(jobs, len(findings)), _Desk(findings, folder), patience_s=_PATIENCE_S) as crew:
        for index, answer in crew.run(len(findings), lambda _: True):
            if isinstance(answer, WorkerDiedError):
                answers[index] = NotUnderstood(signature=findings[index].signature, why=str(answer))
            else:
                answers[index] = pickle.loads(answer)
            tell(len(answers))
    return [answers[index] for index in sorted(answers)]


class _Desk:
    """Where findings are understood: in each worker."""

    def __init__(self, findings: Sequence[Finding], folder: str) -> None:
        self._findings = findings
        self._folder = folder

    def __enter__(self) -> None:
        """Nothing is there before the first finding."""

    def __exit__(self, *_: object) -> None:
        """Nothing is left behind the last one."""

    def do(self, index: int) -> bytes:
        finding = self._findings[index]
        try:
            return pickle.dumps(understood(finding, self._folder))
        except ValueError as error:
            return pickle.dumps(NotUnderstood(signature=finding.signature, why=str(error)))
