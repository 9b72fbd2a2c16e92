"""What of the model a run has reached: which machine took what in which state, and what it took after what.

A feature is 64 bits of a text; sets of them are what coverage-guided exploring and campaigns compare.

- `state`: machine, the last status that it showed, and what it took: the pair state x event of each kind of machine.
- `order`: machine, and two things that it took one after the other: a new order of causes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

from meshsim.model.events import ChildExited, TimerFired
from meshsim.model.ids import ActorId, actor_name_of, base_of
from meshsim.model.messages import Envelope
from meshsim.model.notes import (
    ActorStatusChanged,
    LocalDelivery,
    MonitoringEnded,
    PollEnded,
    PollStarted,
    ProcStatusChanged,
)
from meshsim.model.tags import tag_of
from meshsim.trace.records import FaultStruck, MessageReturned, ProcessDied, Record


def coverage_of(records: Iterable[Record]) -> frozenset[int]:
    """The features of one run."""
    features: set[tuple[str, ...]] = set()
    states: dict[str, str] = {}
    last: dict[str, str] = {}
    for record in records:
        what = record.what
        match what:
            case ActorStatusChanged(actor=actor, phase=phase):
                states[actor] = phase.value
                continue
            case PollStarted(controller=actor) | MonitoringEnded(controller=actor):
                states[actor] = tag_of(what)
                continue
            case PollEnded(controller=actor, outcome=outcome):
                states[actor] = outcome
                continue
            case Envelope(dest=actor, message=message) | LocalDelivery(envelope=Envelope(dest=actor, message=message)):
                event, machine = tag_of(message), _machine(actor)
            case TimerFired(actor=actor, key=key):
                event, machine = f"timer {key.partition(':')[0]}", _machine(actor)
            case ProcStatusChanged(phase=phase):
                actor, event, machine = ActorId(record.node), f"proc {phase}", "host"
            case ChildExited() | ProcessDied() | MessageReturned():
                actor, event, machine = ActorId(record.node), tag_of(what), "process"
            case FaultStruck(kind=kind):
                actor, event, machine = ActorId(""), kind, "world"
            case _:
                continue
        features.add(("state", machine, states.get(actor, ""), event))
        features.add(("order", machine, last.get(actor, ""), event))
        last[actor] = event
    return frozenset(_feature(feature) for feature in features)


@lru_cache(maxsize=1 << 16)
def _machine(actor: ActorId) -> str:
    return base_of(actor_name_of(actor))


@lru_cache(maxsize=1 << 18)
def _feature(words: tuple[str, ...]) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(words).encode(), digest_size=8).digest(), "big")
