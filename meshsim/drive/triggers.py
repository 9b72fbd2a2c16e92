"""Records that faults wait for, and what they are waited for with."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import simpy
from msgspec import UNSET

from meshsim.faults.conditions import Wanted
from meshsim.faults.kinds import Fault, When
from meshsim.faults.matching import Matcher
from meshsim.model.tags import tag_of
from meshsim.trace.records import FaultStruck, Record

if TYPE_CHECKING:
    from meshsim.drive.world import World


class Trigger:
    """The matches of a `when`, as the run goes on. It looks at records from its making on."""

    def __init__(self, world: World, when: When) -> None:
        record, where = condition_of(when, world.plan.faults)
        self._matcher = Matcher(record, where, world.directory)
        self._env = world.env
        self._from_ns = 0 if when.from_ is UNSET else int(when.from_)
        #: The fault that has to strike first; none, or no more.
        self._behind: int | None = None if when.after_fault is UNSET else when.after_fault
        self._before = when.count - 1
        self._left = 1 if when.times is UNSET else when.times
        self._matches: deque[Record] = deque()
        self._waiting: simpy.Event | None = None
        world.watchers.append(self._watch)

    def take(self) -> Record | None:
        """The next match that has been; it may have been at this very instant."""
        return self._matches.popleft() if self._matches else None

    def wait(self) -> simpy.Event:
        """What happens with the next match."""
        self._waiting = self._env.event()
        return self._waiting

    def _watch(self, record: Record) -> None:
        if self._behind is not None:
            if isinstance(record.what, FaultStruck) and record.what.index == self._behind:
                self._behind = None
            return
        if not self._left or record.at < self._from_ns or not self._matcher.matches(record):
            return
        if self._before:
            self._before -= 1
            return
        self._left -= 1
        self._matches.append(record)
        if self._waiting is not None:
            self._waiting.succeed()
            self._waiting = None


def condition_of(when: When, faults: tuple[Fault, ...]) -> tuple[str, dict[str, Wanted]]:
    """The record that a `when` waits for. The end of a stall has the number of the stall, but not its kind."""
    if when.fault is not UNSET:
        return "fault", {"index": when.fault, "kind": tag_of(faults[when.fault])}
    assert when.record is not UNSET, "checked with the scenario"
    return when.record, dict(when.where)
