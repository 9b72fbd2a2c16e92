"""One line of a Trace Event file, and the few rules that every one of them keeps.

Written: `X` slices (they nest on each track), `i` instants, `s` and `f` flows (each inside a slice), `b`, `n` and `e`
of long spans (by category and id), `C` counters, and `M`, the names. Times are microseconds of virtual time with
nanoseconds as fractions.

Source: the Trace Event format, and what its reader in Perfetto does with it: it takes times as nanoseconds, cutting
off what a float cannot hold, and draws slices wrongly that cross others on their track.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

#: Virtual times between which nothing is drawn, nanoseconds: a reader that cuts off half of one moves nothing across.
SLACK_NS = 2

#: How far an instant is drawn: over everything, over a process, on a thread.
Scope = Literal["g", "p", "t"]


class TraceEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Fields under the names of the format."""

    name: str
    ph: Literal["X", "i", "s", "f", "b", "n", "e", "C", "M"]
    #: Ids of the file alone, small: never those of an operating system, so that both worlds have the same.
    pid: int
    tid: int
    #: Microseconds.
    ts: int | float | UnsetType = UNSET
    dur: int | float | UnsetType = UNSET
    cat: str | UnsetType = UNSET
    id: int | UnsetType = UNSET
    #: Of a flow's end: it belongs to the slice around it.
    bp: Literal["e"] | UnsetType = UNSET
    #: Of an instant.
    s: Scope | UnsetType = UNSET
    args: Mapping[str, object] | UnsetType = UNSET


def microseconds(at_ns: int) -> int | float:
    """The time of an event in the unit of the format: whole where it can be."""
    return at_ns / 1000 if at_ns % 1000 else at_ns // 1000
