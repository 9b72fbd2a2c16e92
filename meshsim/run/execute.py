"""Carry out a plan on a backend and judge what happened."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from collections.abc import Sequence
from contextlib import closing
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
from msgspec import UNSET

from meshsim.drive.backend import Backend, BackendError, NodeRaisedError
from meshsim.drive.timing import Timing
from meshsim.model.quirks import DEFAULT_PROFILE
from meshsim.oracle.judge import judge
from meshsim.oracle.verdict import CODE_RETURNS, Verdict, Violation
from meshsim.run.brief import brief_of
from meshsim.run.likeness import Likeness, Reference
from meshsim.run.limits import LimitedBackend, Limits
from meshsim.run.pace import Pace, believed, with_bring_up
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan
from meshsim.trace.compare import first_divergence
from meshsim.trace.digest import digest
from meshsim.trace.directory import Directory
from meshsim.trace.records import ProcessStarted, Record, RunEnded
from meshsim.trace.story import render

if TYPE_CHECKING:
    from meshsim.drive.conductor import Conductor
    from meshsim.model.boot import Program

#: Id under which a difference between the backends is reported, beside the ids of invariants.
BACKENDS_AGREE = "backends-agree"

#: A node in `lockstep` may take so long for a step, whatever the limit of wall time. Seconds. Source: chosen here.
_ANSWER_MIN_S = 1.0


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of one plan on one backend."""

    plan: Plan
    backend: str
    records: list[Record]
    #: Digest of the records; of an unfinished run when the verdict is inconclusive.
    digest: str
    verdict: Verdict
    virtual_ns: int
    #: Wall time, start of the first process to end of the last included, judging not. Seconds.
    wall_s: float
    #: What each process wrote to standard output and standard error.
    stderr: dict[str, bytes]
    #: What was done to processes, with pids and wall times: JSON lines. Empty in simulation.
    diary: bytes = b""
    #: `live`: how late things were, and what each node took when.
    timing: Timing | None = None
    #: `live`, when it came to its end: how it compares with what the plan may come to. Not kept on disk.
    likeness: Likeness | None = None

    @property
    def wall_text(self) -> str:
        """The wall time as tables show it: `12ms`, `1.50s`."""
        return f"{self.wall_s:.2f}s" if self.wall_s >= 1 else f"{self.wall_s * 1000:.0f}ms"


@runtime_checkable
class _KeepsDiary(Protocol):
    """A backend that can say what it did to processes."""

    def diary(self) -> bytes: ...


def run_plan(
    plan: Plan,
    backend: str,
    *,
    limits: Limits | None = None,
    pace: Pace | None = None,
    reference: Reference | None = None,
) -> RunResult:
    """Run a plan on `sim`, `lockstep` or `live` and judge it. `pace` and `reference` are for `live` alone: how fast it
    goes, and what is known of the plan from runs before.

    A machine that cannot do what the plan asks, or a run over a limit, makes the verdict inconclusive; code of a node
    that raises makes it violated. When this returns or raises (Ctrl-C included) no process of the
    run is left.
    """
    from meshsim.run.program import program_of

    pace = pace or Pace()

    started = perf_counter()
    records: list[Record] = []
    stderr: dict[str, bytes] = {}
    diary = b""
    timing: Timing | None = None
    verdict: Verdict | None = None
    try:
        limits = limits or Limits()
        with closing(_backend(backend, program_of(plan), pace, limits)) as worker:
            limited = LimitedBackend(worker, limits)
            conductor = _conductor(plan, worker, limited)
            try:
                with limited.watch(conductor, time_scale=pace.time_scale if backend == "live" else None):
                    conductor.run()
            finally:
                records = conductor.records
                stderr = _outputs(worker, records)
                diary = worker.diary() if isinstance(worker, _KeepsDiary) else b""
                timing = conductor.timing()
    except BackendError as error:
        reason = _anonymous(str(error).encode()).decode()
        verdict = given_up(reason, records, is_code=isinstance(error, NodeRaisedError), caught_by=plan.caught_by or ())
    wall_s = perf_counter() - started
    verdict = verdict or judge(brief_of(plan), records)
    likeness: Likeness | None = None
    if timing is not None and records and isinstance(records[-1].what, RunEnded):
        reference = reference or Reference(plan)
        timing = with_bring_up(timing, plan, records, reference.records)
        likeness = reference.likeness(records, verdict, timing)
        verdict = believed(verdict, likeness, timing, plan, pace)
    return RunResult(
        plan=plan,
        backend=backend,
        records=records,
        digest=digest(records),
        verdict=verdict,
        virtual_ns=records[-1].at if records else 0,
        wall_s=wall_s,
        stderr=stderr,
        diary=diary,
        timing=timing,
        likeness=likeness,
    )


