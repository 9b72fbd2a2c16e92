"""Knuth's estimate: on average it is the size of the tree, whichever tree."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from meshsim.explore.exhaustive.estimate import estimated

Tree = tuple["Tree", ...]

LEAF: Tree = ()
TREES: dict[str, Tree] = {
    "nothing": (),
    "a leaf": (LEAF,),
    "a line": ((((LEAF,),),),),
    "two unlike": (LEAF, (LEAF, LEAF, (LEAF,))),
    "three of two": ((LEAF, LEAF),) * 3,
    "lopsided": ((((LEAF, LEAF), LEAF), LEAF), LEAF, (LEAF, (LEAF, LEAF, LEAF))),
}


class Told(Random):
    """Luck that is told, and the chance of it."""

    def __init__(self, told: list[int]) -> None:
        super().__init__(0)
        self._told = told
        self.asked: list[int] = []

    def randrange(self, count: int) -> int:  # type: ignore[override]  # nobody asks for more
        self.asked.append(count)
        return self._told[len(self.asked) - 1] if len(self.asked) <= len(self._told) else 0


def every_probe(tree: Tree) -> Iterator[tuple[float, int]]:
    """Each way down, with its chance and what is estimated."""
    told: list[int] = []
    while True:
        luck = Told(told)
        size = estimated(tree, lambda node: node, luck, 1)
        chance = 1.0
        for count in luck.asked:
            chance /= count
        yield chance, size
        told = [*told, *[0] * (len(luck.asked) - len(told))]
        while told and told[-1] == luck.asked[len(told) - 1] - 1:
            told.pop()
        if not told:
            return
        told[-1] += 1


def size_of(tree: Tree) -> int:
    return len(tree) + sum(map(size_of, tree))


@pytest.mark.parametrize("tree", TREES.values(), ids=TREES)
def test_the_average_of_all_probes_is_the_size(tree: Tree) -> None:
    """Every way down, by its chance: no luck is involved."""
    assert sum(chance * size for chance, size in every_probe(tree)) == pytest.approx(size_of(tree))


def test_it_is_never_less_than_what_is_known_to_be_left() -> None:
    assert estimated(TREES["lopsided"], lambda node: (), Random(1), 3) == 3
