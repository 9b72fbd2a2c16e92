"""Targets with braces: what the record has there, as people call it."""

import pytest

from meshsim.faults.placeholders import PlaceholderError, filled, paths_of
from meshsim.model.ids import ActorId, Name, Node, address_of_node, proc_id
from meshsim.model.notes import Heard, MeshSpawned, ProcStatusChanged
from meshsim.model.supervision import ActorPhase, ActorStatus, ActorSupervisionEvent, MeshFailure
from meshsim.trace.directory import Directory
from meshsim.trace.records import Body, FaultStruck, ProcessStarted, Record

WORKER = Name("workers_0-1aaaaaaaaaaa")
PROC = proc_id(address_of_node("host0"), WORKER)
TRAINER = ActorId(f"{PROC},trainer-2bbbbbbbbbbb[0]")
CLIENT = ActorId("unix:@client,local,client[0]")
STATUS = ActorStatus(ActorPhase.FAILED)


def record(what: Body, node: str = "host0") -> Record:
    return Record(seq=1, at=0, node=Node(node), cause=-1, what=what)


def heard(rank: int | None) -> Heard:
    failure = MeshFailure("trainer", rank, ActorSupervisionEvent(TRAINER, None, 0, STATUS))
    return Heard(CLIENT, "owner", "trainer", rank, "Failed", "failed: x", TRAINER, failure)


@pytest.fixture
def directory() -> Directory:
    started = [("host", "host0", "", ""), ("client", "client", "", ""), ("proc", "host0/workers_0", "host0", WORKER)]
    extent = "{}"
    return Directory.of(
        [
            *(record(ProcessStarted(kind, parent, name, True), node) for kind, node, parent, name in started),
            record(MeshSpawned("procs", "workers", Name("workers-3ccccccccccc"), CLIENT, extent, (PROC,), (PROC,))),
            record(MeshSpawned("actors", "trainer", Name("trainer-2bbbbbbbbbbb"), CLIENT, extent, (TRAINER,), (PROC,))),
        ]
    )


@pytest.mark.parametrize(
    ("target", "what", "node", "name"),
    [
        ("trainer[{rank}]", heard(0), "client", "trainer[0]"),
        ("{mesh}[{rank}]", heard(7), "client", "trainer[7]"),
        ("{listener}", heard(0), "client", "client"),
        ("{actor}", heard(0), "client", "trainer[0]"),
        ("{failure.event.actor_id}", heard(0), "client", "trainer[0]"),
        ("{node}", heard(0), "host0/workers_0", "workers[0]"),
        ("{node}", heard(0), "host0", "host0"),
        ("{name}", ProcStatusChanged(WORKER, "Ready", "Killed", "Killed(sig=9)"), "host0", "workers[0]"),
        ("{target}", FaultStruck(0, "exit", "host0/workers_0"), "", "workers[0]"),
        ("{target}", FaultStruck(0, "raise", TRAINER), "", "trainer[0]"),
        ("workers[0]", heard(0), "client", "workers[0]"),
    ],
)
def test_braces_become_names(target: str, what: Body, node: str, name: str, directory: Directory) -> None:
    """Ids of actors, procs and processes, ranks and labels."""
    assert filled(target, record(what, node), directory) == name


@pytest.mark.parametrize(("path", "what"), [("rank", heard(None)), ("node", heard(0)), ("ref", heard(0))])
def test_nothing_stands_for_nothing(path: str, what: Body, directory: Directory) -> None:
    """No rank, no process, no name: nobody can be struck."""
    with pytest.raises(PlaceholderError, match=f"the record that triggers it has no {path}"):
        filled(f"{{{path}}}", record(what, ""), directory)


def test_paths_are_found_in_their_order() -> None:
    """What a scenario is checked for."""
    assert paths_of("{mesh}[{failure.rank}]") == ["mesh", "failure.rank"]
    assert paths_of("trainer[1]") == []
