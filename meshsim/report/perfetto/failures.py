"""Failures of ranks of watched actor meshes: when they began, when news of them was sent, who heard it when.

Chosen here, to be seen in a timeline; what is due to whom, and how fast, the oracle judges (`completeness`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, MeshFailed
from meshsim.model.notes import ActorStatusChanged, Heard, MeshSpawned, MonitoringEnded
from meshsim.model.supervision import ActorPhase
from meshsim.trace.directory import Directory
from meshsim.trace.records import ProcessDied, Record
from meshsim.trace.story import describe


class Failure(msgspec.Struct):
    """One rank that failed while its mesh was watched; positions are those in the list of records."""

    #: `trainer[1]`, and the node it lived on.
    subject: str
    node: str
    #: The record of the failure, in number and words.
    failed: int
    what: str
    #: The record whose handling sent the news that was heard first; before that, -1.
    sent: int = -1
    #: Who heard it for the first time, by which record.
    heard: list[tuple[int, str]] = []
    #: The record up to which it is drawn, and why there.
    ended: int = -1
    why_ended: str = ""


def failures_of(records: Sequence[Record], directory: Directory) -> list[Failure]:
    """The failures of a run, in order."""
    watch = _Watch(records, directory)
    for index, record in enumerate(records):
        watch.take(index, record)
    return watch.finish(len(records) - 1)


class _Watch:
    def __init__(self, records: Sequence[Record], directory: Directory) -> None:
        self._records = records
        self._directory = directory
        self._failures: dict[ActorId, Failure] = {}
        #: Members of watched meshes that live, with the label of their mesh; those on each node.
        self._alive: dict[ActorId, str] = {}
        self._on_node: dict[str, list[ActorId]] = {}

    def take(self, index: int, record: Record) -> None:
        what = record.what
        match what:
            case MeshSpawned(kind="actors", label=label, members=members, controller=controller) if controller:
                for member in map(ActorId, members):
                    self._alive[member] = label
                    self._on_node.setdefault(self._directory.node_of_actor(member) or "", []).append(member)
            case ActorStatusChanged(actor=actor, phase=phase):
                if phase is ActorPhase.FAILED:
                    self._on_failed(index, actor, record.node)
                elif phase is ActorPhase.STOPPED:
                    self._alive.pop(actor, None)
            case ProcessDied():
                for actor in self._on_node.get(record.node, ()):
                    self._on_failed(index, actor, record.node)
            case Heard(actor=actor) if actor in self._failures:
                self._on_heard(index, record, self._failures[actor], what.listener)
            case MonitoringEnded(mesh=mesh):
                self._on_unwatched(index, mesh)
            case _:
                pass

    def finish(self, last: int) -> list[Failure]:
        """The failures, each with its end: when all who heard of it had, or as long as somebody could have."""
        for failure in self._failures.values():
            if failure.heard:
                failure.ended, failure.why_ended = failure.heard[-1][0], "heard"
            elif failure.ended < 0:
                failure.ended, failure.why_ended = last, "nobody has heard of it"
        return list(self._failures.values())

    def _on_failed(self, index: int, actor: ActorId, node: str) -> None:
        if self._alive.pop(actor, None) is not None:
            subject = self._directory.name_of_actor(actor)
            what = describe(self._records[index], self._directory)
            self._failures[actor] = Failure(subject, node, index, what)

    def _on_heard(self, index: int, record: Record, failure: Failure, listener: ActorId) -> None:
        name = self._directory.name_of_actor(listener)
        if name not in [each for _, each in failure.heard]:
            failure.heard.append((index, name))
        if failure.sent < 0:
            cause = self._records[record.cause] if record.cause >= 0 else record
            is_message = isinstance(cause.what, Envelope) and isinstance(cause.what.message, MeshFailed)
            sent = cause.cause if is_message and cause.cause >= 0 else record.seq
            failure.sent = max(sent, failure.failed)

    def _on_unwatched(self, index: int, mesh: str) -> None:
        """What nobody has heard of by now nobody is going to hear of; what fails from now on is nobody's business."""
        for actor, label in list(self._alive.items()):
            if label == mesh:
                del self._alive[actor]
        for failure in self._failures.values():
            if failure.subject.partition("[")[0] == mesh and not failure.heard and failure.ended < 0:
                failure.ended, failure.why_ended = index, "its controller stopped looking"
