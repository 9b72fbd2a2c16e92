"""Scenarios with a planted bug: who must find it, and what it means when somebody does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshsim.oracle.verdict import Violation


def sorted_by_canary(caught_by: Sequence[str], found: Sequence[Violation]) -> tuple[list[Violation], list[Violation]]:
    """Violations of what must speak, and the others."""
    caught = [violation for violation in found if violation.invariant in caught_by]
    return caught, [violation for violation in found if violation.invariant not in caught_by]


def dead_canaries(caught_by: Sequence[str], caught: Sequence[Violation], at: int) -> Iterator[Violation]:
    """A violation for each that must speak and is silent, certain at the end of the run."""
    speaking = {violation.invariant for violation in caught}
    for index, name in enumerate(caught_by):
        if name not in speaking:
            message = f"the canary is dead: {name} had to catch what was planted here, and stayed silent"
            yield Violation(invariant=f"caught_by[{index}]", subject=name, message=message, at=at)
