from __future__ import annotations

import functools
import re
from pathlib import Path
from random import Random

import msgspec
import pytest
from small_worlds import at, mesh, run_sim

from meshsim.explore.finding import Finding, Signature, findings_of, machine_of, signature_of
from meshsim.explore.space import Space
from meshsim.faults.kinds import (
    ControllerKill,
    Exit,
    Fault,
    HostCrash,
    KillPid,
    Loss,
    OutOfMemory,
    Raise,
    Shout,
    SigSegv,
    StopItself,
)
from meshsim.oracle.verdict import Verdict, Violation
from meshsim.run import run_plan
from meshsim.run.execute import CODE_RETURNS
from meshsim.scenario.load import discover, load_scenarios
from meshsim.scenario.plan import Plan, plan
from meshsim.trace.directory import Directory
from meshsim.trace.records import FaultStruck, Record

FOLDER = Path(__file__).parents[2] / "scenarios" / "explore"


@functools.cache
def plain() -> Plan:
    (loaded,) = load_scenarios(FOLDER / "plain.toml")
    return plan(loaded, 0)


def findings(*faults: Fault, base: Plan | None = None) -> list[Finding]:
    struck = msgspec.structs.replace(base or plain(), faults=faults)
    result = run_plan(struck, "sim")
    return findings_of(struck, result.records, result.verdict)


def signatures(*faults: Fault) -> set[Signature]:
    return {finding.signature for finding in findings(*faults)}


TWICE = Signature("at-most-once", "client", ("heard Failed: process ended",))


# --- one defect, one signature --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Exit(target="workers[0]", at=at(12), code=3),
        Exit(target="workers[3]", at=at(27.5)),
        OutOfMemory(target="workers[1]", at=at(22)),
        SigSegv(target="trainer[2]", at=at(12)),
        KillPid(target="trainer[2]", at=at(33), signal="SIGTERM"),
        Shout(target="workers[2]", at=at(15), lines=["bye"], exit=9),
    ],
    ids=lambda fault: f"{type(fault).__name__} {fault.target}",
)
def test_a_dead_proc_is_told_again_however_it_died_and_wherever(fault: Fault) -> None:
    """Q18: other ranks, times, kinds of faults, codes, listeners and numbers of times are one finding."""
    assert [signature for signature in signatures(fault) if signature.invariant == "at-most-once"] == [TWICE]


def test_a_fault_that_has_nothing_to_do_with_it_is_not_in_the_signature() -> None:
    """Or it could never be dropped."""
    beside = (Raise(target="trainer[3]", at=at(6)), Loss(target="right", at=at(50)))

    assert TWICE in signatures(*beside, Exit(target="workers[0]", at=at(12)))


def test_a_run_has_each_signature_once_and_in_order_of_time() -> None:
    """Two procs die, three listen: what is told again and again is one finding, at its first time."""
    found = findings(Exit(target="workers[0]", at=at(12)), Exit(target="workers[1]", at=at(14)))

    times = [finding.violation.at for finding in found]
    named = [finding.signature for finding in found]
    assert len(set(named)) == len(named)
    assert times == sorted(times)
    (twice,) = [finding for finding in found if finding.signature == TWICE]
    assert twice.violation.at == min(
        violation.at
        for violation in run_plan(twice.plan, "sim").verdict.violations
        if violation.invariant == "at-most-once"
    )


# --- other defects, other signatures --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "signature"),
    [
        (
            StopItself(target="trainer[1]", at=at(12)),
            Signature("views-agree", "proc_agent", ("actor stopped: an actor's word", "state")),
        ),
        (
            HostCrash(target="host1", at=at(30)),
            Signature("infrastructure-survives", "controller", ("timer proc_idle", "actor failed: message came back")),
        ),
        (
            ControllerKill(target="trainer", at=at(2)),
            Signature("nothing-outlives-its-owner", "actor", ("process died", "controller never polled")),
        ),
        (
            Exit(target="workers[0]", at=at(12)),
            Signature("keepalive-soundness", "actor", ("keepalive_get_state", "orphan_stopped")),
        ),
    ],
    ids=lambda value: value.invariant if isinstance(value, Signature) else value.target,
)
def test_different_defects_have_different_signatures(fault: Fault, signature: Signature) -> None:
    assert signature in signatures(fault)


