"""In which parts two accounts differ."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import msgspec

from meshsim.oracle.equivalence.account import Account, Line


class Difference(msgspec.Struct, frozen=True):
    """The first line in which two accounts of one part differ; none where a part has ended."""

    part: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        expected = "nothing more" if self.expected is None else repr(self.expected)
        found = "nothing more" if self.found is None else repr(self.found)
        return f"{self.part}: {found} instead of {expected}"


def differences(expected: Account, found: Account, late_ns: int) -> Iterator[Difference]:
    """Part by part. Times in texts may be `late_ns` off and as much as their record came at another time."""
    for part in sorted(expected.parts.keys() | found.parts.keys()):
        for left, right in zip_longest(expected.parts.get(part, ()), found.parts.get(part, ())):
            if left is None or right is None or not _same(left, right, late_ns):
                yield Difference(part, _words(left), _words(right))
                break


def _same(left: Line, right: Line, late_ns: int) -> bool:
    if left.text != right.text or len(left.times) != len(right.times):
        return False
    within_ns = late_ns + abs(left.at - right.at)
    return all(abs(a - b) <= within_ns for a, b in zip(left.times, right.times, strict=True))


def _words(line: Line | None) -> str | None:
    if line is None or not line.times:
        return None if line is None else line.text  # A verdict leaves its times out.
    times = iter(line.times)
    pieces = line.text.split("<time>")
    return pieces[0] + "".join(f"{next(times) / 1e9:g}s{piece}" for piece in pieces[1:])
