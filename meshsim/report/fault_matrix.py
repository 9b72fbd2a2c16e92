"""Kind of fault by backend: what each did in its run, or why it could not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import msgspec

from meshsim.faults.kinds import Fault
from meshsim.faults.menu import MENU
from meshsim.model.tags import tag_of
from meshsim.report.struck import kernel_says, strikes_of
from meshsim.run import RunResult

#: From good to bad: a cell has the worst of its runs. `cannot` is no run, as the backend cannot do it; what the machine
#: cannot do is inconclusive.
Outcome = Literal["passed", "cannot", "inconclusive", "did not strike", "no evidence", "no scenario", "violated"]
_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
#: What of them is red.
RED: tuple[Outcome, ...] = ("did not strike", "no evidence", "no scenario", "violated")


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of fault did on one backend."""

    kind: str
    on: str
    backend: str
    outcome: Outcome
    #: Whom it struck, strike by strike.
    struck: tuple[str, ...] = ()
    #: What the kernel said of those.
    kernel: tuple[str, ...] = ()
    #: Why it cannot, why nothing is known, or what was violated.
    why: str = ""


def cell(kind: type[Fault], backend: str, results: Sequence[RunResult]) -> Cell:
    """What a kind did in its runs on a backend. Without runs: that it cannot, or has no scenario."""
    entry, tag = MENU[kind], tag_of(kind)
    if backend in entry.cannot:
        return Cell(kind=tag, on=entry.on, backend=backend, outcome="cannot", why=entry.cannot[backend])
    if not results:
        return Cell(kind=tag, on=entry.on, backend=backend, outcome="no scenario")
    outcomes = [_outcome(kind, result) for result in results]
    return Cell(
        kind=tag,
        on=entry.on,
        backend=backend,
        outcome=max(outcomes, key=_OUTCOMES.index),
        struck=tuple(dict.fromkeys(words for result in results for words in strikes_of(result, kind))),
        kernel=tuple(dict.fromkeys(words for result in results for words in _kernel_says(kind, result))),
        why="; ".join(dict.fromkeys(" ".join(each.verdict.reason.split()) for each in results if each.verdict.reason)),
    )


def _outcome(kind: type[Fault], result: RunResult) -> Outcome:
    """A verdict is not enough: the fault must have struck, and what is said to be real must be seen in the kernel."""
    if result.verdict.outcome == "inconclusive":
        return "inconclusive"
    if result.verdict.outcome == "violated":
        return "violated"
    if not strikes_of(result, kind):
        return "did not strike"
    if result.backend != "sim" and MENU[kind].real and not _kernel_says(kind, result):
        return "no evidence"
    return "passed"


def _kernel_says(kind: type[Fault], result: RunResult) -> list[str]:
    """Nothing of a fault that has nothing to do with it."""
    return kernel_says(result, kind) if MENU[kind].real else []


def said_of(cells: Sequence[Cell]) -> tuple[str, str]:
    """Of the cells of one kind: whom it struck, and what the kernel said, or why it cannot."""
    struck = "; ".join(next((each.struck for each in cells if each.struck), ()))
    kernel = [words for each in cells for words in each.kernel]
    reasons: dict[str, list[str]] = {}
    for each in cells:
        if each.why:
            reasons.setdefault(each.why, []).append(each.backend)
    why = [f"{' and '.join(backends)}: {reason}" for reason, backends in reasons.items()]
    if not kernel and len(cells) > 1 and all(each.outcome == "passed" for each in cells):
        return struck, "(has no part in it: equal traces)"
    return struck, "; ".join([*kernel, *why])
