"""When the network between two processes was struck by a fault, as the trace tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from meshsim.faults.kinds import Fault, JitterFault, Latency, MessageFault, Reordering
from meshsim.faults.links import ANY, Sides, is_machine
from meshsim.model.ids import Node, name_of_host
from meshsim.oracle.bounds import FOREVER_NS, SLACK_NS
from meshsim.trace.directory import Directory
from meshsim.trace.records import Diverted, FaultEnded, FaultStruck

#: Kinds of faults that stop messages in their channels, and those that only touch them one by one.
CUTTING = frozenset({"partition", "delivery_timeout"})
DISTURBING = CUTTING | {"latency", "jitter", "loss", "duplication", "reordering"}


#: Faults that strike actors and processes: messages between those that are well go as ever.
LEAVE_LINKS_ALONE = frozenset(
    {
        *("exit", "signal", "stall", "resume", "raise", "panic", "sigsegv", "process_exit", "self_fail"),
        *("self_ungraceful_fail", "kill_pid", "abort", "exit_process", "hang", "stop_itself", "init_fails", "shout"),
        *("start_fails", "host_crash", "controller_exit", "controller_kill", "subscriber_gone", "misreport"),
        *("alloc_stop", "alloc_fail"),
    }
)
#: Number of what a decision does.
NO_FAULT = -1


class Struck(msgspec.Struct):
    """One fault of the network and its time: [begin, end); FOREVER_NS while it lasts."""

    index: int
    kind: str
    sides: Sides
    begin: int
    end: int = FOREVER_NS
    #: It strikes some of the messages and not others: what it stops may come and go.
    is_partial: bool = False

    def lasted_since(self, since: int) -> bool:
        return self.end > since


class LinkFaults:
    """All faults of the network so far. Processes count as struck by name, as their actors and their machines do."""

    def __init__(self, directory: Directory, timeout_ns: int, faults: Sequence[Fault] = ()) -> None:
        self._directory = directory
        #: Those of the plan, by number.
        self._faults = faults
        #: `MESSAGE_DELIVERY_TIMEOUT`: a cut as long as that closes channels for good.
        self._timeout_ns = timeout_ns
        self.struck: list[Struck] = []

    def on_struck(self, fault: FaultStruck, at: int) -> None:
        if fault.kind in DISTURBING:
            one = self._faults[fault.index] if fault.index < len(self._faults) else None
            is_partial = isinstance(one, MessageFault) and one.share < 1
            sides = Sides.parse(fault.target)
            self.struck.append(Struck(fault.index, fault.kind, sides, at, is_partial=is_partial))

    def on_diverted(self, diverted: Diverted, at: int) -> None:
        """A decision about one message is a fault of the network for as long as the message takes. What comes within
        the slack of every bound is as good as prompt; what is lost says so itself.
        """
        if diverted.kind != "loss" and (diverted.kind != "latency" or diverted.until - at >= SLACK_NS):
            sides = Sides.parse(diverted.sides)
            self.struck.append(Struck(NO_FAULT, diverted.kind, sides, at, diverted.until + SLACK_NS))

    def on_ended(self, fault: FaultEnded, at: int) -> None:
        """The oldest of its number that lasts is over, when the last message that it struck has arrived."""
        for each in self.struck:
            if each.index == fault.index and each.end == FOREVER_NS:
                each.end = at + (_lateness_of(self._faults[fault.index]) if fault.index < len(self._faults) else 0)
                return

    def cut_between(self, a: Node, b: Node, since: int) -> bool:
        """Whether messages between two processes, in either direction, were stopped at or after `since`."""
        return any(each.kind in CUTTING for each in self._about(a, b, since))

    def copied_between(self, a: Node, b: Node) -> bool:
        """Whether messages between two processes, in either direction, ever arrived more than once."""
        return any(each.kind == "duplication" for each in self._about(a, b, -1))

    def changed_between(self, a: Node, b: Node, since: int) -> bool:
        """Whether what passes between two processes may have come and gone since: a cut of everything that lasted all
        the time was one silence, whatever else touches messages one by one may be many.
        """
        return any(
            each.kind not in CUTTING or each.is_partial or each.begin > since or since < each.end < FOREVER_NS
            for each in self._about(a, b, since)
        )

    def disturbed_between(self, a: Node, b: Node, since: int, until: int = FOREVER_NS) -> bool:
        """Whether a fault of the network may have kept messages between two processes from each other in time, at or
        after `since` and before `until`. Copies keep nobody: what is copied has arrived.
        """
        return any(each.kind != "duplication" and each.begin < until for each in self._about(a, b, since))

    def _about(self, a: Node, b: Node, since: int) -> Iterator[Struck]:
        for each in self.struck:
            if each.lasted_since(since) and (self._crosses(each, a, b) or self._crosses(each, b, a)):
                yield each

    def cut_ns(self, nodes: list[Node], start: int) -> int:
        """How long any of these processes was cut from others since `start`; FOREVER_NS when channels may be closed.

        A rule may be about one of them and processes that are not asked about, which stand between (cast trees).
        """
        total = 0
        for each in self.struck:
            if each.kind in CUTTING and each.lasted_since(start) and any(self._names(each, node) for node in nodes):
                lasted = each.end - max(each.begin, start)
                total += FOREVER_NS if each.end - each.begin >= self._timeout_ns else lasted
        return min(FOREVER_NS, total)

    def held_back_between(self, a: Node, b: Node) -> bool:
        """Whether messages between two processes were ever delayed, copied or put in another order."""
        return any(each.kind not in CUTTING for each in self._about(a, b, -1))

    def _crosses(self, struck: Struck, a: Node, b: Node) -> bool:
        near, far = struck.sides.near, struck.sides.far
        if struck.index == NO_FAULT:
            return (a,) == near and (b,) == far  # One message, of one process to another.
        if not self._is_in(near, a):
            return False
        return self._is_in(far, b) if far else near == (ANY,) or not self._is_in(near, b)

    def _names(self, struck: Struck, node: Node) -> bool:
        return self._is_in(struck.sides.near, node) or self._is_in(struck.sides.far, node)

    def _is_in(self, side: tuple[str, ...], node: Node) -> bool:
        for name in side:
            if name == ANY:
                return True
            if is_machine(name) and name_of_host(Node(node.partition("/")[0])) == name:
                return True
            if node == self._directory.node(name):
                return True
        return False


def _lateness_of(fault: Fault) -> int:
    """How much later than others the last of a message comes that a fault struck, in ns."""
    match fault:
        case Latency(by=by) | JitterFault(by=by) | Reordering(window=by):
            return int(by)
        case _:
            return 0
