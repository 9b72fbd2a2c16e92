"""The state of a run, times that are past aside: what is the same for runs that go on alike from here.

Two runs in which a fault struck at different times may be the same from some instant on: whoever noticed has noticed,
and nothing that is still to come depends on when. They have the same state if

- every node has taken the same, in the same order (`meshsim.explore.state.history`, without times),
- what has become of the machines is the same, with every time that they remember,
- the same is still to come, at the same times: messages, timers, whatever waits for a process that is stopped, and
  whatever else the conductor has to do,
- channels remember the same: what was not acknowledged, and who is gone.

So the same follows, and the orders of equal times are the same. Only what has effects on time itself or on the way of
messages leaves more behind: where such a fault is, times count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from meshsim.explore.concerning import nodes_of
from meshsim.explore.exhaustive.ties import concerned
from meshsim.explore.state import encoded, pending_text, taken_line
from meshsim.faults import kinds
from meshsim.faults.kinds import Fault
from meshsim.model.config import Config
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope
from meshsim.trace.records import FaultEnded, FaultStruck, Record
from meshsim.units import S

if TYPE_CHECKING:
    from meshsim.drive.agenda import Entry
    from meshsim.drive.conductor import Conductor
    from meshsim.explore.exhaustive.watching import WatchedBackend

#: Faults that leave nothing behind but what a node took, and an end of their own.
_TIMELESS = (
    *(kinds.Raise, kinds.Panic, kinds.SelfFail, kinds.Abort, kinds.StopItself, kinds.Hang, kinds.SigSegv),
    *(kinds.ProcessExit, kinds.ExitProcess, kinds.KillPid, kinds.SelfUngracefulFail),
    *(kinds.Exit, kinds.Signal, kinds.Stall),
)


def is_timeless(faults: Sequence[Fault]) -> bool:
    """Whether times may be left aside in runs with these faults."""
    return all(isinstance(fault, _TIMELESS) for fault in faults)


#: The time of a failure: in a machine, in a message to come (a text inside a text), and printed.
_OCCURRED = re.compile(rb'occurred_at(?:_ns\\*":(\d+)|: SystemTime \{ tv_sec: (\d+), tv_nsec: (\d+) \})')


class Beginning:
    """What all cases of a plan have in common, as nothing departs before the window: looked at in one of them."""

    def __init__(self) -> None:
        self.records = -1
        self.taken: dict[str, blake2b] = {}
        self.machines: dict[Node, bytes] = {}
        self.fresh: list[tuple[int, str, str]] = []


class Timeless:
    """Digests of one run while it goes on. Cheap to ask again: what did not change is not looked at again."""

    def __init__(self, conductor: Conductor, backend: WatchedBackend) -> None:
        self._conductor = conductor
        self._backend = backend
        self._ack_ns = Config.of(conductor.plan.config, conductor.plan.quirks_off).message_ack_time_interval
        #: Sum of the hashes of so many records.
        self._sum = self._summed = 0
        #: How many records were looked at.
        self._seen = 0
        #: What each node took, hashed.
        self._taken: dict[str, blake2b] = {}
        #: What has become of each machine.
        self._machines: dict[Node, bytes] = {}
        #: Deliveries since the last pause that was long enough for all of them to be acknowledged.
        self._fresh: list[tuple[int, str, str]] = []

    def begin(self, common: Beginning) -> None:
        """Take what was seen up to here from another case, or be the one that others take it from."""
        if common.records < 0:
            self._catch_up()
            common.records, common.machines, common.fresh = self._seen, dict(self._machines), list(self._fresh)
            common.taken = {node: digest.copy() for node, digest in self._taken.items()}
            return
        assert common.records == len(self._conductor.records), "all cases are the same up to here"
        self._seen, self._machines, self._fresh = common.records, dict(common.machines), list(common.fresh)
        self._taken = {node: digest.copy() for node, digest in common.taken.items()}
        self._backend.touched.clear()

    def digests(self, next_ns: int, more: Sequence[str] = ()) -> tuple[bytes, bytes]:
        """16 bytes of the state at the present instant, and right before the next one at which anything happens.

        In between the last acknowledgements may be sent, nothing else. `more` is hashed with it.
        """
        self._catch_up()
        now_ns = self._conductor.now_ns
        state = self._state(more)
        last_ns = self._fresh[-1][0] if self._fresh else now_ns - self._ack_ns
        now, later = state, state.copy()
        for at_ns, digest in ((now_ns, now), (next_ns - 1, later)):
            if at_ns < last_ns + self._ack_ns:
                digest.update(encoded(sorted(self._fresh, key=lambda each: each[1])))
        return now.digest(), later.digest()

    def settled(self, more: Sequence[str] = ()) -> bytes:
        """16 bytes of the state with all that was recorded, times included, but for orders in an instant."""
        self._catch_up()
        state = blake2b(digest_size=16)
        for part in self._present(more):
            state.update(part)
        for record in self._conductor.records[self._summed :]:
            self._sum += int.from_bytes(blake2b(_recorded(record), digest_size=16).digest())
        self._summed = len(self._conductor.records)
        state.update(b"%d" % self._sum)
        return state.digest()

    def _state(self, more: Sequence[str]) -> blake2b:
        state = blake2b(digest_size=16)
        for node in sorted(self._taken):
            state.update(b"%s %s" % (node.encode(), self._taken[node].digest()))
        state.update(_without_times(self._present(more)))
        return state

    def _present(self, more: Sequence[str]) -> list[bytes]:
        """Machines, and what is still to come."""
        conductor = self._conductor
        due, timers = conductor.pending()
        waiting = [(_first(entry), pending_text(0, entry)) for entry in conductor.processes.held()]
        rest = (
            self._in_order(due),
            sorted((*timer, due_ns) for timer, due_ns in timers.items()),
            sorted(waiting, key=lambda each: each[0]),
            sorted({int(event[0]) for event in conductor.env._queue}),
            conductor.post.remembered(),
            more,
        )
        return [*(self._machines[node] for node in sorted(self._machines)), encoded(rest)]

    def _in_order(self, due: Sequence[tuple[int, Entry]]) -> list[str]:
        """What is to come, in an order that is the same whenever the orders of what depends on each other are."""
        reachable = self._conductor.processes.reachable
        texts: list[str] = []
        for at_ns, entries in groupby(due, key=lambda each: each[0]):
            several = [(concerned(entry, reachable), pending_text(at_ns, entry)) for _, entry in entries]
            if all(nodes is not None and len(nodes) == 1 for nodes, _ in several):
                several.sort(key=lambda each: min(each[0] or ()))
            texts += [text for _, text in several]
        return texts

    def _catch_up(self) -> None:
        conductor, backend = self._conductor, self._backend
        records = conductor.records
        for record in records[self._seen :]:
            line = taken_line(record, conductor.directory)
            if line is None:
                continue
            node, text = line
            self._taken.setdefault(node, blake2b(digest_size=16)).update(f"{text}\n".encode())
            if isinstance(record.what, Envelope):
                if self._fresh and record.at - self._fresh[-1][0] >= self._ack_ns:
                    self._fresh = []
                self._fresh.append((record.at, node, text))
        self._seen = len(records)
        for node in backend.touched:
            self._machines[node] = node.encode() + encoded(backend.nodes[node].snapshot())
        backend.touched.clear()


def _recorded(record: Record) -> bytes:
    """A record without its number; nor does it matter which of the faults of an instant was written first."""
    what = record.what
    if isinstance(what, FaultStruck | FaultEnded):
        what = msgspec.structs.replace(what, index=0)
    return b"%d %s %s" % (record.at, record.node.encode(), encoded(what))


def _without_times(parts: Sequence[bytes]) -> bytes:
    """Encoded state in which times of failures are numbered: they are compared with each other and printed, no more."""
    text = b"\n".join(parts)
    if b"occurred_at" not in text:
        return text
    times = sorted({_time_of(found) for found in _OCCURRED.finditer(text)})
    return _OCCURRED.sub(lambda found: b"failure %d" % times.index(_time_of(found)), text)


def _time_of(found: re.Match[bytes]) -> int:
    at_ns, seconds, ns = found.groups()
    return int(at_ns) if at_ns else int(seconds) * S + int(ns)


def _first(entry: Entry) -> str:
    """The node that something is due for."""
    return (nodes_of(entry) or ("",))[0]
