"""What an exploration finds: violations told apart by signature, not by count.

One defect shows itself in many ranks, at many times, to many listeners; its signature is the same. It has three parts:
the invariant, the kind of machine that the violation is about, and a pattern of what led to it. The pattern is made of
the violation's own records and of faults that their causes go back to, in coarse words: no names, ranks, times or
counts; an actor that failed or a process that died is not told apart by which fault did it, nor what the owner was told
from what a subscriber was told. Of silence it says what had become of the controller. A fault that has nothing to do
with a violation is not in it, so that it may be dropped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from meshsim.drive.strikes import ENDS
from meshsim.faults.menu import MENU
from meshsim.model.events import TimerFired
from meshsim.model.ids import COMM, PROC_AGENT, ActorId
from meshsim.model.messages import Envelope
from meshsim.model.notes import (
    ActorStatusChanged,
    Heard,
    LocalDelivery,
    MonitoringEnded,
    OperationEnded,
    PollEnded,
    ProcStatusChanged,
)
from meshsim.model.supervision import ActorPhase
from meshsim.model.tags import tag_of
from meshsim.oracle.invariants import INVARIANTS
from meshsim.oracle.verdict import CODE_RETURNS, Verdict, Violation
from meshsim.run.execute import run_plan
from meshsim.scenario.plan import Plan
from meshsim.trace.directory import Directory
from meshsim.trace.records import FaultStruck, ProcessDied, ProcessReaped, Record
from meshsim.trace.story import story

#: What a listener is told, by how the text begins behind `failed: ` or `stopped: `; an actor said all else itself.
_SAID = (
    ("process ", "process ended"),
    ("proc status", "process ended"),
    ("timeout waiting for message", "no answer"),
    ("unable to query", "no answer to a query"),
    ("timed out reaching controller", "controller silent"),
    ("actor status is", "actor status"),
    ("undeliverable message", "message came back"),
    ("mesh stop", "mesh stopped"),
)
#: What a controller does after a poll that ended so, where it does not simply poll on.
_AFTER_POLL = {
    "proc_dead": "controller sees a dead proc",
    "proc_query_error": "controller sees an error",
    "actor_query_error": "controller sees an error",
}
#: Faults that leave no other word of what they did: whom the others struck has failed, died, or is silent.
_UNSEEN = ("a link", "a clock", "a listener", "an alloc")
#: What a strike is on, by its kind in the trace; strikes that end another one are of a kind of their own.
_ON = {tag_of(kind): entry.on for kind, entry in MENU.items()}
_ON |= {name: MENU[kind].on for kind, (name, _) in ENDS.items() if name and name not in _ON}
#: Root actors that every proc of a mesh has.
_OF_EACH_PROC = (PROC_AGENT, COMM)
_RANKED = re.compile(r"\[\d+\]")
_RAISED = re.compile(r"^(?P<error>[A-Za-z_][\w.]*)(?::|$)")
_FRAME = re.compile(r", in (?P<function>\S+)$", re.MULTILINE)


class Signature(msgspec.Struct, frozen=True):
    """What tells one finding from another."""

    #: Id of the invariant, or `code-returns`.
    invariant: str
    #: Which kind of machine it is about, not which one: `controller`, `proc_agent`, `actor`, `client`, …
    machine: str
    #: What led to it: faults and decisive records, in coarse words, each once, in the order of their first.
    cause: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.invariant} of {self.machine}: {', '.join(self.cause) or 'nothing recorded'}"


class Finding(msgspec.Struct, frozen=True):
    """A plan that violates something, and what tells this violation from others."""

    signature: Signature
    plan: Plan
    violation: Violation


def findings_of(plan: Plan, records: Sequence[Record], verdict: Verdict) -> list[Finding]:
    """The findings of one run: the first violation with each signature, in order of time.

    Only what must hold in every run counts, and code that raises. Expectations of the scenario, operations that failed
    and findings that it lists as known are not news.
    """
    found: dict[Signature, Finding] = {}
    directory = Directory.of(records) if verdict.violations else None
    for violation in sorted(verdict.violations, key=lambda each: each.at):
        if violation.invariant not in INVARIANTS and violation.invariant != CODE_RETURNS:
            continue
        assert directory is not None, "made for any violation"
        signature = signature_of(violation, records, directory)
        found.setdefault(signature, Finding(signature, plan, violation))
    return list(found.values())


def signatures_of(plan: Plan) -> frozenset[Signature]:
    """The signatures of everything that the run of a plan finds, in virtual time."""
    result = run_plan(plan, "sim")
    return frozenset(finding.signature for finding in findings_of(plan, result.records, result.verdict))


def signature_of(violation: Violation, records: Sequence[Record], directory: Directory) -> Signature:
    """The signature of one violation in its trace."""
    machine = machine_of(violation.subject, directory)
    if violation.invariant == CODE_RETURNS:
        return Signature(violation.invariant, machine, _raised(violation.message))
    words: dict[str, None] = {}
    for seq in violation.records:
        chain = story(records, seq)
        words |= dict.fromkeys(f"fault of {on}" for on in map(_fault_on, chain) if on in _UNSEEN)
        words[_word(chain)] = None
    if violation.kind == "liveness" and (controller := _controller_of(violation.subject, directory)) is not None:
        words[_come_to(controller, violation.at, records)] = None
    return Signature(violation.invariant, machine, tuple(words))


def machine_of(subject: str, directory: Directory) -> str:
    """The kind of machine that a violation is about, from its subject as people write it."""
    owner, dot, part = subject.rpartition(".")
    if dot:
        node = directory.node(owner)
        if node in directory.hosts and part not in _OF_EACH_PROC and not _RANKED.search(part):
            return "actor"  # Of a mesh that did not come about: a root actor has no number.
        return _RANKED.sub("", part) if owner else part
    name = _RANKED.sub("", subject)
    mesh = directory.meshes.get(name)
    if mesh is not None:
        return "actor" if mesh.kind == "actors" else "proc"
    node = directory.node(subject)
    return "run" if node is None else directory.kinds[node]


def _controller_of(subject: str, directory: Directory) -> ActorId | None:
    """Who watches the mesh whose rank a violation is about."""
    mesh = directory.meshes.get(_RANKED.sub("", subject))
    return None if mesh is None else mesh.controller


def _come_to(controller: ActorId, at: int, records: Sequence[Record]) -> str:
    """What a controller had come to: who is to blame for silence."""
    word = "controller never polled"
    for record in records:
        if record.at > at:
            break
        match record.what:
            case PollEnded(controller=whose, outcome=outcome) if whose == controller:
                word = _AFTER_POLL.get(outcome, "controller polls")
            case ActorStatusChanged(actor=actor, phase=ActorPhase.STOPPED | ActorPhase.FAILED) if actor == controller:
                return "controller ended"
            case _:
                pass
    return word


def _fault_on(record: Record) -> str | None:
    """What a fault strikes, if the record is of one; the second half of one, `power_on`, is no kind of its own."""
    return _ON.get(record.what.kind) if isinstance(record.what, FaultStruck) else None


def _word(chain: Sequence[Record]) -> str:
    """A record, which comes last, in coarse words; the others led to it."""
    what = chain[-1].what
    match what:
        case Envelope(message=message) | LocalDelivery(envelope=Envelope(message=message)):
            return tag_of(message)
        case Heard(role=role, status=status, text=text):
            return f"heard {status}: {'controller silent' if role == 'watchdog' else _said(text)}"
        case ActorStatusChanged(phase=phase, text=text):
            return f"actor {phase.value}: {_said(text)}" if ": " in text else f"actor {phase.value}"
        case ProcStatusChanged(phase=phase):
            return f"proc {phase}"
        case ProcessDied() | ProcessReaped():
            why = next((each.what.why for each in reversed(chain) if isinstance(each.what, ProcessDied)), "")
            return "process died with its parent" if why == "parent_death" else "process died"
        case PollEnded(outcome=outcome):
            return f"poll ended: {outcome}"
        case MonitoringEnded(why=why):
            return f"monitoring ended: {why}"
        case OperationEnded(operation=operation, error=error):
            return f"{operation} {'ended well' if error is None else 'failed'}"
        case TimerFired(key=key):
            return f"timer {key.partition(':')[0]}"
        case FaultStruck(kind=kind):
            return f"fault of {_ON.get(kind, 'a host')}"
        case _:
            return tag_of(what)


def _said(text: str) -> str:
    """What kind of thing a status says."""
    said = text.partition(": ")[2] or text
    return next((word for start, word in _SAID if said.startswith(start)), "an actor's word")


def _raised(message: str) -> tuple[str, ...]:
    """The error and the function that raised it, from what a process said: lines of code move, names stay."""
    error = _RAISED.match(message.rstrip().rpartition("\n")[2])
    frames = _FRAME.findall(message)
    return (*([error["error"]] if error else ["ended"]), *(f"in {function}" for function in frames[-1:]))
