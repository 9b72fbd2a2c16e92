"""What a run tells when the clock is left out: who was told what and why, what became of everybody, in parts.

A part is about one listener, one process, one actor, one controller or one operation; its lines are in the order in
which they happened, which is an order of causes. Between two parts there is no order but that of the causes that the
lines name. So things that nothing connects may come in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, address_of_node, proc_id
from meshsim.model.notes import (
    ActorStatusChanged,
    AllocEventSeen,
    EventRecorded,
    Heard,
    MarkRejected,
    MeshSpawned,
    MonitoringEnded,
    OperationEnded,
    OperationStarted,
    OrphanStopped,
    PollEnded,
    ProcStatusChanged,
    ReferenceMade,
    SubscriberRemoved,
)
from meshsim.oracle.equivalence.measured import measured
from meshsim.oracle.equivalence.past import Past, without_which
from meshsim.oracle.verdict import Verdict
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultEnded,
    FaultMissed,
    FaultStruck,
    ProcessContinued,
    ProcessDied,
    ProcessNotStarted,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
    Record,
    RunEnded,
)

#: How the parts begin that say what the judge found.
VERDICT = "verdict"


class Line(msgspec.Struct, frozen=True):
    """One thing that a part says."""

    text: str
    #: When it was recorded, virtual nanoseconds; no line is compared by it.
    at: int = 0
    #: Times in its text, nanoseconds.
    times: tuple[int, ...] = ()


class Account(msgspec.Struct, frozen=True):
    """Lines by part."""

    parts: dict[str, tuple[Line, ...]]

    def texts(self, part: str) -> tuple[str, ...]:
        return tuple(line.text for line in self.parts.get(part, ()))


def account_of(records: Sequence[Record], verdict: Verdict) -> Account:
    """What a whole trace tells; `verdict` is the judge's own, whatever was late."""
    teller = _Teller(records)
    for record in records:
        tell = teller.handlers.get(type(record.what))
        if tell is not None:
            tell(record)
    teller.verdict(verdict)
    return Account({part: tuple(lines) for part, lines in sorted(teller.parts.items())})


