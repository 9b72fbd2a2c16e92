"""What is said of a kind of fault comes from its type alone."""

from __future__ import annotations

from typing import get_args

import pytest

from meshsim.faults.kinds import ClockDrift, Exit, Fault, InitFails, Misreport, Partition, Shout, Signal, SlowStart
from meshsim.faults.parameters import Parameter, moment_of, parameters_of, sentence_of, words_of
from meshsim.model.tags import tag_of

KINDS: tuple[type[Fault], ...] = get_args(Fault)


@pytest.mark.parametrize("kind", KINDS, ids=tag_of)
def test_every_parameter_says_what_it_means(kind: type[Fault]) -> None:
    """A field without a comment would be a row without a meaning."""
    assert [each.name for each in parameters_of(kind) if not each.meaning] == []
    assert words_of(kind)


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        (Exit, Parameter(name="code", type="0..255", default="1", meaning="What it exits with.")),
        (SlowStart, Parameter(name="after", type='a duration: "1.5s"', default=None, meaning="How much later.")),
        (ClockDrift, Parameter(name="drift", type='a drift: "200us/s"', default=None, meaning="How much in a second.")),
    ],
)
def test_a_parameter_is_a_field(kind: type[Fault], parameter: Parameter) -> None:
    """With its key in a scenario file, its type in words, and its default as the file would have it."""
    assert parameters_of(kind) == (parameter,)


@pytest.mark.parametrize(
    ("kind", "name", "words", "default"),
    [
        (Signal, "signal", "text", None),
        (Signal, "group", "true or false", ""),
        (Shout, "lines", "a list of text", "[]"),
        (Shout, "exit", "0..255", ""),
        (Shout, "flood", 'a size: "64KiB", "1MiB"', ""),
        (InitFails, "after", 'a duration: "1.5s"', '"0s"'),
        (Misreport, "ranks", "[0..1000000, 0..1000000]", ""),
        (Partition, "for", 'a duration: "1.5s"', ""),
        (Partition, "one_way", "true or false", "false"),
    ],
)
def test_types_and_defaults_are_told_in_words(kind: type[Fault], name: str, words: str, default: str | None) -> None:
    (found,) = [each for each in parameters_of(kind) if each.name == name]

    assert (found.type, found.default) == (words, default)


def test_fields_that_are_inherited_have_a_meaning_too() -> None:
    meanings = {each.name: each.meaning for each in parameters_of(Partition)}

    assert meanings["with"] == "More targets on the side of the target."
    assert list(meanings) == ["with", "to", "one_way", "for"]


def test_the_first_paragraph_says_it_in_short() -> None:
    assert sentence_of(Partition) == (
        "Nothing passes between the two sides, no acknowledgement either; what is on its way arrives."
    )


def test_some_kinds_have_no_time_of_their_own() -> None:
    assert moment_of(InitFails) == "when its target is spawned"
    assert moment_of(Exit) == "at a time or at a record, once or again"
