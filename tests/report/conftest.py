"""A small run written by hand: two procs on one host, one killed, one stalled; the client hears of it."""

from __future__ import annotations

import pytest

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, proc_id
from meshsim.model.notes import (
    ActorStatusChanged,
    Heard,
    Heartbeat,
    MeshSpawned,
    OperationEnded,
    OperationStarted,
    OrphanStopped,
    PollEnded,
    PollStarted,
    ProcStatusChanged,
)
from meshsim.model.supervision import ActorPhase, ActorStatus, ActorSupervisionEvent, Generic, MeshFailure
from meshsim.trace.records import (
    NO_CAUSE,
    TRACE_SCHEMA,
    Body,
    FaultMissed,
    FaultStruck,
    ProcessContinued,
    ProcessDied,
    ProcessReaped,
    ProcessSignalled,
    ProcessStarted,
    ProcessStopped,
    Record,
    RunEnded,
    RunStarted,
)
from meshsim.units import MS, S

CLIENT = ActorId("unix:@client,local,client[0]")
CONTROLLER = ActorId("unix:@client,local,controller_trainer-3cccccccccccc[0]")
PROC_NAMES = (Name("workers_0-1aaaaaaaaaaa"), Name("workers_1-1aaaaaaaaaab"))
TRAINERS = tuple(ActorId(f"unix:@host0,{proc},trainer-2bbbbbbbbbbb[0]") for proc in PROC_NAMES)
NODES = ("host0/workers_0", "host0/workers_1")


class Tape:
    """Collects records, numbered as they come."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, at: int, node: str, what: Body, cause: int = NO_CAUSE) -> int:
        self.records.append(Record(seq=len(self.records), at=at, node=node, cause=cause, what=what))
        return len(self.records) - 1

    def in_order(self) -> list[Record]:
        """The records sorted by time and numbered anew, causes with them."""
        ordered = sorted(self.records, key=lambda record: record.at)
        seqs = {record.seq: seq for seq, record in enumerate(ordered)} | {NO_CAUSE: NO_CAUSE}
        return [
            Record(seq=seqs[record.seq], at=record.at, node=record.node, cause=seqs[record.cause], what=record.what)
            for record in ordered
        ]


def bring_up(tape: Tape) -> None:
    tape.add(0, "", RunStarted(TRACE_SCHEMA, "late-exit", 7, "p" * 64))
    tape.add(0, "host0", ProcessStarted("host", "", "", pdeathsig=True))
    tape.add(0, "client", ProcessStarted("client", "", "", pdeathsig=True))
    tape.add(1 * MS, "client", OperationStarted(0, CLIENT, "spawn_procs", "workers"))
    for node, name in zip(NODES, PROC_NAMES, strict=True):
        tape.add(5 * MS, node, ProcessStarted("proc", "host0", name, pdeathsig=True))
        tape.add(5 * MS, "host0", ProcStatusChanged(name, "", "Starting", "Starting"))
        tape.add(100 * MS, "host0", ProcStatusChanged(name, "Running", "Ready", "Ready"))
    procs = tuple(proc_id("unix:@host0", name) for name in PROC_NAMES)
    tape.add(
        101 * MS,
        "client",
        MeshSpawned("procs", "workers", Name("workers"), CLIENT, "{hosts: 1, gpus: 2}", procs, procs),
    )
    for node, actor in zip(NODES, TRAINERS, strict=True):
        tape.add(150 * MS, node, ActorStatusChanged(actor, ActorPhase.INITIALIZING, "initializing"))
        tape.add(152 * MS, node, ActorStatusChanged(actor, ActorPhase.IDLE, "idle"))
    tape.add(160 * MS, "client", ActorStatusChanged(CONTROLLER, ActorPhase.IDLE, "idle"))
    tape.add(
        160 * MS,
        "client",
        MeshSpawned("actors", "trainer", Name("trainer"), CLIENT, "{gpus: 2}", TRAINERS, procs, controller=CONTROLLER),
    )


def failures(tape: Tape) -> None:
    for count in range(1, 10):
        tape.add(count * S, "client", PollStarted(CONTROLLER, "trainer", count))
        tape.add(count * S + 2 * MS, "client", Heartbeat(CLIENT, "trainer"))
    fault = tape.add(2500 * MS, "", FaultStruck(0, "signal", NODES[1], "SIGKILL"))
    tape.add(2500 * MS, NODES[1], ProcessSignalled(9, ""), cause=fault)
    died = tape.add(2500 * MS, NODES[1], ProcessDied("signal"), cause=fault)
    reaped = tape.add(2501 * MS, NODES[1], ProcessReaped("host0", ExitStatus(signal=9)), cause=died)
    tape.add(2501 * MS, "host0", ProcStatusChanged(PROC_NAMES[1], "Ready", "Killed", "Killed(sig=9)"), cause=reaped)
    text = "failed: process failure: Killed(sig=9)"
    status = ActorStatus(ActorPhase.FAILED, error=Generic("process failure: Killed(sig=9)"))
    event = ActorSupervisionEvent(TRAINERS[1], None, 3 * S, status)
    tape.add(3004 * MS, "client", PollEnded(CONTROLLER, "trainer", 3, "changed", monitoring=True))
    tape.add(
        3004 * MS,
        "client",
        Heard(CLIENT, "owner", "trainer", 1, "Failed", text, TRAINERS[1], MeshFailure("trainer", 1, event)),
    )
    fault = tape.add(5 * S, "", FaultStruck(1, "stall", NODES[0]))
    tape.add(5 * S, NODES[0], ProcessStopped(), cause=fault)
    tape.add(7 * S, NODES[0], ProcessContinued())
    tape.add(8 * S, NODES[0], OrphanStopped(TRAINERS[0], 7 * S))
    tape.add(8 * S, NODES[0], ActorStatusChanged(TRAINERS[0], ActorPhase.STOPPING, "stopping"))
    tape.add(8100 * MS, NODES[0], ActorStatusChanged(TRAINERS[0], ActorPhase.STOPPED, "stopped: orphaned"))
    tape.add(9 * S, "", FaultMissed(2, "exit", NODES[1], "its process is gone"))
    tape.add(9 * S, "client", OperationEnded(3, CLIENT, "query", "trainer", "no answer"))


def sample_records() -> list[Record]:
    tape = Tape()
    bring_up(tape)
    failures(tape)
    tape.add(10 * S, "", RunEnded("horizon", ("host0", "client", NODES[0])))
    return tape.in_order()


@pytest.fixture
def records() -> list[Record]:
    return sample_records()


@pytest.fixture
def crowd() -> list[Record]:
    """A hundred procs on one host; the one with rank 7 ends with code 1."""
    names = [Name(f"workers_{rank}-1aaaaaaaaaaa") for rank in range(100)]
    tape = Tape()
    tape.add(0, "host0", ProcessStarted("host", "", "", pdeathsig=True))
    for rank, name in enumerate(names):
        tape.add(0, f"host0/workers_{rank}", ProcessStarted("proc", "host0", name, pdeathsig=True))
        tape.add(1 * MS, "host0", ProcStatusChanged(name, "Running", "Ready", "Ready"))
    procs = tuple(proc_id("unix:@host0", name) for name in names)
    tape.add(2 * MS, "", MeshSpawned("procs", "workers", Name("workers"), CLIENT, "{gpus: 100}", procs, procs))
    tape.add(5 * S, "host0/workers_7", ProcessDied("exit"))
    tape.add(5 * S, "host0/workers_7", ProcessReaped("host0", ExitStatus(code=1)))
    tape.add(10 * S, "", RunEnded("horizon", ()))
    return tape.in_order()