def test_silence_is_told_apart_by_what_had_become_of_the_controller() -> None:
    """The second failure is hidden by a dead proc (Q19); the dead host has cost the controller its life (Q57)."""
    behind = signatures(Exit(target="workers[0]", at=at(12)), Raise(target="trainer[3]", at=at(24)))
    host = signatures(HostCrash(target="host1", at=at(12)))

    assert {signature.cause for signature in behind if signature.invariant == "completeness"} == {
        ("actor failed: an actor's word", "controller sees a dead proc")
    }
    assert {signature.cause for signature in host if signature.invariant == "completeness"} == {
        ("process died with its parent", "controller ended")
    }


# --- what is in it ---------------------------------------------------------------------------------------------


def test_no_signature_has_a_name_a_rank_or_a_number() -> None:
    """Or the same defect would be another one in the next world."""
    named = re.compile(r"\d|trainer|workers|helper|host[01]|left|right|upper|more")
    found: set[Signature] = set()
    for path in discover([FOLDER]):
        (loaded,) = load_scenarios(path)
        base = plan(loaded, 0)
        space = Space.of(base)
        for number in range(15):
            found |= {finding.signature for finding in findings(*space.draw(Random(number), count=4), base=base)}

    assert len(found) > 10
    assert [str(signature) for signature in found if named.search(str(signature))] == []


def test_the_return_of_a_host_is_a_cause_as_well() -> None:
    """Found by drawing: the record of it has a kind that the menu does not have."""
    record = FaultStruck(0, "power_on", "host1")
    chain = Violation(invariant="kernel-agrees", subject="host1", message="-", at=0, records=(0,))
    directory = Directory.of(run_sim(mesh(hosts=2)).records)
    assert signature_of(chain, [Record(0, 0, "", -1, record)], directory).cause == ("fault of a host",)


def test_subjects_are_folded_to_kinds_of_machines() -> None:
    directory = Directory.of(run_sim(mesh(clients=["observer"])).records)
    subjects = {
        "trainer[1]": "actor",
        "trainer.controller": "controller",
        "workers[1]": "proc",
        "workers[0].proc_agent": "proc_agent",
        "host0": "host",
        "host0/workers_1": "proc",
        "host0.host_agent": "host_agent",
        "workers[1].comm": "comm",
        "workers[1].kid[2]": "kid",
        "workers[1].never_spawned": "actor",
        "host0/workers_1.never_spawned": "actor",
        "observer": "client",
        "?": "run",
    }

    assert {subject: machine_of(subject, directory) for subject in subjects} == subjects


def test_what_is_no_invariant_is_no_finding() -> None:
    """Operations that failed, missed expectations, dead canaries: news for whoever wrote the scenario, if at all."""
    verdict = Verdict(
        outcome="violated",
        violations=tuple(
            Violation(invariant=invariant, subject="trainer[0]", message="-", at=0)
            for invariant in ("expect[0]", "known[1]", "caught_by[0]", "operations")
        ),
        known=(Violation(invariant="at-most-once", subject="client", message="-", at=0),),
    )

    assert findings_of(mesh(), [], verdict) == []


def test_code_that_raises_is_told_apart_by_the_error_and_the_function() -> None:
    """Not by the line, which moves with every change of the code."""
    message = (
        "host0 ended instead of answering a step; it said:\nTraceback (most recent call last):\n"
        '  File "/somewhere/meshsim/model/hosts/host_agent.py", line {line}, in handle\n    self._on_stop(event)\n'
        '  File "/somewhere/meshsim/model/hosts/host_agent.py", line 7, in _on_stop\n    children[name]\n'
        "KeyError: 'workers_0'"
    )
    records = run_sim(mesh(horizon_s=5)).records
    verdicts = [
        Verdict(
            outcome="violated",
            violations=(
                Violation(
                    invariant=CODE_RETURNS, subject="host0", message=message.format(line=line), at=9, records=(1,)
                ),
            ),
        )
        for line in (10, 11)
    ]

    one, other = (findings_of(mesh(), records, verdict) for verdict in verdicts)

    assert [finding.signature for finding in one] == [Signature(CODE_RETURNS, "host", ("KeyError", "in _on_stop"))]
    assert [finding.signature for finding in other] == [finding.signature for finding in one]
