"""Messages that a node takes at one instant, and whether it matters in which order.

Three procs answer their controller at once. It counts answers, and asks on when it has the third, whichever that was.
Such orders need no runs of their own. Whether they are such is tried out: copies of the node take the messages in every
order, and it matters unless every copy ends in the same state and asked for the same, whatever it asked for at which of
them. Notes for the trace may come in another order, as they may where a state is settled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import permutations
from typing import TYPE_CHECKING

from meshsim.explore.exhaustive.ties import concerned
from meshsim.explore.state import encoded
from meshsim.model.commands import CancelTimer, NodeCommand, SetTimer
from meshsim.model.messages import Envelope
from meshsim.model.notes import NOTE_TYPES, OperationEnded, ProcPlaced

if TYPE_CHECKING:
    from meshsim.drive.agenda import Entry
    from meshsim.drive.conductor import Conductor
    from meshsim.explore.exhaustive.watching import WatchedBackend
    from meshsim.model.ids import Node
    from meshsim.model.runtime.node import NodeMachine

#: How many messages are tried in every order at most. Source: chosen here: 24 orders cost less than one run.
_MESSAGES_MAX = 4
#: What a node may ask for that takes effect later, or never: nothing else follows at the same instant, unless what is
#: sent comes back at once.
_LATER = (Envelope, SetTimer, CancelTimer)
#: Notes that more than the trace takes notice of.
_HEEDED = (OperationEnded, ProcPlaced)


class Trials:
    """What was tried out, in whichever run: the same node takes the same in the same way."""

    def __init__(self) -> None:
        self._known: dict[bytes, bool] = {}

    def are_alike(self, machine: NodeMachine, messages: Sequence[Envelope], now_ns: int) -> bool:
        """Whether this node is the same after these messages, in whatever order it takes them now."""
        if len(messages) > _MESSAGES_MAX:
            return False
        key = _digest(machine.snapshot(), messages, now_ns)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _try_all(machine, messages, now_ns)
        return known


def _try_all(machine: NodeMachine, messages: Sequence[Envelope], now_ns: int) -> bool:
    ends: list[tuple[list[NodeCommand], bytes]] = []
    for order in permutations(messages):
        try:
            copy = machine.copied()
            commands = [command for message in order for command in copy.handle(message, now_ns)]
        except Exception:
            return False
        if not all(map(_comes_later, commands)):
            return False
        notes = sorted(encoded(command) for command in commands if type(command) in NOTE_TYPES)
        asked = [command for command in commands if type(command) not in NOTE_TYPES]
        ends.append((asked, _digest(copy.snapshot(), notes)))
        if ends[-1] != ends[0]:
            return False
    return True


def _comes_later(command: NodeCommand) -> bool:
    if type(command) in NOTE_TYPES:
        return not isinstance(command, _HEEDED)
    return isinstance(command, _LATER) and not (isinstance(command, SetTimer) and command.after_ns <= 0)


def _digest(*parts: object) -> bytes:
    return blake2b(encoded(parts), digest_size=16).digest()


class Commuting:
    """Which things that are due in one run may come in any order, because their node is none the wiser."""

    def __init__(self, conductor: Conductor, backend: WatchedBackend, trials: Trials) -> None:
        self._conductor = conductor
        self._backend = backend
        self._trials = trials

    def among(self, at_ns: int, entries: Sequence[Entry]) -> frozenset[int]:
        """Indices of those of these entries, which may go first now, for which it does not matter which of them does.

        All that a node is going to take at this instant has to be among them, and messages alone: a timer, or what
        waits behind a message of its own channel, would come in between.
        """
        conductor = self._conductor
        if conductor.watchers or conductor.network.places or conductor.post.returns_at_once:
            return frozenset()
        groups: dict[Node, list[int]] = {}
        for index, entry in enumerate(entries):
            if conductor.post.is_taken(entry):
                groups.setdefault(entry[1][1], []).append(index)
        found: list[int] = []
        for node, group in groups.items():
            if len(group) > 1 and self._is_all(node, len(group)):
                messages = [entries[index][1][2] for index in group]
                if self._trials.are_alike(self._backend.nodes[node], messages, at_ns):
                    found += group
        return frozenset(found)

    def _is_all(self, node: Node, count: int) -> bool:
        """Whether no more than so many things are due now that may concern this node."""
        return sum(nodes is None or node in nodes for nodes in self._due_now()) == count

    def _due_now(self) -> Iterator[frozenset[str] | None]:
        reachable = self._conductor.processes.reachable
        return (concerned(entry, reachable) for entry in self._conductor.due_now())
