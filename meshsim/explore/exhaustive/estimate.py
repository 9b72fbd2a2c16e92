"""How much is left of a search that stopped early: Knuth's estimate of the size of a tree.

A probe goes down from a node to a leaf, to one child after the other, each chosen with equal chance. With n₁ children
of the first node, n₂ of the next and so on, 1 + n₁ + n₁n₂ + … is on average the number of nodes, whatever the tree.
Source: D. E. Knuth, Estimating the efficiency of backtrack programs, Mathematics of Computation 29 (1975).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

_Node = TypeVar("_Node")


def estimated(roots: Sequence[_Node], children: Callable[[_Node], Sequence[_Node]], random: Random, probes: int) -> int:
    """About how many nodes there are under these, themselves included; their number at least."""
    if not roots:
        return 0
    total = sum(_probe(roots, children, random) for _ in range(probes))
    return max(len(roots), round(total / probes))


def _probe(nodes: Sequence[_Node], children: Callable[[_Node], Sequence[_Node]], random: Random) -> int:
    size, weight = 0, 1
    while nodes:
        weight *= len(nodes)
        size += weight
        nodes = children(nodes[random.randrange(len(nodes))])
    return size