def given_up(reason: str, records: list[Record], *, is_code: bool, caught_by: Sequence[str] = ()) -> Verdict:
    """Of a run that broke off. The machine's fault says nothing; code that raises is a finding, on any machine, and
    what a scenario wants that says it must be caught by that alone.
    """
    if not is_code:
        return Verdict(outcome="inconclusive", reason=reason)
    violation = Violation(
        invariant=CODE_RETURNS,
        subject=reason.split(" ", 1)[0],
        message=reason,
        at=records[-1].at,
        records=(records[-1].seq,),
    )
    if tuple(caught_by) == (CODE_RETURNS,):
        return Verdict(outcome="passed", known=(violation,))
    return Verdict(outcome="violated", violations=(violation,), reason=f"{CODE_RETURNS}: {reason}")


def compared(sim: RunResult, lockstep: RunResult) -> RunResult:
    """The lockstep run, violated if its trace is not that of `sim`: the two worlds must agree, record for record."""
    if "inconclusive" in (sim.verdict.outcome, lockstep.verdict.outcome) or sim.digest == lockstep.digest:
        return lockstep
    if _broke_off(sim) and _broke_off(lockstep):
        return lockstep  # At the same step; how much of it is in the trace depends on who takes several at a time.
    divergence = first_divergence(sim.records, lockstep.records)
    assert divergence is not None, "digests differ, so some record does"
    violation = Violation(
        invariant=BACKENDS_AGREE,
        subject=lockstep.plan.scenario,
        message=f"from record {divergence.index} on, sim has {described(divergence.left, sim.records)}, "
        f"lockstep has {described(divergence.right, lockstep.records)}",
        at=next(record.at for record in (divergence.right, divergence.left) if record is not None),
        records=tuple(record.seq for record in divergence.right_story[-1:]),
    )
    verdict = msgspec.structs.replace(
        lockstep.verdict,
        outcome="violated",
        violations=(violation, *lockstep.verdict.violations),
        reason=f"{violation.invariant}: {violation.message}",
    )
    return msgspec.structs.replace(lockstep, verdict=verdict)


def _broke_off(result: RunResult) -> bool:
    found = (*result.verdict.violations, *result.verdict.known)
    return any(violation.invariant == CODE_RETURNS for violation in found)


def described(record: Record | None, records: Sequence[Record]) -> str:
    """A record of a trace as one line in quotes; `ended` for none."""
    return "ended" if record is None else repr(render(record, Directory.of(records)).strip())


def reproduce_line(result: RunResult, backend: str | None = None) -> str:
    """The command that runs this again, from the directory the scenario's path is relative to.

    `backend` replaces the one that the result comes from; a difference between the two needs both.
    """
    if any(violation.invariant == BACKENDS_AGREE for violation in result.verdict.violations):
        backend = "both"
    scale = result.timing.time_scale if result.timing is not None and backend in (None, "live") else 1.0
    return reproduce_command(result.plan, backend or result.backend, scale)


def reproduce_command(plan: Plan, backend: str, time_scale: float = 1.0) -> str:
    """The command that runs a plan."""
    words = ["meshsim", "run", plan.source, "--backend", backend, "--seed", str(plan.seed)]
    if plan.variant:
        words += ["--variant", variant_label(plan.variant)]
    if plan.profile != DEFAULT_PROFILE or plan.replaced_profile is not UNSET:
        words += ["--profile", plan.profile]
    if time_scale != 1:
        words += ["--time-scale", f"{time_scale:g}"]
    return shlex.join(words)


def _backend(name: str, program: Program, pace: Pace, limits: Limits) -> Backend:
    if name == "sim":
        from meshsim.sim import SimBackend

        return SimBackend(program)
    from meshsim.procs.backend import LockstepBackend
    from meshsim.procs.live import LiveBackend

    run_id = f"{os.getpid()}-{secrets.token_hex(4)}"
    if name == "live":
        return LiveBackend(program, run_id=run_id, time_scale=pace.time_scale)
    return LockstepBackend(program, run_id=run_id, answer_s=max(limits.wall_s, _ANSWER_MIN_S))


def _conductor(plan: Plan, worker: Backend, limited: LimitedBackend) -> Conductor:
    """What drives a backend; `worker` is what is limited."""
    from meshsim.drive.conductor import Conductor

    if worker.name == "live":
        from meshsim.procs.live import LiveBackend
        from meshsim.procs.live_conductor import LiveConductor

        assert isinstance(worker, LiveBackend)
        return LiveConductor(plan, limited, worker)
    return Conductor(plan, limited)


def _outputs(backend: Backend, records: list[Record]) -> dict[str, bytes]:
    """What the processes wrote, by node; objects write nothing."""
    stderr_of = getattr(backend, "stderr_of", None)
    if stderr_of is None:
        return {}
    nodes = [record.node for record in records if isinstance(record.what, ProcessStarted)]
    return {node: _anonymous(stderr_of(node)) for node in nodes}


def _anonymous(text: bytes) -> bytes:
    """A text without the places of this machine: what a run leaves behind can be shown to anybody."""
    places = {sys.prefix: "<python>", sys.base_prefix: "<python>", os.getcwd(): ".", os.path.expanduser("~"): "~"}
    for place, name in sorted(places.items(), key=lambda item: -len(item[0])):
        if len(place) > 1:
            text = text.replace(os.fsencode(place), name.encode())
    return text
