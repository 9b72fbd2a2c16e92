"""The state of a run at an instant, to be compared and hashed; and what the ranks of a mesh have in common.

There are two ways to see that two runs go on alike.

- By their histories. A node is a pure function of what it has taken, in which order and when; so the state of a run
  is, for every node, the list of that. What is under way, which timers are set and what a node has in mind follows.
  The order in which different nodes took things is not part of it: two runs that differ in nothing else are the same
  partial order (a Mazurkiewicz trace). Nor are numbers of records, which depend on that order. Nodes that may change
  places can be renamed in a history.
- By what has become of it: what every node has in mind, what is under way, and what was recorded at each instant, in
  whatever order. Runs that took the same at an instant in another order, and were none the wiser, go on alike.

A run can be forked at any instant (`meshsim.explore.forking`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import permutations, product
from typing import TYPE_CHECKING

import msgspec

from meshsim.drive.agenda import Entry
from meshsim.drive.deciding import label
from meshsim.explore.concerning import nodes_of
from meshsim.model.events import ChildExited, ClockSet, TimerFired
from meshsim.model.ids import ActorId, Node, short_actor_name
from meshsim.model.messages import Envelope
from meshsim.model.tags import tag_of
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    WORLD,
    FaultEnded,
    FaultMissed,
    FaultStruck,
    MessageLost,
    MessageReturned,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessStopped,
    Record,
)

if TYPE_CHECKING:
    from meshsim.drive.world import World
    from meshsim.model.runtime.node import NodeMachine

#: What each node took, in its order.
History = dict[str, list[str]]

#: Other names for nodes that may change places.
Renaming = Mapping[str, str]

#: How many renamings are tried at most; more ranks than that are not folded. Source: chosen here, 4 ranks.
_RENAMINGS_MAX = 24

_TAKEN = (TimerFired, ChildExited, ClockSet, ProcessDied, ProcessStopped, ProcessContinued)
_FAULTS = (FaultStruck, FaultMissed, FaultEnded)


def history(records: Iterable[Record], directory: Directory, *, timed: bool) -> History:
    """What each node took in these records, and what was done to it; with the times or without them.

    A message is named by its sender, receiver and tag. What is in it follows from what its sender had taken.
    """
    taken: History = {}
    for record in records:
        line = taken_line(record, directory)
        if line is not None:
            node, text = line
            taken.setdefault(node, []).append(f"{record.at} {text}" if timed else text)
    return taken


def taken_line(record: Record, directory: Directory) -> tuple[str, str] | None:
    """Which node a record has take something, and what; none if it only says what a node did or noticed."""
    what = record.what
    match what:
        case Envelope():
            return record.node, _message(what, directory)
        case MessageReturned(envelope=envelope) | MessageLost(envelope=envelope):
            return record.node, f"{tag_of(what)} {_message(envelope, directory)}"
        case TimerFired(actor=actor, key=key):
            return record.node, f"timer {_short(actor)} {key}"
        case FaultStruck(kind=kind, target=target) | FaultMissed(kind=kind, target=target):
            return _node_of(target, directory), f"{tag_of(what)} {kind} {getattr(what, 'detail', '')}"
        case ProcessReaped(by=by):
            return by or record.node, f"reaps {record.node}"
        case FaultEnded(kind=kind, target=target):
            return _node_of(target, directory), f"{tag_of(what)} {kind}"
        case _ if isinstance(what, _TAKEN):
            return record.node, tag_of(what)
        case _:
            return None


def _message(envelope: Envelope, directory: Directory) -> str:
    src = directory.node_of_actor(envelope.sender)
    return f"{tag_of(envelope.message)} {src} {_short(envelope.sender)} -> {_short(envelope.dest)}"


@lru_cache(maxsize=1 << 12)
def _short(actor: ActorId) -> str:
    """As `short_actor_name`; what the scenario itself says is from nobody."""
    return short_actor_name(actor) if "," in actor else actor


def _node_of(target: str, directory: Directory) -> str:
    """The node of what a fault struck: a node, an actor, or something of the whole world."""
    node = directory.node(target)
    if node is None and "," in target:
        node = directory.node_of_actor(ActorId(target))
    return WORLD if node is None else node


def digest_of(taken: History, more: Sequence[str] = (), renamings: Sequence[Renaming] = ({},)) -> bytes:
    """16 bytes that are the same for the same history, whatever the nodes that may change places are called.

    `more` is hashed with it: text in which nodes are called by the same names.
    """
    text = "\n".join([f"{node}\t{'|'.join(lines)}" for node, lines in taken.items()])
    extra = "\n".join(more)
    return min(_digest(_renamed(text, names), _renamed(extra, names)) for names in renamings)


def _digest(text: str, extra: str) -> bytes:
    lines = "\n".join(sorted(text.split("\n")))
    return blake2b(f"{lines}\n\n{extra}".encode(), digest_size=16).digest()


def _renamed(text: str, names: Renaming) -> str:
    if not names:
        return text
    pattern = "|".join(rf"\b{re.escape(name)}\b" for name in names)
    return re.sub(pattern, lambda found: names[found.group()], text)


def settled_digest(world: World, machines: Mapping[Node, NodeMachine], more: Sequence[str] = ()) -> bytes:
    """16 bytes of what has become of a run: machines, what is under way, and the trace but for orders in an instant."""
    due, timers = world.pending()
    state = blake2b(digest_size=16)
    state.update(encoded({node: machine.snapshot() for node, machine in machines.items()}))
    state.update("\n".join(text for _, _, text in sorted(map(_pending, due), key=lambda each: each[:2])).encode())
    state.update(encoded(sorted((*timer, due_ns) for timer, due_ns in timers.items())))
    state.update(b"\n".join(sorted(_recorded(record) for record in world.records)))
    state.update("\n".join(more).encode())
    return state.digest()


def _pending(at_and_entry: tuple[int, Entry]) -> tuple[int, str, str]:
    """When something is due, for which node, and what it is."""
    at_ns, entry = at_and_entry
    return at_ns, (nodes_of(entry) or ("",))[0], pending_text(at_ns, entry)


def pending_text(at_ns: int, entry: Entry) -> str:
    """Something that is due, with the message that it carries."""
    messages = [encoded(each).decode() for each in entry[1] if isinstance(each, Envelope)]
    return f"{at_ns} {label(entry)} {' '.join(messages)}"


def _recorded(record: Record) -> bytes:
    return b"%d %s %s" % (record.at, record.node.encode(), encoded(record.what))


#: Plain values as bytes; what JSON has no word for as Python prints it.
encoded = msgspec.json.Encoder(enc_hook=repr).encode


def renamings_of(groups: Sequence[Sequence[Node]]) -> tuple[Renaming, ...]:
    """Every way to have the nodes of each group change places; only the plain one when there are too many."""
    ways = [[dict(zip(group, order, strict=True)) for order in permutations(group)] for group in groups]
    count = 1
    for each in ways:
        count *= len(each)
    if count > _RENAMINGS_MAX:
        return ({},)
    return tuple({name: other for way in chosen for name, other in way.items()} for chosen in product(*ways))
