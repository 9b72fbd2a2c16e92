"""Split ports: what a relay puts in the place of a port that a message brought along.

Those who get the message answer to the relay, which passes their updates on to the port that it was given itself. What
it does in between depends on the port:

    RELAY       every update goes on as it came: there is no reducer, or none that this process knows
    STREAMING   updates wait for each other and go on in one: when there are enough of them, or at an alarm
    ONCE        one update is expected from each next hop; the last one sends on what all of them make

            ┌── update, alarm ──┐
            ▼                   │
          OPEN ─────────────────┘
            │  the last expected update, a reduce that fails at an update
            ▼
         REMOVED   updates bounce: port not bound in mailbox

The alarm of a streaming port is armed anew at each update, at *the last arming* and the next interval of a backoff
which doubles up to a limit and never starts again. The last arming outlives an alarm, so that the first update after
a long silence goes on at once; a flush by size forgets it. The reference randomises each interval by half; here they
are exact, as the specification asks of a simulator.

Source: mesh_model.md 3.6, B.6.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from meshsim.model.config import Config
from meshsim.model.ids import PortRef
from meshsim.model.messages import Message
from meshsim.model.messaging.reducers import ReduceError, is_registered, reduced
from meshsim.units import MS

#: First interval of the backoff. Source: mesh_model.md 3.6.
INITIAL_INTERVAL_NS = 1 * MS


class SplitMode(Enum):
    RELAY = "relay"
    STREAMING = "streaming"
    ONCE = "once"


class SplitPhase(Enum):
    OPEN = "open"
    REMOVED = "removed"


TRANSITIONS: dict[SplitPhase, frozenset[SplitPhase]] = {
    SplitPhase.OPEN: frozenset({SplitPhase.REMOVED}),
    SplitPhase.REMOVED: frozenset(),
}


class Passed(msgspec.Struct, frozen=True):
    """What comes of an update or of an alarm."""

    #: To send to the port that was split, in this order.
    forward: tuple[Message, ...] = ()
    #: When the alarm is to fire now; none while nothing waits. Replaces what was said before.
    deadline_ns: int | None = None
    #: The port is gone: forget it.
    removed: bool = False
    #: The update is refused: it goes back to its sender, with this delivery error.
    error: str | None = None
    #: For the log alone: the updates stay where they are.
    warning: str | None = None


class SplitPort(msgspec.Struct):
    """State of one split port; who owns it keeps its timer. Change it through `on_update` and `on_alarm` alone."""

    #: The port that was split.
    target: PortRef
    mode: SplitMode
    #: ONCE: how many updates make the one that goes on.
    expected: int
    #: STREAMING: how many updates do not wait for the alarm.
    max_buffer_size: int
    max_interval_ns: int
    #: Whether overlays merge as the reference does it (quirk `overlay_merge_defect`).
    defective: bool = False
    #: Whether an update that cannot be reduced removes the port (quirk `error_removes_port`).
    closes: bool = True
    phase: SplitPhase = SplitPhase.OPEN
    #: STREAMING: what waits, oldest first. ONCE: what the updates so far make, if there were any.
    buffer: list[Message] = []
    #: ONCE: updates so far.
    received: int = 0
    interval_ns: int = INITIAL_INTERVAL_NS
    armed_ns: int | None = None
    deadline_ns: int | None = None

    def on_update(self, update: Message, now_ns: int) -> Passed:
        """Take an update that arrived at the port."""
        assert self.phase is SplitPhase.OPEN, "updates to a removed port bounce"
        match self.mode:
            case SplitMode.RELAY:
                return Passed((update,))
            case SplitMode.STREAMING:
                return self._on_streamed(update, now_ns)
            case SplitMode.ONCE:
                return self._on_expected(update, now_ns)

    def on_alarm(self, now_ns: int) -> Passed:
        """The alarm fired. One that was moved meanwhile changes nothing."""
        if self.deadline_ns is None or now_ns < self.deadline_ns:
            return Passed(deadline_ns=self.deadline_ns)
        self.deadline_ns = None
        try:
            return Passed((self._flushed(),))
        except ReduceError as error:
            # They wait for the next alarm, which only another update sets: it may never come.
            return Passed(warning=f"updates for {_text(self.target)} cannot be reduced: {error}")

    def _on_streamed(self, update: Message, now_ns: int) -> Passed:
        self.buffer.append(update)
        if len(self.buffer) < self.max_buffer_size:
            return Passed(deadline_ns=self._rearm(now_ns))
        self.deadline_ns = self.armed_ns = None
        try:
            return Passed((self._flushed(),))
        except ReduceError as error:
            self.buffer.pop()
            return self._refuse(error, now_ns)

    def _on_expected(self, update: Message, now_ns: int) -> Passed:
        try:
            self.buffer = [reduced(self.target.reducer, [*self.buffer, update], defective=self.defective)]
        except ReduceError as error:
            return self._refuse(error, now_ns)
        self.received += 1
        if self.received < self.expected:
            return Passed()
        self._remove()
        return Passed((self.buffer.pop(),), removed=True)

    def _rearm(self, now_ns: int) -> int:
        since_ns = now_ns if self.armed_ns is None else self.armed_ns
        self.deadline_ns = max(now_ns, since_ns + self.interval_ns)
        self.armed_ns = now_ns
        self.interval_ns = min(2 * self.interval_ns, self.max_interval_ns)
        return self.deadline_ns

    def _flushed(self) -> Message:
        merged = reduced(self.target.reducer, self.buffer, defective=self.defective)
        self.buffer.clear()
        return merged

    def _refuse(self, error: ReduceError, now_ns: int) -> Passed:
        """This update goes back, what waited is lost, and so is everything that comes later; or only this one goes."""
        text = f"mailbox error: {error}"
        if not self.closes:
            waits = self.mode is SplitMode.STREAMING and self.buffer
            return Passed(error=text, deadline_ns=self._rearm(now_ns) if waits else None)
        self._remove()
        self.buffer.clear()
        return Passed(removed=True, error=text)

    def _remove(self) -> None:
        assert SplitPhase.REMOVED in TRANSITIONS[self.phase], f"{_text(self.target)} is removed already"
        self.phase = SplitPhase.REMOVED


def split(port: PortRef, expected: int, config: Config) -> SplitPort | None:
    """What stands for `port` on a node that awaits `expected` updates: one for each next hop and for itself.

    None for a once port without a reducer: it is passed on as it is.
    """
    if port.once and not port.reducer:
        return None
    mode = SplitMode.ONCE if port.once else SplitMode.STREAMING
    longest_ns = port.max_interval_ns or config.split_max_buffer_age
    return SplitPort(
        target=port,
        mode=mode if is_registered(port.reducer) else SplitMode.RELAY,
        expected=expected,
        max_buffer_size=config.split_max_buffer_size,
        max_interval_ns=longest_ns,
        interval_ns=INITIAL_INTERVAL_NS if config.revision.initial_split_interval else longest_ns,
        defective=config.has("overlay_merge_defect"),
        closes=config.has("error_removes_port"),
    )


def _text(port: PortRef) -> str:
    return f"{port.actor}[{port.index}]"
