"""How things are when the run ends."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Node, address_of, proc_name_of
from meshsim.oracle.evidence import Evidence
from meshsim.oracle.expectations import Final, NothingLeft
from meshsim.oracle.expecting.problems import Judged, Problem
from meshsim.oracle.expecting.texts import is_asked, text_fits, text_problem

_TERMINAL = ("stopped", "failed")


def judge_final(expectation: Final, evidence: Evidence) -> Judged:
    """Each key that is given holds when the run ends.

    `actor`: the last status of the actor (a host or a proc stands for its agent). When its process is gone it is
    `dead`; one that had ended before is what it was, and dead. `proc`: the phase that the host's process manager
    gave last. `process`: the OS process. `text`: of the status text of `proc` if that is asked for, else of the actor.
    `controller`: of a mesh; `dead` when it has ended or its process is gone, else `done` when it stopped watching for
    good. `health`: `failed` when the last that `by` heard of the mesh was a failure. `subscription`: what `by` did
    about the mesh last, or `removed` when its controller forgot it since.
    """
    target = expectation.target
    problems = [
        Problem(
            target, f"{what} {target} is {' and '.join(seen) if seen else 'unknown'}, expected {expected}", seqs, True
        )
        for what, expected, (seen, seqs) in _states(expectation, evidence)
        if expected not in seen
    ]
    asked = (expectation.text, expectation.text_is, expectation.text_matches)
    if is_asked(*asked):
        text = _status_text(expectation, evidence)
        if text is None or not text_fits((text,), *asked):
            shown = "has no status" if text is None else f"has the status {text!r}"
            problems.append(Problem(target, f"{target} {shown}, expected {text_problem(*asked)}", is_missing=True))
    return Judged(target, problems)


#: What something is, in all words that fit it, and the records that say so.
_Seen = tuple[list[str], tuple[int, ...]]


def _states(expectation: Final, evidence: Evidence) -> Iterator[tuple[str, str, _Seen]]:
    """What is asked for: its name, what is expected, and what was seen."""
    if expectation.actor is not None:
        yield "actor", expectation.actor, (_actor_states(expectation, evidence), ())
    if expectation.proc is not None:
        yield "proc", expectation.proc, (_proc_phases(expectation, evidence), ())
    if expectation.process is not None:
        yield "process", expectation.process, (_process_states(expectation, evidence), ())
    if expectation.controller is not UNSET:
        yield "controller of", expectation.controller, _controller_state(expectation.target, evidence)
    if expectation.health is not UNSET:
        yield f"to {expectation.by} the health of", expectation.health, _health(expectation, evidence)
    if expectation.subscription is not UNSET:
        yield f"subscription of {expectation.by} to", expectation.subscription, _subscription(expectation, evidence)


# --- actors and processes -------------------------------------------------------------------------------------


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


# --- meshes ---------------------------------------------------------------------------------------------------


def _controller_state(mesh: str, evidence: Evidence) -> _Seen:
    controller = evidence.world.directory.controller(mesh)
    if controller is None:
        return [], ()
    if evidence.world.ended_at(controller) is not None:
        return ["dead"], ()
    record = evidence.unwatched.get(controller)
    return (["watching"], ()) if record is None else (["done"], (record.seq,))


def _health(expectation: Final, evidence: Evidence) -> _Seen:
    listener = evidence.world.directory.actor(str(expectation.by))
    if listener is None or evidence.world.directory.mesh(_mesh_of(expectation.target, evidence)) is None:
        return [], ()
    of = [
        (record, heard)
        for record, heard in evidence.heard
        if heard.listener == listener and expectation.target in (heard.ref, heard.mesh)
    ]
    if not of:
        return ["healthy"], ()
    record, last = of[-1]
    return ["healthy" if last.status == "Recovered" else "failed"], (record.seq,)


def _subscription(expectation: Final, evidence: Evidence) -> _Seen:
    directory = evidence.world.directory
    listener, mesh = directory.actor(str(expectation.by)), _mesh_of(expectation.target, evidence)
    if listener is None or directory.mesh(mesh) is None:
        return [], ()
    last = evidence.subscriptions.get((listener, expectation.target))
    controller = directory.controller(mesh)
    removed = None if controller is None else evidence.removed.get((controller, listener))
    if last is None:
        return ["none"], ()
    record, state = last
    if removed is not None and removed.seq > record.seq:
        return ["removed"], (removed.seq,)
    return [state], (record.seq,)


def _mesh_of(name: str, evidence: Evidence) -> str:
    """The mesh that a name stands for: a reference for the one it was made from."""
    return evidence.references.get(name, name)


# --- what is left ---------------------------------------------------------------------------------------------


def judge_nothing_left(expectation: NothingLeft, evidence: Evidence) -> Judged:
    """No process of the targets was alive when the run ended; a mesh stands for the processes of all its ranks.

    Without targets: no host and no proc. Clients may stay. A host stands for its own process, not for its procs.
    """
    if evidence.end is None:
        why = "the trace has no end, so nobody knows what was left"
        return Judged("run", [Problem("run", why, is_missing=True, is_void=True)])
    record, end = evidence.end
    directory = evidence.world.directory
    if expectation.targets:
        nodes = {node for target in expectation.targets for node in _nodes_of(target, evidence)}
        left = [node for node in end.alive if node in nodes]
    else:
        left = [node for node in end.alive if directory.kinds.get(Node(node)) != "client"]
    problems = [
        Problem(name, f"the process of {name} was alive at the end, expected it to be gone", (record.seq,), True)
        for name in map(directory.name_of_node, left)
    ]
    return Judged("run", problems, (record.seq,))


def _nodes_of(target: str, evidence: Evidence) -> list[Node]:
    directory = evidence.world.directory
    mesh = directory.mesh(target)
    targets = [target] if mesh is None else [f"{target}[{rank}]" for rank in range(len(mesh.members))]
    return [node for node in map(directory.node, targets) if node is not None]
