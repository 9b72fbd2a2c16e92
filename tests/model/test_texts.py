"""Every message text of both documents: produced here, held by a golden test that the index names, or not produced.

`TEXTS`: texts that no other test holds, with what produces them. texts.toml: the index of all others with the test file
that holds each to the letter, and the texts that the model never says, and why. A reader who looks for a text of
supervision.md or mesh_model.md finds it in one of the three.

The worked examples of mesh_model.md, appendix B, are held by

    B.1  shapes/test_region.py (regions, remap, errors), shapes/test_slice.py (validity), shapes/test_value_mesh.py
    B.2  shapes/test_runs.py, shapes/test_value_mesh.py
    B.3  clients/test_waits.py (snapshots), and its two errors here
    B.4  messaging/test_cast_tree.py (forwards, deliveries, replies expected, dead nodes), messaging/test_comm.py
    B.5  messaging/test_comm.py
    B.6  messaging/test_split_port.py (deadlines and what is forwarded)
    B.7  shapes/test_extent.py (display names), test_supervision.py, actors/test_python_actors.py
    B.8  test_ids.py
"""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest
from machines import CLIENT, CONFIG, agent, event_of, overlay, proc_mesh

import meshsim.model
from meshsim.model.actors.registry import default_program
from meshsim.model.alloc.initialize import ZERO_RANKS
from meshsim.model.boot import NodeBoot
from meshsim.model.clients.calls import actor_error, endpoint_failed
from meshsim.model.clients.spawn_actors import SpawnActorsRun
from meshsim.model.events import Started, TimerFired
from meshsim.model.hosts import process
from meshsim.model.ids import ActorId, Name, NameSource, Node, PortRef
from meshsim.model.messages import Envelope, Work
from meshsim.model.messaging.channel import closed_error
from meshsim.model.messaging.undeliverable import RETURNED, monitored_text, port_id
from meshsim.model.notes import Warned
from meshsim.model.operations import SpawnActors
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.shapes.extent import Extent, ranked_display_name
from meshsim.model.status import RUNNING, failed, inverted, timeout
from meshsim.model.supervision import (
    Aborted,
    ActorPhase,
    ActorStatus,
    Generic,
    MeshFailure,
    actor_failed,
    event_text,
    failure_text,
    flatten,
    python_failure_text,
    status_text,
)
from meshsim.units import MS, S

PORT, KEY = 1030, "operation:1030"
RANK_1 = Extent.of((("gpus", 4),)).point_of_rank(1)
SILENT_W = event_of(
    ActorId("unix:@a,p0,t-1aaaaaaaaaaa[0]"),
    actor_failed(Generic("process failure: Killed(sig=9)")),
    name=f"{ranked_display_name('<root>.<t W w>', RANK_1)} was running on a process which",
)
EVENT = (
    "The actor <root>.<t W w{'gpus': 1/4}> was running on a process which and all its descendants have failed.\n"
    "This occurred because the actor itself failed.\n"
    "The error was:\n"
    " process failure: Killed(sig=9)"
)
LOST = Envelope(CLIENT, agent(0), Work("x"))


def spawned(ranks, *reports, silent_at_ns=None):
    """The error of a spawn: each report at 0.1 s, and then nothing until the idle limit."""
    operation = SpawnActors("a", proc_mesh(ranks), "TestActor")
    run = SpawnActorsRun(CLIENT, operation, CONFIG, NameSource(7), PORT, KEY)
    run.start(0)
    for runs in reports:
        run.handle(overlay(agent(0), CLIENT, PORT, *runs), 100 * MS)
    if silent_at_ns is not None:
        run.handle(TimerFired(CLIENT, KEY), silent_at_ns)
    return run.outcome.error


#: The overlays of B.3, in order.
B3 = (((1, 2, RUNNING),), (), ((0, 1, RUNNING),), ((2, 3, failed("x")),), ((3, 4, RUNNING),))


def printed_by_a_child(pdeathsig):
    """What a child process says for itself before its agent is told anything."""
    config = {"mesh_bootstrap_enable_pdeathsig": pdeathsig}
    boot = NodeBoot(
        Node("host0/p"),
        "proc",
        {key.upper(): value for key, value in config.items()},
        proc_name=Name("p-1aaaaaaaaaaa"),
        host=Node("host0"),
        callback=PortRef(CLIENT, PORT),
    )
    return [said.text for said in NodeMachine(boot, default_program()).handle(Started(), 0) if isinstance(said, Warned)]


def aborted():
    status = actor_failed(flatten(Aborted("x")))
    return event_text(event_of(ActorId("unix:@a,p0,t[0]"), status, name="<root>.<t W w>"))


def channel_closed(what):
    return closed_error(f"session unix:@host1.00000000000000ff: {what}")


CHANNEL = "broken link: failed to enqueue in MailboxClient when processing buffer: channel closed with reason "

