"""What must follow in the trace from what nodes asked for, and what may be there only if a node asked for it."""

from __future__ import annotations

from collections.abc import Iterator

from meshsim.drive.outputs import envelope_in
from meshsim.drive.stage import SCENARIO
from meshsim.model.commands import (
    ExitProcess,
    NodeCommand,
    SignalProcess,
    SignalSelf,
    SpawnAllocated,
    SpawnProcess,
    StartHost,
)
from meshsim.model.events import TimerFired
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope, Undeliverable
from meshsim.model.messaging.hops import TTL_EXPIRED
from meshsim.model.notes import NOTE_TYPES, Bounced, ProcStatusChanged
from meshsim.run.replaying.difference import Difference, encoded, in_words
from meshsim.run.replaying.recording import Recording, outputs_of
from meshsim.trace.records import (
    WORLD,
    MessageReturned,
    ProcessDied,
    ProcessNotStarted,
    ProcessSignalled,
    ProcessStarted,
    Record,
)
from meshsim.trace.story import describe


def unexplained(recording: Recording) -> list[Difference]:
    """Records that no node accounts for, and what nodes asked for in vain; all of it, in order.

    Only of a recording whose nodes asked for what the model asks for.
    """
    found = [*_too_much(recording)]
    if recording.is_whole:
        found += _too_little(recording)
    return sorted(found, key=lambda difference: difference.record)


# --- records without a reason ----------------------------------------------------------------------------------


def _too_much(recording: Recording) -> Iterator[Difference]:
    taken = {(each.node, each.record) for each in recording.inputs}
    claimed = {output for each in recording.inputs for output in outputs_of(each) if isinstance(output, int)}
    sent: set[bytes] = set()
    for record in recording.records:
        what, envelope = record.what, envelope_in(record)
        if envelope is not None and record.seq in claimed:
            sent.add(encoded(envelope))
        words = describe(record, recording.directory)
        if isinstance(what, TimerFired):
            if (Node(record.node), record.seq) not in taken:
                yield recording.unaccounted(record, "a timer fired, and its node did not take it", recorded=words)
        elif type(what) in NOTE_TYPES and record.seq not in claimed and not _is_of_the_run(record):
            yield recording.unaccounted(record, "a note, and no node made it", recorded=words)
        elif envelope is not None and record.seq not in claimed and not _is_sent(envelope, record, recording, sent):
            yield recording.unaccounted(record, "a message, and no node sent it", recorded=words)
        elif not _is_asked_for(record, recording):
            yield recording.unaccounted(record, "nobody asked for this", recorded=words)


def _is_of_the_run(record: Record) -> bool:
    """Notes that the conductor makes: operations that could not begin, and messages whose TTL the network used up."""
    what = record.what
    return record.node == WORLD or (isinstance(what, Bounced) and what.error == TTL_EXPIRED)


def _is_sent(envelope: Envelope, record: Record, recording: Recording, sent: set[bytes]) -> bool:
    """Whether a message comes from the scenario, from the network that gives one back, or from a node, before."""
    if envelope.sender == SCENARIO:
        return True
    cause = recording.record(record.cause)
    if isinstance(envelope.message, Undeliverable) and cause is not None and isinstance(cause.what, MessageReturned):
        return encoded(envelope.message.envelope) == encoded(cause.what.envelope)
    return encoded(envelope) in sent


def _is_asked_for(record: Record, recording: Recording) -> bool:
    """Whether a node asked for a process, a signal or an end that it is said to have brought about."""
    match record.what:
        case ProcessStarted(parent=parent) if parent:
            by = Node(parent)
        case ProcessSignalled(by=sender) if sender:
            by = Node(sender)
        case ProcessDied(why="exit"):
            by = Node(record.node)
        case _:
            return True
    asked = recording.asked_for.get((by, record.cause))
    if asked is None:
        # A fault has the process end itself; a parent starts none on its own.
        return not isinstance(record.what, ProcessStarted)
    return any(_follows(record, command, recording) for command in asked)


def _follows(record: Record, command: NodeCommand, recording: Recording) -> bool:
    """Whether a record is what had to follow from a command."""
    match command, record.what:
        case StartHost(host=host), ProcessStarted():
            return record.node == host
        case SpawnProcess(name=name) | SpawnAllocated(name=name), ProcessStarted(name=of) | ProcessNotStarted(name=of):
            return name == of
        case SignalProcess(name=name, signal=signal), ProcessSignalled(signal=number):
            return signal == number and _name(record, recording) == name
        case SignalSelf(signal=signal), ProcessSignalled(signal=number, by=by):
            return signal == number and by == record.node
        case ExitProcess(), ProcessDied(why="exit"):
            return True
        case _:
            return False


def _name(record: Record, recording: Recording) -> str:
    started = recording.started.get(Node(record.node))
    return started.what.name if started is not None and isinstance(started.what, ProcessStarted) else ""


# --- what was asked for in vain ----------------------------------------------------------------------------------


def _too_little(recording: Recording) -> Iterator[Difference]:
    following: dict[int, list[Record]] = {}
    refused: set[str] = set()
    for record in recording.records:
        following.setdefault(record.cause, []).append(record)
        if isinstance(record.what, ProcessNotStarted):
            refused.add(record.what.name)
    counts: dict[Node, int] = {}
    left = {node: list(handed) for node, handed in recording.handed.items()}
    for each in recording.inputs:
        number = counts[each.node] = counts.get(each.node, -1) + 1
        if each.record in left.get(each.node, ()):
            left[each.node].remove(each.record)
        for output in outputs_of(each):
            follows = following.get(each.record, [])
            if isinstance(output, int) or _has_followed(output, each.node, follows, recording, refused):
                continue
            words = in_words(output, each.node, recording.directory)
            yield recording.difference(each, number, "it asked for this, and nothing followed", expected=words)
    for node, seqs in left.items():
        if len(seqs) > recording.untaken.get(node, 0):
            record = recording.records[seqs[0]]
            words = describe(record, recording.directory)
            yield recording.unaccounted(record, f"{node} was handed this and did not take it", recorded=words)


def _has_followed(
    command: NodeCommand, node: Node, following: list[Record], recording: Recording, refused: set[str]
) -> bool:
    """Whether what had to follow from a command did; nothing has to from many."""
    match command:
        case SpawnProcess(name=name) if name in refused:
            return True
        case SpawnProcess() | SpawnAllocated() | StartHost():
            return any(_follows(record, command, recording) for record in following)
        case ExitProcess() | SignalSelf():
            return any(_follows(record, command, recording) for record in following) or _was_ended(
                node, following, recording
            )
        case SignalProcess():
            return any(_follows(record, command, recording) for record in following) or _is_dead(command, recording)
        case ProcStatusChanged(name=name):
            return name in refused
        case Envelope():
            return False
        case _:
            return type(command) not in NOTE_TYPES


def _was_ended(node: Node, following: list[Record], recording: Recording) -> bool:
    """Whether a process that ended itself had been ended by something else in that moment, so nothing followed."""
    return any(
        isinstance(record.what, ProcessDied) and record.node == node and record not in following
        for record in recording.records
    )


def _is_dead(command: SignalProcess, recording: Recording) -> bool:
    """Whether the child that was to be signalled has ended: then nothing is done."""
    return any(
        isinstance(record.what, ProcessDied) and _name(record, recording) == command.name
        for record in recording.records
    )
