"""Timers that a fault makes fire later than asked for."""

from __future__ import annotations

from meshsim.model.ids import ActorId

#: An actor and the key it gave.
TimerKey = tuple[ActorId, str]


class Delays:
    """By how much, and how often still; for ever when that is not limited."""

    def __init__(self) -> None:
        self._late: dict[TimerKey, tuple[int, int | None]] = {}

    def __bool__(self) -> bool:
        return bool(self._late)

    def begin(self, timer: TimerKey, by_ns: int, times: int | None) -> None:
        """From the next time that it is set."""
        self._late[timer] = (by_ns, times)

    def take(self, timer: TimerKey) -> int:
        """How much later a timer that is set now fires."""
        by_ns, times = self._late.get(timer, (0, None))
        if times == 1:
            del self._late[timer]
        elif times is not None:
            self._late[timer] = (by_ns, times - 1)
        return by_ns