#: Where it stands, the text, and what produces it.
TEXTS = [
    (
        "supervision 3.2",
        lambda: process.mark(process.ready(0, "unix:@a", ActorId("x")), process.running(0)).warning,
        'illegal transition: Ready { started_at: SystemTime { tv_sec: 0, tv_nsec: 0 }, addr: "unix:@a", agent: "x" }'
        " -> Running; leaving status unchanged",
    ),
    ("supervision 3.7", lambda: printed_by_a_child(False), ["(bootstrap) PDEATHSIG disabled via config"]),
    ("supervision 3.7", lambda: printed_by_a_child(True), []),
    (
        "supervision 4.1",
        lambda: status_text(ActorStatus(ActorPhase.PROCESSING, handler="Step.forward"), 3 * MS),
        "Step.forward: processing for 3ms",
    ),
    ("supervision 4.4", lambda: failure_text(MeshFailure(None, None, SILENT_W)), f"failure with event: {EVENT}"),
    (
        "supervision 4.4",
        lambda: failure_text(MeshFailure("t-1", None, SILENT_W)),
        f'failure on mesh "t-1" with event: {EVENT}',
    ),
    (
        "mesh_model 6.7",
        lambda: failure_text(MeshFailure("t-1", 3, SILENT_W)),
        f'failure on mesh "t-1" at rank 3 with event: {EVENT}',
    ),
    (
        "supervision 10.7",
        lambda: spawned(8, ((0, 8, failed("test failure")),)),
        "error spawning actor mesh: statuses: Failed(test failure)=0..8",
    ),
    (
        "mesh_model 2.7",
        lambda: spawned(4, ((0, 2, RUNNING), (2, 4, failed("test failure")))),
        "error spawning actor mesh: statuses: Running=0..2;Failed(test failure)=2..4",
    ),
    (
        "mesh_model B.3",
        lambda: spawned(4, *B3),
        "error spawning actor mesh: statuses: Running=0..2,3..4;Failed(x)=2..3",
    ),
    (
        "mesh_model B.3",
        lambda: spawned(4, *B3[:4], silent_at_ns=30 * S + 100 * MS),
        "error spawning actor mesh: statuses: Running=0..2;Failed(x)=2..3;Timeout(30.1s)=3..4",
    ),
    # The document writes 1.0s; the debug form of a duration of one second is 1s.
    ("supervision 11.4", lambda: inverted((timeout(1 * S), RUNNING)), "Timeout(1s)=0..1;Running=1..2"),
    (
        "mesh_model 1.3",
        lambda: ranked_display_name("<root>.<trainer Trainer t>", Extent.of((("gpus", 2),)).point_of_rank(0)),
        "<root>.<trainer Trainer t{'gpus': 0/2}>",
    ),
    (
        "mesh_model 3.2",
        lambda: channel_closed("failed to deliver message within timeout 30s"),
        f'{CHANNEL}Some("session unix:@host1.00000000000000ff: failed to deliver message within timeout 30s")',
    ),
    ("mesh_model 3.2", lambda: closed_error(None), f"{CHANNEL}None"),
    ("mesh_model 3.2", lambda: RETURNED, "broken link: message was undeliverable"),
    (
        "mesh_model 3.5",
        lambda: monitored_text(LOST, ("a", "b")),
        f"message not delivered, {CLIENT} > {port_id(LOST)}: "
        '{"type":"work","text":"x","busy_ns":0}: delivery error: a; b',
    ),
    ("mesh_model 5.2", lambda: ZERO_RANKS, "cannot allocate zero ranks"),
    (
        "mesh_model 9.3",
        lambda: status_text(actor_failed(Aborted("r")), 0),
        "failed: actor explicitly aborted due to: r",
    ),
    (
        "mesh_model 9.3",
        lambda: actor_error("t-1", "step", "ValueError: no"),
        "Actor call t-1.step failed.\n"
        " Traceback of where the remote call failed (most recent call last):\nValueError: no",
    ),
    (
        "mesh_model 9.3",
        lambda: endpoint_failed("t-1", "step", MeshFailure("t-1", 1, SILENT_W)),
        "Endpoint call t-1.step() failed, Actor unix:@a,p0,t-1aaaaaaaaaaa[0] exited because of the following reason: "
        f"{EVENT}",
    ),
    ("mesh_model 9.4", lambda: event_text(SILENT_W), EVENT),
    (
        "mesh_model 9.4",
        lambda: python_failure_text(MeshFailure(None, None, SILENT_W)),
        f"MeshFailure(mesh_name=<none>, rank=None, event={EVENT})",
    ),
    (
        "mesh_model B.7",
        aborted,
        "The actor <root>.<t W w> and all its descendants have failed.\n"
        "This occurred because the actor itself failed.\n"
        "The error was:\n"
        " actor explicitly aborted due to: x",
    ),
]


@pytest.mark.parametrize(("produce", "text"), [row[1:] for row in TEXTS], ids=[row[0] for row in TEXTS])
def test_a_text_is_the_document_s_to_the_letter(produce, text):
    assert produce() == text


# --- the index ---------------------------------------------------------------------------------------------

TESTS = Path(__file__).parent
SOURCE = Path(meshsim.model.__file__).parents[1]
INDEX = tomllib.loads((TESTS / "texts.toml").read_text(encoding="utf-8"))
HELD, REASONS = INDEX["held"], INDEX["reasons"]


@cache
def strings(path):
    """The strings of a file, f-strings with NUL for what varies; docstrings are none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements | parts:
            found.append(node.value)
    return found


def says(path, text):
    """Whether some string of the file has this text, with anything in place of each `{}`."""
    pattern = re.compile(".+?".join(map(re.escape, text.split("{}"))), re.DOTALL)
    return any(pattern.search(string) for string in strings(path))


@pytest.mark.parametrize(("text", "file"), [row[1:] for row in HELD], ids=[f"{row[0]}: {row[1]}"[:70] for row in HELD])
def test_a_text_of_the_index_stands_in_the_test_that_holds_it(text, file):
    path = TESTS.parents[1] / file if file.startswith("tests/") else TESTS / file

    assert says(path, text)


@pytest.mark.parametrize("text", REASONS)
def test_what_is_said_to_be_missing_is_missing(text):
    """Whoever makes the model say it moves it to `TEXTS` or `HELD`."""
    assert [path.name for path in SOURCE.rglob("*.py") if any(text in string for string in strings(path))] == []