class _Teller:
    def __init__(self, records: Sequence[Record]) -> None:
        self.parts: dict[str, list[Line]] = {}
        self._directory = Directory.of(records)
        self._past = Past(records, self._directory)
        self.handlers: dict[type, Callable[[Record], None]] = {
            Heard: self._heard,
            EventRecorded: self._event_recorded,
            OrphanStopped: self._orphan_stopped,
            ActorStatusChanged: self._actor_status,
            ProcStatusChanged: self._proc_status,
            MarkRejected: self._mark_rejected,
            ProcessStarted: self._process,
            ProcessNotStarted: self._not_started,
            ProcessSignalled: self._process,
            ProcessStopped: self._process,
            ProcessContinued: self._process,
            ProcessDied: self._process,
            ProcessReaped: self._process,
            PollEnded: self._poll_ended,
            MonitoringEnded: self._monitoring_ended,
            SubscriberRemoved: self._subscriber_removed,
            MeshSpawned: self._mesh_spawned,
            ReferenceMade: self._reference_made,
            AllocEventSeen: self._alloc_event,
            OperationStarted: self._operation_started,
            OperationEnded: self._operation_ended,
            FaultStruck: self._fault,
            FaultMissed: self._fault,
            FaultEnded: self._fault,
            RunEnded: self._run_ended,
        }

    def _say(self, part: str, record: Record, text: str) -> None:
        template, times = measured(self._directory.shortened(text))
        self.parts.setdefault(part, []).append(Line(template, record.at, times))

    def _say_once(self, part: str, record: Record, text: str) -> None:
        """As `_say`, but for what was said just before."""
        lines = self.parts.get(part)
        if not lines or lines[-1].text != text:
            self._say(part, record, text)

    def _name(self, actor: ActorId) -> str:
        return self._directory.name_of_actor(actor)

    def _because(self, record: Record) -> str:
        faults = ", ".join(map(str, self._past.faults(record)))
        return f"{self._past.chain(record)}; {f'after fault {faults}' if faults else 'after no fault'}"

    # --- notices ---------------------------------------------------------------------------------------------

    def _heard(self, record: Record) -> None:
        heard = record.what
        assert isinstance(heard, Heard)
        about = heard.ref or heard.mesh or self._name(heard.actor)
        rank = "" if heard.rank is None else f"rank {heard.rank} "
        part = f"{self._name(heard.listener)} hears of {about} as {heard.role}"
        self._say(part, record, f"{rank}{heard.status}: {heard.text} ({self._because(record)})")

    def _event_recorded(self, record: Record) -> None:
        event = record.what
        assert isinstance(event, EventRecorded)
        part = f"{self._name(event.agent)} records of {self._name(event.actor)}"
        self._say(part, record, f"{event.text} ({self._because(record)})")

    def _orphan_stopped(self, record: Record) -> None:
        orphan = record.what
        assert isinstance(orphan, OrphanStopped)
        self._say(f"actor {self._name(orphan.actor)}", record, f"stopped as an orphan ({self._because(record)})")

    # --- actors and processes --------------------------------------------------------------------------------

    def _actor_status(self, record: Record) -> None:
        status = record.what
        assert isinstance(status, ActorStatusChanged)
        self._say(f"actor {self._name(status.actor)}", record, status.text)

    def _proc_status(self, record: Record) -> None:
        status = record.what
        assert isinstance(status, ProcStatusChanged)
        self._say(self._proc(record, status.name), record, f"{status.before} -> {status.text}")

    def _mark_rejected(self, record: Record) -> None:
        rejected = record.what
        assert isinstance(rejected, MarkRejected)
        self._say(self._proc(record, rejected.name), record, f"stays {rejected.phase}: {rejected.mark} rejected")

    def _proc(self, record: Record, name: str) -> str:
        return f"proc {self._directory.name_of_proc(proc_id(address_of_node(record.node), name))}"

    def _process(self, record: Record) -> None:
        match record.what:
            case ProcessStarted(kind=kind, parent=parent):
                text = f"started as {kind} by {self._node(parent) if parent else 'nobody'}"
            case ProcessSignalled(signal=signal, by=by):
                text = f"signal {signal} from {self._node(by) if by else 'outside'}"
            case ProcessDied(why=why):
                text = f"died: {why}"
            case ProcessReaped(by=by, status=status):
                text = f"waited for by {self._node(by) if by else 'the subreaper'}: {_ended(status)}"
            case what:
                text = type(what).__name__
        self._say(f"process {self._node(record.node)}", record, text)

    def _not_started(self, record: Record) -> None:
        refused = record.what
        assert isinstance(refused, ProcessNotStarted)
        self._say(self._proc(record, refused.name), record, f"no process: {refused.error}")

    def _node(self, node: str) -> str:
        return self._directory.name_of_node(node)

    # --- controllers and meshes ------------------------------------------------------------------------------

    def _poll_ended(self, record: Record) -> None:
        poll = record.what
        assert isinstance(poll, PollEnded)
        text = f"polls: {poll.outcome}{'' if poll.monitoring else ', the last one'}"
        self._say_once(f"controller {self._name(poll.controller)}", record, text)

    def _monitoring_ended(self, record: Record) -> None:
        ended = record.what
        assert isinstance(ended, MonitoringEnded)
        self._say(f"controller {self._name(ended.controller)}", record, f"ends monitoring: {ended.why}")

    def _subscriber_removed(self, record: Record) -> None:
        removed = record.what
        assert isinstance(removed, SubscriberRemoved)
        self._say(
            f"controller {self._name(removed.controller)} forgets {self._name(removed.subscriber)}", record, "forgotten"
        )

    def _mesh_spawned(self, record: Record) -> None:
        mesh = record.what
        assert isinstance(mesh, MeshSpawned)
        members = ", ".join(mesh.members)
        self._say(f"{mesh.kind} {mesh.label} of {self._name(mesh.by)}", record, f"{mesh.extent}: {members}")

    def _reference_made(self, record: Record) -> None:
        made = record.what
        assert isinstance(made, ReferenceMade)
        part = f"reference {made.label} of {self._name(made.by)}"
        self._say(part, record, f"to {made.mesh} at {made.region}")

    def _alloc_event(self, record: Record) -> None:
        seen = record.what
        assert isinstance(seen, AllocEventSeen)
        about, _, what = self._directory.shortened(seen.text).partition(": ")
        self._say(f"alloc {seen.label}, {measured(about)[0]}", record, what)

    # --- the scenario ----------------------------------------------------------------------------------------

    def _operation_started(self, record: Record) -> None:
        started = record.what
        assert isinstance(started, OperationStarted)
        self._say(self._operation(started), record, f"begins {started.operation}")

    def _operation_ended(self, record: Record) -> None:
        ended = record.what
        assert isinstance(ended, OperationEnded)
        how = f"ok {ended.result}" if ended.error is None else f"error {ended.error}"
        self._say(self._operation(ended), record, f"ends {ended.operation}: {how}")

    def _operation(self, what: OperationStarted | OperationEnded) -> str:
        return f"operation {what.index} of {self._name(what.by)}"

    def _fault(self, record: Record) -> None:
        match record.what:
            case FaultStruck(index=index, kind=kind, target=target, detail=detail):
                text = f"{kind} {self._node(target)} {detail}"
            case FaultMissed(index=index, kind=kind, target=target, why=why):
                text = f"{kind} {self._node(target)} missed: {why}"
            case FaultEnded(index=index, kind=kind, target=target):
                text = f"{kind} {self._node(target)} is over"
            case what:
                raise AssertionError(f"{what!r} is no fault")
        self._say(f"fault {index}", record, text.rstrip())

    def _run_ended(self, record: Record) -> None:
        ended = record.what
        assert isinstance(ended, RunEnded)
        self._say("run", record, f"ends: {ended.why}, alive: {', '.join(sorted(map(self._node, ended.alive)))}")

    def verdict(self, verdict: Verdict) -> None:
        """What the judge found: a part for each invariant and expectation, and kind of subject."""
        for found, known in ((verdict.violations, ""), (verdict.known, "known: ")):
            for each in found:
                part = f"{VERDICT}: {known}{each.invariant} {without_which(each.subject)}".rstrip()
                self.parts[part] = [Line("found")]
        if verdict.outcome == "inconclusive":
            self.parts[VERDICT] = [Line(f"inconclusive: {measured(self._directory.shortened(verdict.reason))[0]}")]


def _ended(status: ExitStatus) -> str:
    return str(status)
