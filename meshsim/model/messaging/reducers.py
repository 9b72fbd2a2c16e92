"""Reducers: how the replies to one port become fewer on their way.

A port says by name how two updates for it combine; whoever relays them may do so. Updates are whole messages. A
reducer whose name nobody registered is not an error: such updates are passed on one by one.

Source: mesh_model.md 2.5 item 5, 3.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add

from meshsim.model.messages import Message, Number, RankStatus
from meshsim.model.messaging.accumulators import I64, U64, IntType
from meshsim.model.shapes.overlay import OverlayError, ValueOverlay

#: Of overlays of statuses, the later one winning: the only reducer that meshes themselves use.
STATUS_OVERLAY = "status_overlay"

#: Left, right, and whether overlays merge as the reference does it (`overlay_merge_defect`).
Reducer = Callable[[Message, Message, bool], Message]


class ReduceError(ValueError):
    """Two updates that cannot be combined."""


def is_registered(name: str) -> bool:
    return name in REDUCERS


def reduced(name: str, updates: Sequence[Message], *, defective: bool = False) -> Message:
    """All updates in one: a left fold in the order in which they came. There is at least one.

    Raises:
        ReduceError: some update does not fit the one before it; the text is the reference's.
    """
    reducer = REDUCERS[name]
    return reduce(lambda left, right: reducer(left, right, defective), updates)


def _merge_overlays(left: Message, right: Message, defective: bool) -> Message:
    if not (isinstance(left, RankStatus) and isinstance(right, RankStatus)):
        raise _wrong_type(left, right, RankStatus)
    try:
        earlier, later = ValueOverlay.try_from_runs(left.runs), ValueOverlay.try_from_runs(right.runs)
        return RankStatus(tuple(earlier.merge(later, defective=defective).runs))
    except OverlayError as error:
        raise ReduceError(str(error)) from None


def _numbers(kind: IntType, combine: Callable[[int, int], int]) -> Reducer:
    def of_numbers(left: Message, right: Message, defective: bool) -> Message:
        if not (isinstance(left, Number) and isinstance(right, Number)):
            raise _wrong_type(left, right, Number)
        return Number(kind.wrapped(combine(left.value, right.value)))

    return of_numbers


def _wrong_type(left: Message, right: Message, expected: type) -> ReduceError:
    wrong = right if isinstance(left, expected) else left
    return ReduceError(f"cannot reduce {type(wrong).__name__}, expected {expected.__name__}")


#: By name. Numbers of 64 bits are all that the reference registers besides overlays of statuses.
REDUCERS: dict[str, Reducer] = {
    STATUS_OVERLAY: _merge_overlays,
    "sum_u64": _numbers(U64, add),
    "sum_i64": _numbers(I64, add),
    "max_u64": _numbers(U64, max),
    "max_i64": _numbers(I64, max),
    "min_u64": _numbers(U64, min),
    "min_i64": _numbers(I64, min),
}
