"""Judging what a scenario expects: the exact meaning of each kind of `meshsim.oracle.expectations`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from meshsim.faults.conditions import wanted_words
from meshsim.faults.matching import Matcher
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node, address_of, proc_name_of
from meshsim.model.notes import Heard, OperationEnded, OperationStarted
from meshsim.model.supervision import failure_text
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import (
    Expectation,
    Final,
    Hears,
    NeverHears,
    NothingLeft,
    OperationResult,
    RecordCount,
)
from meshsim.oracle.invariants.hearing import sentence_of
from meshsim.oracle.verdict import Violation
from meshsim.trace.records import Record
from meshsim.units import format_duration

#: Scenario files name operations shortly; the trace has the tags of `meshsim.model.operations`.
_TAGS = {
    "subscribe": "subscribe_to",
    "drop": "drop_ref",
    "cast": "cast_to",
    "count": "count_ranks",
    "query": "query_mesh",
    "end": "end_self",
}
#: Things heard that a message lists before it says "and so on".
_LISTED_MAX = 5
_TERMINAL = ("stopped", "failed")


def unmet(name: str, expectation: Expectation, evidence: Evidence, records: Sequence[Record]) -> list[Violation]:
    """What is wrong with one expectation, under the name `expect[i]`; nothing when it is met."""
    match expectation:
        case Hears():
            found = _hears(expectation, evidence)
        case NeverHears():
            found = _never_hears(expectation, evidence)
        case Final():
            found = _final(expectation, evidence)
        case OperationResult():
            found = _operation(expectation, evidence)
        case NothingLeft():
            found = _nothing_left(expectation, evidence)
        case RecordCount():
            found = _record_count(expectation, evidence, records)
    at = records[-1].at if records else 0
    return [
        Violation(
            invariant=name,
            subject=subject,
            message=message,
            at=at,
            records=seqs,
            kind="liveness" if missing else "safety",
        )
        for subject, message, seqs, missing in found
    ]


#: Subject, message, records, and whether something good is missing (rather than something bad there).
_Found = Iterable[tuple[str, str, tuple[int, ...], bool]]


# --- hearing -----------------------------------------------------------------------------------------------


def _matching(expectation: Hears | NeverHears, evidence: Evidence) -> list[tuple[Record, Heard]]:
    """What the listener heard that has every key which the expectation gives."""
    listener = evidence.world.directory.actor(expectation.listener)
    quirks_off = evidence.world.config.quirks_off
    return [
        (record, heard)
        for record, heard in evidence.heard
        if heard.listener == listener
        and expectation.role in (None, heard.role)
        and expectation.mesh in (None, heard.ref or heard.mesh)
        and expectation.rank in (None, heard.rank)
        and expectation.status in (None, heard.status)
        and (
            expectation.text is None
            or expectation.text in heard.text
            or expectation.text in failure_text(heard.failure, quirks_off)
        )
    ]


def _hears(expectation: Hears, evidence: Evidence) -> _Found:
    """The number of matches in the whole run is `times`, or within the limits; without any of them at least one.

    With `within`, the first match at or after the moment fault `fault` struck comes within that time.
    """
    matches = _matching(expectation, evidence)
    problem = _count_problem(len(matches), expectation.times, expectation.at_least, expectation.at_most)
    if problem:
        heard = f"; it heard: {_all_heard(expectation, evidence)}" if not matches else ""
        message = f"{expectation.listener} heard {_described(expectation)} {problem}{heard}"
        yield expectation.listener, message, _seqs(matches), "at most" not in problem
    elif expectation.within is not None and matches:
        yield from _late(expectation, evidence, matches, expectation.within)


def _late(expectation: Hears, evidence: Evidence, matches: list[tuple[Record, Heard]], within_ns: int) -> _Found:
    struck = evidence.struck.get(expectation.fault)
    if struck is None:
        message = f"fault {expectation.fault}, from which `within` counts, never struck"
        yield expectation.listener, message, (), True
        return
    first = next((record for record, _ in matches if record.seq > struck.seq), None)
    if first is not None and first.at - struck.at <= within_ns:
        return
    when = "never after it" if first is None else f"after {format_duration(first.at - struck.at)}"
    message = (
        f"{expectation.listener} heard {_described(expectation)} {when}, "
        f"expected within {format_duration(within_ns)} of fault {expectation.fault}"
    )
    yield expectation.listener, message, (struck.seq, *_seqs(matches)), True


def _never_hears(expectation: NeverHears, evidence: Evidence) -> _Found:
    matches = _matching(expectation, evidence)
    if matches:
        said = sentence_of(evidence.world, matches[0][1])
        message = (
            f"{expectation.listener} heard {_described(expectation)} {_times(len(matches))}, expected never: {said}"
        )
        yield expectation.listener, message, _seqs(matches), False


def _described(expectation: Hears | NeverHears) -> str:
    """The keys of a hearing in words: `trainer rank 2 Failed "Killed"`, `anything`."""
    words = [] if expectation.mesh is None else [expectation.mesh]
    words += [] if expectation.rank is None else [f"rank {expectation.rank}"]
    words += [] if expectation.status is None else [expectation.status]
    words += [] if expectation.text is None else [f'"{expectation.text}"']
    words += [] if expectation.role is None else [f"as {expectation.role}"]
    return " ".join(words) or "anything"


def _all_heard(expectation: Hears, evidence: Evidence) -> str:
    listener = evidence.world.directory.actor(expectation.listener)
    heard = list(
        dict.fromkeys(sentence_of(evidence.world, heard) for _, heard in evidence.heard if heard.listener == listener)
    )
    if not heard:
        return "nothing"
    more = "; …" if len(heard) > _LISTED_MAX else ""
    return "; ".join(heard[:_LISTED_MAX]) + more


def _seqs(matches: Sequence[tuple[Record, object]]) -> tuple[int, ...]:
    return tuple(record.seq for record, _ in matches)


def _count_problem(count: int, times: int | None, at_least: int | None, at_most: int | None) -> str:
    """`3 times, expected 1`, or nothing when the count is right."""
    if times is None and at_least is None and at_most is None:
        at_least = 1
    if times is not None and count != times:
        return f"{_times(count)}, expected {times}"
    if at_least is not None and count < at_least:
        return f"{_times(count)}, expected at least {at_least}"
    if at_most is not None and count > at_most:
        return f"{_times(count)}, expected at most {at_most}"
    return ""


def _times(count: int) -> str:
    return f"{count} time" if count == 1 else f"{count} times"


# --- final state -------------------------------------------------------------------------------------------


def _final(expectation: Final, evidence: Evidence) -> _Found:
    """Each key that is given holds when the run ends.

    `actor`: the last status of the actor (a host or a proc stands for its agent). When its process is gone it is
    `dead`; one that had ended before is what it was, and dead. `proc`: the phase that the host's process manager
    gave last. `process`: the OS process. `text`: part of the status text of `proc` if that is asked for, else of the
    actor.
    """
    for what, expected, seen in (
        ("actor", expectation.actor, _actor_states(expectation, evidence)),
        ("proc", expectation.proc, _proc_phases(expectation, evidence)),
        ("process", expectation.process, _process_states(expectation, evidence)),
    ):
        if expected is not None and expected not in seen:
            shown = " and ".join(seen) if seen else "unknown"
            yield expectation.target, f"{what} {expectation.target} is {shown}, expected {expected}", (), True
    if expectation.text is not None:
        text = _status_text(expectation, evidence)
        if text is None or expectation.text not in text:
            shown = "has no status" if text is None else f"has the status {text!r}"
            message = f"{expectation.target} {shown}, expected {expectation.text!r} in it"
            yield expectation.target, message, (), True


def _actor_states(expectation: Final, evidence: Evidence) -> list[str]:
    actor = evidence.world.directory.actor(expectation.target)
    facts = None if actor is None else evidence.world.actors.get(actor)
    node = evidence.world.directory.node(expectation.target)
    process = None if node is None else evidence.world.nodes.get(node)
    gone = process is not None and not process.is_alive
    phase = [] if facts is None else [facts.phase.value]
    if not gone:
        return phase
    return [*(state for state in phase if state in _TERMINAL), "dead"]


def _proc_status(expectation: Final, evidence: Evidence) -> tuple[str, str] | None:
    directory = evidence.world.directory
    proc = directory.proc(expectation.target)
    host = None if proc is None else directory.node_of_address(address_of(proc))
    note = None if proc is None or host is None else evidence.world.procs.get((host, proc_name_of(proc)))
    return None if note is None else (note.phase, note.text)


def _proc_phases(expectation: Final, evidence: Evidence) -> list[str]:
    status = _proc_status(expectation, evidence)
    return [] if status is None else [status[0]]


def _process_states(expectation: Final, evidence: Evidence) -> list[str]:
    node = evidence.world.directory.node(expectation.target)
    facts = None if node is None else evidence.world.nodes.get(node)
    if facts is None:
        return []
    if facts.reaped is not None:
        return [_ended(facts.reaped)]
    if not facts.is_alive:
        return ["dead but not waited for"]
    return ["stopped" if facts.is_stalled else "running"]


def _ended(status: ExitStatus) -> str:
    return f"killed {status.signal}" if status.signal is not None else f"exited {status.code}"


def _status_text(expectation: Final, evidence: Evidence) -> str | None:
    if expectation.proc is not None:
        status = _proc_status(expectation, evidence)
        return None if status is None else status[1]
    actor = evidence.world.directory.actor(expectation.target)
    facts = None if actor is None else evidence.world.actors.get(actor)
    return None if facts is None else facts.text


# --- operations --------------------------------------------------------------------------------------------


def _operation(expectation: OperationResult, evidence: Evidence) -> _Found:
    """At least one operation of this kind (and name) went as expected.

    Without `error` it ended well; with it, with an error that contains the text. `within` counts from its own start.
    With `ends = false` it had begun and was still waiting at the end of the run.
    """
    tag = _TAGS.get(expectation.do, expectation.do)
    subject = f"{expectation.do} {expectation.name or ''}".rstrip()
    runs = [
        (record, started)
        for record, started in evidence.operations
        if started.operation == tag and expectation.name in (None, started.label)
    ]
    problems = [_operation_problem(expectation, evidence, record, started) for record, started in runs]
    if not runs:
        yield subject, f"{subject} never began", (), True
    elif all(problems):
        yield subject, f"{subject} {problems[0]}", _seqs(runs), expectation.ends


def _operation_problem(
    expectation: OperationResult, evidence: Evidence, record: Record, started: OperationStarted
) -> str:
    end = evidence.ends.get((started.by, started.index))
    if end is None:
        return "never ended, expected it to end" if expectation.ends else ""
    end_record, ended = end
    if not expectation.ends:
        return f"ended ({_outcome(ended)}), expected it to wait for ever"
    if expectation.error is None and ended.error is not None:
        return f"ended with the error {ended.error!r}, expected it to end well"
    if expectation.error is not None and (ended.error is None or expectation.error not in ended.error):
        return f"ended ({_outcome(ended)}), expected an error with {expectation.error!r} in it"
    if expectation.result is not None and expectation.result not in ended.result:
        return f"returned {ended.result!r}, expected {expectation.result!r} in it"
    took_ns = end_record.at - record.at
    if expectation.within is not None and took_ns > expectation.within:
        return f"took {format_duration(took_ns)}, expected at most {format_duration(expectation.within)}"
    return ""


def _outcome(ended: OperationEnded) -> str:
    return "well" if ended.error is None else f"with the error {ended.error!r}"


# --- processes and records ---------------------------------------------------------------------------------


def _nothing_left(expectation: NothingLeft, evidence: Evidence) -> _Found:
    """No process of the targets was alive when the run ended; a mesh stands for the processes of all its ranks.

    Without targets: no host and no proc. Clients may stay. A host stands for its own process, not for its procs.
    """
    if evidence.end is None:
        yield "run", "the trace has no end, so nobody knows what was left", (), True
        return
    record, end = evidence.end
    directory = evidence.world.directory
    if expectation.targets:
        nodes = {node for target in expectation.targets for node in _nodes_of(target, evidence)}
        left = [node for node in end.alive if node in nodes]
    else:
        left = [node for node in end.alive if directory.kinds.get(Node(node)) != "client"]
    for node in left:
        name = directory.name_of_node(node)
        yield name, f"the process of {name} was alive at the end, expected it to be gone", (record.seq,), True


def _nodes_of(target: str, evidence: Evidence) -> list[Node]:
    directory = evidence.world.directory
    mesh = directory.mesh(target)
    targets = [target] if mesh is None else [f"{target}[{rank}]" for rank in range(len(mesh.members))]
    return [node for node in map(directory.node, targets) if node is not None]


def _record_count(expectation: RecordCount, evidence: Evidence, records: Sequence[Record]) -> _Found:
    """The number of matching records is `times`, or within the limits; without any of them at least one.

    With `after_fault` only records behind the first strike of that fault count.
    """
    subject = expectation.record
    after = -1
    if expectation.after_fault is not None:
        struck = evidence.struck.get(expectation.after_fault)
        if struck is None:
            yield subject, f"fault {expectation.after_fault}, from which records count, never struck", (), True
            return
        after = struck.seq
    matcher = Matcher(expectation.record, expectation.where, evidence.world.directory)
    seqs = tuple(record.seq for record in records if record.seq > after and matcher.matches(record))
    problem = _count_problem(len(seqs), expectation.times, expectation.at_least, expectation.at_most)
    if problem:
        where = ", ".join(f"{key} {wanted_words(value)}" for key, value in expectation.where.items())
        described = f"{subject} ({where})" if where else subject
        yield subject, f"{described} was recorded {problem}", seqs, "at most" not in problem
