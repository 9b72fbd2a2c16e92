"""Records for people: one line each, short names, no uuids; and the records that led to one of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import UNSET, UnsetType

from meshsim.model.events import ChildExited, ClockSet, TimerFired
from meshsim.model.ids import ActorId, Name, Node, address_of_node, proc_id
from meshsim.model.messages import Envelope
from meshsim.model.notes import (
    ActorStatusChanged,
    AllocEventSeen,
    AllocStarted,
    Bounced,
    ControllerStalled,
    EventRecorded,
    Heard,
    Heartbeat,
    HostsAllocated,
    KeepaliveTaken,
    LocalDelivery,
    MarkRejected,
    MeshSpawned,
    MonitoringEnded,
    OperationEnded,
    OperationStarted,
    OrphanStopped,
    PollEnded,
    PollStarted,
    ProcPlaced,
    ProcStatusChanged,
    QueueTaken,
    ReferenceMade,
    SubscriberRemoved,
    Warned,
)
from meshsim.model.tags import tag_of
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    DecisionTaken,
    FaultEnded,
    FaultMissed,
    FaultStruck,
    InFlight,
    KernelDisagreed,
    MessageLost,
    MessageReturned,
    ProcessContinued,
    ProcessDied,
    ProcessLeftParent,
    ProcessNotStarted,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
    Record,
    RunEnded,
    RunStarted,
)
from meshsim.trace.wording import message_words
from meshsim.units import MS, Drift, S, format_duration

_LINE_BREAKS = re.compile(r"\s*\n\s*")


def render(record: Record, directory: Directory) -> str:
    """One line: time, node, what happened."""
    return f"{time_text(record.at):>11}  {directory.name_of_node(record.node):<14} {describe(record, directory)}"


def time_text(at_ns: int) -> str:
    """Virtual time in seconds with milliseconds, `12.345s`; finer only where it is not zero."""
    seconds, rest = divmod(at_ns, S)
    if rest % MS == 0:
        return f"{seconds}.{rest // MS:03d}s"
    return f"{seconds}.{rest:09d}".rstrip("0") + "s"


def describe(record: Record, directory: Directory) -> str:
    """What happened, without time and node, on one line."""
    return _LINE_BREAKS.sub(" ", directory.shortened(_describe(record, directory)))


def _describe(record: Record, directory: Directory) -> str:
    what, actor = record.what, directory.name_of_actor
    match what:
        case Envelope():
            return _envelope(what, directory)
        case LocalDelivery(envelope=envelope):
            return f"{_envelope(envelope, directory)} (inside)"
        case MessageLost(envelope=envelope, why=why):
            return f"lost: {_envelope(envelope, directory)}: {why}"
        case MessageReturned(envelope=envelope, errors=errors):
            return f"returned: {_envelope(envelope, directory)}: {'; '.join(errors)}"
        case InFlight(envelope=envelope):
            return f"still in flight: {_envelope(envelope, directory)}"
        case Bounced(envelope=envelope, error=error):
            return f"bounced: {_envelope(envelope, directory)}: {error}"
        case TimerFired(actor=owner, key=key):
            return f"timer {key} of {actor(owner)}"
        case ActorStatusChanged(actor=owner, text=text):
            return f"{actor(owner)} is {text}"
        case EventRecorded(actor=owner, text=text):
            return f"recorded for {actor(owner)}: {text}"
        case KeepaliveTaken(actor=owner, expires_ns=expires_ns):
            return f"first keepalive of {actor(owner)}, expires at {time_text(expires_ns)}"
        case OrphanStopped(actor=owner, expired_ns=expired_ns):
            return f"{actor(owner)} expired at {time_text(expired_ns)} and is stopped as orphaned"
        case QueueTaken(actor=owner, queue=queue, decision=decision):
            return f"decision {decision}: {actor(owner)} takes from {queue}"
        case Warned(actor=owner, text=text):
            return f"warning of {actor(owner)}: {text}"
        case SubscriberRemoved(controller=controller, subscriber=subscriber):
            return f"{actor(controller)} forgets its subscriber {actor(subscriber)}"
        case _:
            return _describe_process(record, directory)


def _describe_process(record: Record, directory: Directory) -> str:
    what = record.what
    match what:
        case ProcStatusChanged(name=name, before=before, text=text):
            return f"{_proc(record, name, directory)}: {before} -> {text}"
        case MarkRejected(name=name, phase=phase, mark=mark):
            return f"{_proc(record, name, directory)}: mark {mark} rejected, stays {phase}"
        case ChildExited(name=name, status=status):
            return f"told that the child {_proc(record, name, directory)} {_ended(status.signal)} {status}"
        case ClockSet(offset_ns=offset_ns, drift_ppb=drift_ppb):
            drift = f", gaining {Drift(drift_ppb)}" if drift_ppb else ""
            return f"wall clock is {format_duration(abs(offset_ns))} {'behind' if offset_ns < 0 else 'ahead'}{drift}"
        case ProcessStarted(kind=kind, parent=parent):
            return f"process of the {kind} started{f' by {parent}' if parent else ''}"
        case ProcessNotStarted(name=name, error=error):
            return f"cannot start a process for {_proc(record, Name(name), directory)}: {error}"
        case ProcessSignalled(signal=signal, by=by):
            return f"process gets signal {signal} from {by or 'outside'}"
        case ProcessLeftParent():
            return "process gives up its parent-death signal"
        case ProcessStopped():
            return "process is stopped"
        case ProcessContinued():
            return "process runs again"
        case ProcessDied(why=why):
            return f"process died ({why.replace('_', ' ')})"
        case ProcessReaped(by=by, status=status):
            return f"process was waited for by {by or 'the subreaper'}: {status}"
        case DecisionTaken(decision=decision, what=taken):
            return f"decision {decision}: {taken}"
        case KernelDisagreed(expected=expected, observed=observed):
            return f"KERNEL DISAGREES: expected {expected}, observed {observed}"
        case _:
            return _describe_run(record, directory)


def _describe_run(record: Record, directory: Directory) -> str:
    what, actor = record.what, directory.name_of_actor
    match what:
        case PollStarted(controller=controller, count=count):
            return f"{actor(controller)} starts poll {count}"
        case PollEnded(controller=controller, count=count, outcome=outcome, monitoring=monitoring):
            return f"{actor(controller)} ends poll {count}: {outcome}{'' if monitoring else ', the last one'}"
        case ControllerStalled(controller=controller, expected_ns=expected_ns):
            return f"{actor(controller)} polls late, expected at {time_text(expected_ns)}"
        case MonitoringEnded(controller=controller, why=why):
            return f"{actor(controller)} ends monitoring: {why.replace('_', ' ')}"
        case Heard(listener=listener, role=role, mesh=mesh, rank=rank, status=status, text=text, actor=about):
            place = f"{mesh}{'' if rank is None else f' rank {rank}'}" if mesh else actor(about)
            through = f", through {what.ref}" if what.ref else ""
            return f"HEARD by {actor(listener)} ({role}{through}): {place} {status}: {text}"
        case Heartbeat(listener=listener, mesh=mesh):
            return f"{actor(listener)} hears a heartbeat of {mesh}"
        case ReferenceMade(by=by, label=label, mesh=mesh, region=region):
            return f"{actor(by)} has made {label}, a reference to {mesh} at {region}"
        case MeshSpawned(kind=kind, label=label, extent=extent, by=by):
            return f"{actor(by)} has spawned {kind} {label} {extent}"
        case ProcPlaced(proc=proc, place=place):
            return f"{proc} is at {'.'.join(map(str, place))}"
        case HostsAllocated(label=label, hosts=hosts, by=by):
            return f"{actor(by)} has allocated hosts {label}: {', '.join(map(directory.name_of_node, hosts))}"
        case AllocStarted(label=label, name=name):
            return f"alloc {name} of {label} begins"
        case AllocEventSeen(label=label, text=text):
            return f"alloc of {label}: {text}"
        case OperationStarted(index=index, operation=operation, label=label, by=by):
            return f"{actor(by)} begins operation {index}: {operation} {label}".rstrip()
        case OperationEnded(index=index, operation=operation, label=label, by=by, error=error, result=result):
            outcome = f"error: {error}" if error is not None else f"ok {result}".rstrip()
            return f"{actor(by)} ends operation {index}: {operation} {label}: {outcome}".replace(" :", ":")
        case FaultStruck(index=index, kind=kind, target=target, detail=detail, strike=strike):
            return f"FAULT {index}{_nth(strike)}: {kind} {directory.name_of_node(target)} {detail}".rstrip()
        case FaultEnded(index=index, kind=kind, target=target):
            return f"FAULT {index} IS OVER: {kind} {target}"
        case FaultMissed(index=index, kind=kind, target=target, why=why, strike=strike):
            return f"FAULT {index}{_nth(strike)} MISSED: {kind} {target}: {why}"
        case RunStarted(scenario=scenario, seed=seed):
            return f"run of {scenario} starts, seed {seed}"
        case RunEnded(why=why, alive=alive):
            return f"run ends ({why}), alive: {', '.join(map(directory.name_of_node, alive)) or 'nobody'}"
        case _:
            raise AssertionError(f"no words for {type(what).__name__}")


def _nth(strike: int | UnsetType) -> str:
    return "" if strike is UNSET else f" (strike {strike})"


def _envelope(envelope: Envelope, directory: Directory) -> str:
    sender, dest = directory.name_of_actor(envelope.sender), directory.name_of_actor(envelope.dest)
    return f"{sender} -> {dest}: {message_words(envelope.message)}"


def _proc(record: Record, name: Name, directory: Directory) -> str:
    """A proc as the host of this record knows it."""
    return directory.name_of_proc(proc_id(address_of_node(record.node), name))


def _ended(signal: int | None) -> str:
    return "was" if signal is not None else "has"


# --- selecting ---------------------------------------------------------------------------------------------


def story(records: Sequence[Record], seq: int) -> list[Record]:
    """The record with this number and what led to it, oldest first: its cause, that one's cause, and so on.

    Raises:
        KeyError: no record has this number.
    """
    by_seq = _indexed(records)
    chain = [by_seq(seq)]
    while chain[-1].cause >= 0:
        chain.append(by_seq(chain[-1].cause))
    return chain[::-1]


def _indexed(records: Sequence[Record]) -> Callable[[int], Record]:
    """Records by number; the position is the number in a whole trace, and is looked for in a part of one."""
    if records and records[-1].seq - records[0].seq == len(records) - 1:
        first = records[0].seq

        def by_position(seq: int) -> Record:
            if not first <= seq <= records[-1].seq:
                raise KeyError(seq)
            return records[seq - first]

        return by_position
    return {record.seq: record for record in records}.__getitem__


def selected(
    records: Iterable[Record],
    directory: Directory,
    *,
    node: str | None = None,
    actor: str | None = None,
    types: frozenset[str] = frozenset(),
    start_ns: int | None = None,
    end_ns: int | None = None,
    text: str | None = None,
) -> Iterator[Record]:
    """Records that pass every filter given.

    Args:
        records: in order of time.
        directory: knows the names that filters use.
        node: name of a host, client or proc, or of an actor for the node it lives in.
        actor: name of an actor; records whose line mentions it pass.
        types: tags of record bodies (`heard`) and of messages (`get_state`).
        start_ns: first virtual time that passes.
        end_ns: last virtual time that passes.
        text: part of the line, in upper or lower case.
    """
    wanted_node = None if node is None else directory.node(node) or Node(node)
    wanted_actor = None if actor is None else directory.actor(actor) or ActorId(actor)
    name = None if wanted_actor is None else directory.name_of_actor(wanted_actor)
    mention = None if name is None else re.compile(rf"(?<![\w.\]]){re.escape(name)}(?![\w.\[])")
    for record in records:
        if (start_ns is not None and record.at < start_ns) or (end_ns is not None and record.at > end_ns):
            continue
        if wanted_node is not None and record.node != wanted_node:
            continue
        if types and types.isdisjoint(tags_of(record)):
            continue
        if mention is not None and mention.search(describe(record, directory)) is None:
            continue
        if text is not None and text.casefold() not in describe(record, directory).casefold():
            continue
        yield record


def tags_of(record: Record) -> list[str]:
    """The tag of a record's body and, if it is about a message, of the message."""
    what = record.what
    tags = [tag_of(what)]
    envelope = what if isinstance(what, Envelope) else getattr(what, "envelope", None)
    if isinstance(envelope, Envelope):
        tags.append(tag_of(envelope.message))
    return tags
