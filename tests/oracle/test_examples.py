"""Every invariant has an example: a trace that satisfies it, and one that breaks it in exactly one way."""

from __future__ import annotations

import pytest
from examples import EXAMPLES, Example
from trace_builder import found

from meshsim.oracle.invariants import INVARIANTS


def test_every_invariant_has_an_example() -> None:
    """One without is a rule of which nobody knows whether anything breaks it."""
    assert sorted(EXAMPLES) == sorted(INVARIANTS)


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_an_example_holds_and_breaks(example: Example) -> None:
    """Silent on the one trace; on the other exactly one finding, in the words that the page shows."""
    assert found(example.holds, example.id) == []
    assert [message for _, message, _ in found(example.breaks, example.id)] == [example.finding]


@pytest.mark.parametrize("invariant", INVARIANTS.values(), ids=INVARIANTS)
def test_an_invariant_says_what_a_reader_has_to_know(invariant: type) -> None:
    """Id, sentence, what it needs and what it judges are a page each; quirks are those of the table."""
    assert invariant.sentence.endswith(".")
    assert invariant.needs.endswith(".")
    assert len(invariant.__doc__.splitlines()) > 1
