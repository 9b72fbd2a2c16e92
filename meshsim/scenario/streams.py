"""Named random streams: one seed, and for each consumer a stream of its own.

A stream depends on the seed and on its name alone, so adding a consumer never shifts the draws of another.
"""

from __future__ import annotations

import hashlib
import random

#: Drawn seeds, and those that others are drawn from, are below this: short enough to read out.
DRAWN_SEED_MAX = 10**9


def stream_key(seed: int, *names: str | int) -> int:
    """64 bits that belong to this seed and these names, the same in every process and on every machine.

    `"1"` and `1` are different names, and so are `("ab", "c")` and `("a", "bc")`.
    """
    hashed = hashlib.blake2b(digest_size=8)
    for part in (seed, *names):
        text = str(part).encode()
        kind = b"i" if isinstance(part, int) else b"s"
        hashed.update(b"%s%d:%s" % (kind, len(text), text))
    return int.from_bytes(hashed.digest(), "big")


def stream(seed: int, *names: str | int) -> random.Random:
    """The random stream of this name, at its beginning: `stream(plan.seed, "link", "client", "host0")`."""
    return random.Random(stream_key(seed, *names))


def drawn_seeds(count: int, base: int) -> list[int]:
    """`count` different seeds, always the same for one base; fewer are the beginning of more."""
    luck = stream(base, "seeds")
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn[luck.randrange(DRAWN_SEED_MAX)] = None
    return list(drawn)
