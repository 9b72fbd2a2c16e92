"""What one run shows of a kind of fault: when it struck whom, and, on real processes, what the kernel said of it.

The kernel's words come from the diary of the run: what waitid returned, what /proc and the system calls said; and from
what the processes really wrote. The menu has no part in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshsim.faults.kinds import Fault, InitFails
from meshsim.model.ids import Node
from meshsim.model.notes import ActorStatusChanged
from meshsim.model.supervision import ActorPhase
from meshsim.model.tags import tag_of
from meshsim.run import RunResult
from meshsim.trace.directory import Directory
from meshsim.trace.records import (
    FaultStruck,
    ProcessContinued,
    ProcessDied,
    ProcessLeftParent,
    ProcessNotStarted,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
    Record,
)
from meshsim.trace.story import describe

#: Records that say what became of a process.
_OF_PROCESSES = (
    ProcessContinued,
    ProcessDied,
    ProcessLeftParent,
    ProcessNotStarted,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
)


def strikes_of(result: RunResult, kind: type[Fault]) -> list[str]:
    """Whom faults of this kind struck, in the order of the trace: `workers[1] _exit(3)`. Their ends are none."""
    directory, tag = Directory.of(result.records), tag_of(kind)
    return [
        # The number of a fault says nothing apart from its file.
        describe(record, directory).partition(": ")[2].removeprefix(f"{tag} ") or tag
        if isinstance(record.what, FaultStruck)
        else describe(record, directory)
        for record in _strikes(result, kind, directory)
        if not isinstance(record.what, FaultStruck) or record.what.kind == tag
    ]


def kernel_says(result: RunResult, kind: type[Fault]) -> list[str]:
    """What the kernel said of the processes that faults of this kind struck; empty in simulation.

    Each thing once, with the processes it was said of: `waitid: exited with code 3 (workers[1])`.
    """
    directory = Directory.of(result.records)
    said: dict[str, dict[str, None]] = {}
    for node, words in _said(result, *_concerned(result, kind, directory)):
        said.setdefault(words, {})[directory.name_of_node(node)] = None
    return [f"{words} ({', '.join(names)})" for words, names in said.items()]


def _strikes(result: RunResult, kind: type[Fault], directory: Directory) -> Iterator[Record]:
    """Records of the strikes of this kind, and of their ends. A failing init has no record but the actor's own."""
    indices = {index for index, fault in enumerate(result.plan.faults) if type(fault) is kind}
    for record in result.records:
        what = record.what
        if isinstance(what, FaultStruck):
            if what.index in indices:
                yield record
        elif issubclass(kind, InitFails) and isinstance(what, ActorStatusChanged):
            for index in indices:
                fault = result.plan.faults[index]
                assert isinstance(fault, InitFails)
                # By its words: a mesh that was never spawned has no name.
                if what.phase is ActorPhase.FAILED and fault.text in what.text:
                    yield record


def _concerned(result: RunResult, kind: type[Fault], directory: Directory) -> tuple[set[str], set[str]]:
    """The processes that were struck, or lived, stopped or died by it at the same instant; and those begun by it.

    On the wall clock nothing happens at the same instant: there each thing may come as late after what led to it as
    anything in the run was late.
    """
    nodes: set[str] = set()
    begun: set[str] = set()
    #: By number of each record that a strike led to: when it struck.
    led_to: dict[int, int] = {}
    latest = None if result.timing is None else result.timing.latest
    at_once_ns = 0 if latest is None else latest.worst_ns
    strikes = {record.seq for record in _strikes(result, kind, directory)}
    for record in result.records:
        if record.seq in strikes:
            led_to[record.seq] = record.at
            if isinstance(record.what, FaultStruck) and Node(record.what.target) in directory.kinds:
                nodes.add(record.what.target)
        elif record.cause in led_to and record.at - led_to[record.cause] <= at_once_ns:
            led_to[record.seq] = record.at
            if isinstance(record.what, ProcessStarted):
                begun.add(record.node)
            elif isinstance(record.what, _OF_PROCESSES):
                nodes.add(record.node)
    return nodes, begun


def _said(result: RunResult, nodes: set[str], begun: set[str]) -> Iterator[tuple[str, str]]:
    """Node and words, in the order of the diary; of a process of which nothing else was said, that it is there."""
    stopped: set[str] = set()
    quiet: dict[str, None] = {}
    heard: set[str] = set()
    for line in result.diary.splitlines():
        entry: dict[str, Any] = msgspec.json.decode(line)
        node = entry.get("node", "")
        if node in begun and entry["event"] == "started":
            yield node, "fork: a new process"
        if node not in nodes:
            continue
        if words := _words(entry, was_stopped=node in stopped):
            if entry["event"] != "gave up its parent-death signal":  # It has to live on.
                heard.add(node)
            yield node, words
        elif entry["event"] == "seen":
            quiet[node] = None
        if entry["event"] == "seen":
            (stopped.add if entry["state"] == "stopped" else stopped.discard)(node)
    yield from ((node, "/proc: it runs") for node in quiet if node not in heard)
    for node in sorted(nodes & result.stderr.keys()):
        if result.diary and (lines := result.stderr[node].decode(errors="replace").splitlines()):
            yield node, f"stderr: {len(lines)} line{'s' if len(lines) > 1 else ''}, the last {lines[-1]!r}"


def _words(entry: dict[str, Any], *, was_stopped: bool) -> str:
    """What one entry of the diary says; empty when it says nothing that only the kernel can know."""
    match entry["event"], entry:
        case "waited for", {"status": status}:
            return f"waitid: {status}"
        case "seen", {"state": "stopped"}:
            return "/proc: state T"
        case "seen", {"state": "running"} if was_stopped:
            return "/proc: runs again"
        case "limited", {"limit": limit, "found": found}:
            return f"/proc: {limit} {found}"
        case "unlimited", {"limit": limit, "found": found}:
            # How much it is again depends on the machine.
            return f"/proc: {limit} {'still 0' if found == '0' else 'no longer 0'}"
        case "refused a child", {"error": error}:
            return f"start of a child: {error}"
        case "took memory", {"limit": limit, "error": error}:
            return f"malloc under {limit}: {error}"
        case "gave up its parent-death signal", _:
            return "prctl: no parent-death signal"
        case _:
            return ""
