"""A run that is watched instant by instant, and broken off when the rest of it is known.

What is looked at is the state at the end of an instant, if something could have been taken in another order there, or
if it is quiet for a while: in between what a fault leads to is still on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING

import msgspec

from meshsim.drive.conductor import Conductor
from meshsim.explore.exhaustive.cases import Bounds, Case
from meshsim.explore.exhaustive.ties import WatchedOrder
from meshsim.explore.exhaustive.timeless import Beginning, Timeless, is_timeless
from meshsim.explore.state import Renaming, digest_of, history, settled_digest
from meshsim.model.ids import Node
from meshsim.model.tags import tag_of
from meshsim.scenario.plan import Plan
from meshsim.sim import SimBackend
from meshsim.trace.records import FaultMissed, Record

if TYPE_CHECKING:
    from meshsim.drive.agenda import TieOrder
    from meshsim.model.boot import Program
    from meshsim.model.commands import NodeCommand
    from meshsim.model.events import Event


class EnoughError(Exception):
    """The rest of the run is known."""


class WatchedBackend(SimBackend):
    """Notes which nodes took anything."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.touched: set[Node] = set()

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        self.touched.add(node)
        return super().step(node, event, now_ns)


class WatchedConductor(Conductor):
    """Calls somebody at the end of each instant of a window at which anything happens."""

    #: Told the instant, and when something happens next. May raise `EnoughError`.
    on_instant: Callable[[int, int], None]

    #: Called when the window begins.
    on_window: Callable[[], None]

    #: From when on and before when.
    window: tuple[int, int]

    def decide(self, order: TieOrder | None) -> None:
        """Have this one say who goes first at an instant of the window."""
        self._agenda.tie_order = order

    def _pass_time(self, until_ns: int) -> None:
        """Equal times have an order other than first in, first out in the window alone: nobody is asked outside it."""
        begin_ns, end_ns = self.window
        env, agenda, order = self.env, self._agenda, self._agenda.tie_order
        agenda.tie_order = None
        if begin_ns > self.now_ns:
            super()._pass_time(begin_ns)
        self.on_window()
        agenda.tie_order = order
        while (at_ns := env.peek()) < end_ns:
            while env.peek() == at_ns:
                env.step()
            self.on_instant(int(at_ns), int(min(env.peek(), until_ns)))
        agenda.tie_order = None
        super()._pass_time(until_ns)


class Watch:
    """Looks at the run of a case behind its last departure, and says until when it is to depart again."""

    def __init__(
        self,
        case: Case,
        bounds: Bounds,
        latency_ns: int,
        renamings: tuple[Renaming, ...],
        seen: Container[bytes],
    ) -> None:
        self._case = case
        self._since_ns = case.since
        self._bounds = bounds
        self._latency_ns = latency_ns
        self._renamings = renamings
        self._seen = seen
        self._is_begun = False
        #: Somebody else's end is its end.
        self.is_broken_off = False
        #: A fault could not strike.
        self.missed = False
        #: Where the run was broken off another one had taken the same in another order: what led there is its own.
        self.is_settled = False
        #: Behind this instant another case departs instead.
        self.until_ns = bounds.window[1]
        #: What the state was at the end of instants, seen in each way.
        self.states: list[tuple[int, bytes]] = []

    def begin(
        self,
        plan: Plan,
        conductor: WatchedConductor,
        backend: WatchedBackend,
        order: WatchedOrder,
        beginning: Beginning,
    ) -> None:
        """Watch this run."""
        self._plan, self._conductor, self._backend, self._order = plan, conductor, backend, order
        self._timeless = Timeless(conductor, backend) if is_timeless(plan.faults) else None
        conductor.on_window = lambda: None if self._timeless is None else self._timeless.begin(beginning)
        conductor.on_instant = self._on_instant
        conductor.window = self._bounds.window

    def _on_instant(self, at_ns: int, next_ns: int) -> None:
        if at_ns < self._since_ns:
            return
        if not self._is_begun:
            self._is_begun = True
            self.missed = _missed(self._plan, self._conductor.records)
            if self.missed:
                raise EnoughError
        is_tied = self._order.is_tied(at_ns)
        if not is_tied and next_ns - at_ns <= self._latency_ns:
            return
        faults = sorted(str(msgspec.structs.replace(each, target="", at=None)) for each in self._case.faults)
        if is_tied or self._timeless is None:
            taken = history(self._conductor.records, self._conductor.directory, timed=True)
            # Ranks may be alike but for the order in which equal times behind the window are taken.
            self._note(at_ns, digest_of(taken, faults, self._renamings), is_same=False)
        if self._timeless is not None:
            now, later = self._timeless.digests(next_ns, faults)
            self._note(at_ns, now)
            if now != later:
                self._note(next_ns - 1, later)
        if is_tied and self._bounds.settled and not self.is_broken_off:
            self._note(at_ns, self._settled(faults))
            self.is_settled = self.is_broken_off
        if self.is_broken_off:
            raise EnoughError

    def _settled(self, faults: Sequence[str]) -> bytes:
        if self._timeless is not None:
            return self._timeless.settled(faults)
        return settled_digest(self._conductor, self._backend.nodes, faults)

    def _note(self, at_ns: int, state: bytes, *, is_same: bool = True) -> None:
        """What the state was. One that was seen tells what else the run could do; if it `is_same`, also its rest."""
        self.states.append((at_ns, state))
        if state in self._seen:
            self.until_ns = min(self.until_ns, at_ns)
            self.is_broken_off |= is_same


def _missed(plan: Plan, records: Sequence[Record]) -> bool:
    """Whether a fault could not strike. The end of one that lasts may come too late, that is no matter."""
    missed = [record.what for record in records if isinstance(record.what, FaultMissed)]
    return any(each.kind == tag_of(plan.faults[each.index]) for each in missed)
