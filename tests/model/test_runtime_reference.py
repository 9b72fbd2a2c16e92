"""The tests of the modelled system's own runtime, by their names (supervision.md 15.7).

One proc with its agent, and a tree of `RuntimeTestActor`s: `root`, the children it is told to spawn, and theirs.
"""

import pytest
from machines import ALICE, CONFIG, MESH, actor, agent, event_of, proc_name

from meshsim.model.actors.runtime_actor import RuntimeTestActor
from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import ExitProcess
from meshsim.model.events import Started, TimerFired
from meshsim.model.ids import ActorId, Name, Node, PortRef, actor_id
from meshsim.model.messages import ActorSpec, Answer, CreateOrUpdate, Drill, Envelope, Stop
from meshsim.model.messaging.undeliverable import (
    RETURNED,
    mailbox_closed_error,
    port_closed_error,
    port_not_bound_error,
)
from meshsim.model.notes import ActorStatusChanged, Bounced, EventRecorded, LocalDelivery
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.supervision import Generic, actor_failed, actor_stopped
from meshsim.units import MS, S

ROOT = actor(0)
PROC = ROOT.rsplit(",", 1)[0]
ASKER = PortRef(ALICE.actor, 1099, returnable=False)
OTHER_ROOT = actor_id(PROC, "other")


def child(pid, name=MESH):
    return actor_id(PROC, name, pid)


def proc_node(*, quirks_off=(), choice_key=0):
    """A proc on host0 with its agent and the root actor."""
    boot = NodeBoot(
        Node("host0/w"),
        "proc",
        CONFIG.values(),
        quirks_off,
        choice_key=choice_key,
        proc_name=proc_name(0),
        host=Node("host0"),
    )
    node = NodeMachine(boot, Program({"RuntimeTestActor": RuntimeTestActor}))
    node.handle(Started(), 0)
    spawn_root(node, MESH)
    return node


def spawn_root(node, name, **params):
    spec = ActorSpec("RuntimeTestActor", params)
    node.handle(Envelope(ALICE.actor, agent(0), CreateOrUpdate(Name(name), 0, spec)), 0)


def tell(node, who, do, *, now_ns=0, **fields):
    """What leaves the node when this actor is told to do something, without deliveries inside the node."""
    drill = Envelope(ALICE.actor, who, Drill(do, **fields), returnable=False)
    return [command for command in node.handle(drill, now_ns) if not isinstance(command, LocalDelivery)]


def spawn(node, parent, name="", *, handles=False):
    """Spawn a child and return its id, or the error text, as the parent learns it."""
    commands = tell(node, parent, "spawn", name=Name(name), handles=handles, reply=ASKER)
    (answer,) = (command for command in commands if isinstance(command, Envelope))
    return ActorId(answer.message.text)


def family(**keys):
    """`root` with the children 1 and 2, and the grandchild 3 under the first."""
    node = proc_node(**keys)
    first, second = spawn(node, ROOT), spawn(node, ROOT)
    grandchild = spawn(node, first)
    assert (first, second, grandchild) == (child(1), child(2), child(3))
    return node


def ends(commands):
    """Actors that reached their end, in order, with the text of their status."""
    return [
        (note.actor, note.text)
        for note in commands
        if isinstance(note, ActorStatusChanged) and note.phase.value in {"stopped", "failed"}
    ]


def recorded(commands):
    return [note for note in commands if isinstance(note, EventRecorded)]


# --- life and death of a tree ------------------------------------------------------------------------------


def test_child_lifecycle():
    """Root is drained and stopped: all its descendants stop with it, and messages to them fail."""
    node = family()

    commands = node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)

    parent_stopping = "stopped: parent stopping"
    assert ends(commands) == [
        (child(2), parent_stopping),
        (child(3), parent_stopping),
        (child(1), parent_stopping),
        (ROOT, "stopped: enough"),
    ]
    for who in (child(1), child(2), child(3)):
        late = tell(node, who, "noop")
        assert [note.error for note in late if isinstance(note, Bounced)] == [
            mailbox_closed_error(who, actor_stopped("parent stopping"))
        ]


def test_parent_failure():
    """A child fails: it is Failed with its text, its parent with the same, siblings and grandchildren are Stopped."""
    commands = tell(family(), child(1), "fail", text="some random failure")

    assert ends(commands) == [
        (child(3), "stopped: parent stopping"),
        (child(1), "failed: some random failure"),
        (child(2), "stopped: parent stopping"),
        (ROOT, "failed: some random failure"),
    ]


def test_local_supervision_propagation():
    """Nobody on the way handles it: the coordinator gets the event under the id of the child that began it (Q10)."""
    commands = tell(family(), child(3), "fail", text="boom")

    assert recorded(commands) == [EventRecorded(agent(0), child(3), "failed: boom")]
    assert [who for who, text in ends(commands) if text == "failed: boom"] == [child(3), child(1), ROOT]


def test_local_supervision_propagation_to_an_ancestor_that_handles():
    """It absorbs the event and goes on; those below it have failed, those above it hear nothing."""
    node = proc_node()
    middle = spawn(node, ROOT, handles=True)
    lower = spawn(node, middle)
    lowest = spawn(node, lower)

    commands = tell(node, lowest, "fail", text="boom")

    assert ends(commands) == [(lowest, "failed: boom"), (lower, "failed: boom")]
    assert recorded(commands) == []
    assert node.cells[middle].children == []


def test_proc_terminate_without_coordinator():
    """A root actor fails and its proc has no coordinator: the process exits with 1."""
    node = proc_node()
    node.procs[node.proc] = None

    commands = tell(node, ROOT, "fail", text="boom")

    assert ends(commands) == [(ROOT, "failed: boom")]
    assert commands[-1] == ExitProcess(1)


def test_actor_panic():
    """The panic is caught, becomes the status, and its text says panic."""
    commands = tell(proc_node(), ROOT, "panic", text="some random failure")

    assert ends(commands) == [(ROOT, "failed: panic: panic at RuntimeTestActor: some random failure")]


def test_a_child_of_an_actor_that_panicked_is_stopped():
    """There is no cleanup, but children are told as ever."""
    commands = tell(family(), ROOT, "panic", text="boom")

    assert [who for who, text in ends(commands) if text == "stopped: parent stopping"] == [child(2), child(3), child(1)]


# --- what a proc keeps of the end --------------------------------------------------------------------------


def snapshots(node):
    return {snapshot.actor: snapshot for snapshot in node.snapshots[node.proc].kept}


def test_supervision_event_is_stored_with_a_failure():
    """Whoever sees the status finds the event: same id, same status, its time."""
    node = proc_node()
    tell(node, ROOT, "fail", now_ns=3 * S, text="boom")

    display = f"{MESH}"
    event = event_of(ROOT, actor_failed(Generic("boom")), at_ns=3 * S, name=display)
    assert node.cells[ROOT].event == event
    assert (snapshots(node)[ROOT].event, snapshots(node)[ROOT].ended_ns) == (event, 3 * S)


def test_supervision_event_is_none_on_a_clean_stop():
    node = proc_node()
    node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)

    assert node.cells[ROOT].event is None
    assert (snapshots(node)[ROOT].status, snapshots(node)[ROOT].event) == (actor_stopped("enough"), None)


def test_supervision_event_names_the_child_as_root_cause():
    """The record of a parent that died of its child's failure says whose failure it was."""
    node = family()
    tell(node, child(3), "fail", text="boom")

    assert {who: snapshot.cause for who, snapshot in snapshots(node).items()} == {
        child(3): child(3),
        child(1): child(3),
        ROOT: child(3),
        child(2): None,
    }


def test_query_child_proc_returns_live_children():
    """Whoever looks into a proc sees who lives there: actors spawned past the agent, too, and nobody who has ended."""
    node = family()
    spawn_root(node, "other")
    kid = spawn(node, OTHER_ROOT, "kid")
    tell(node, child(3), "fail", text="boom")

    cells = node.snapshot()["cells"]

    live = [who for who, cell in cells.items() if cell["phase"] not in ("stopped", "failed")]
    assert live == [agent(0), OTHER_ROOT, kid]
    assert len(cells) == 7


# --- mailboxes of those who are gone -----------------------------------------------------------------------


def errors_after(end):
    """How the root's mailbox refuses two messages after this."""
    node = proc_node()
    node.handle(end, 0)
    return [note.error for _ in range(2) for note in tell(node, ROOT, "noop") if isinstance(note, Bounced)]


def test_mailbox_closed_with_owner_stopped_reason():
    """What is sent later carries the terminal status of the owner, and says it every time."""
    errors = errors_after(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")))

    assert errors == [f"mailbox error: mailbox owner {ROOT} is stopped: enough"] * 2


def test_mailbox_closed_with_owner_failed_reason():
    errors = errors_after(Envelope(ALICE.actor, ROOT, Drill("fail", "boom")))

    assert errors == [f"mailbox error: mailbox owner {ROOT} failed: boom"] * 2


def test_mailbox_of_an_aborted_task():
    """Nobody closed it: its port finds out that nobody receives, and is gone then; the sender is told both."""
    node = proc_node()
    node.cells[ROOT].kill_task()
    late = Envelope(ALICE.actor, ROOT, Drill("noop"))

    bounced = [command for _ in range(3) for command in node.handle(late, 0) if isinstance(command, Envelope)]

    assert [back.message.errors for back in bounced] == [
        (port_closed_error(late), RETURNED),
        (port_not_bound_error(late), RETURNED),
        (port_not_bound_error(late), RETURNED),
    ]
    assert port_closed_error(late).startswith("mailbox error: ")


# --- names and pids ----------------------------------------------------------------------------------------


def test_spawn_with_name_gives_the_child_a_name_of_its_own():
    assert spawn(proc_node(), ROOT, "kid") == child(1, "kid")


def test_spawn_with_name_takes_the_pid_from_the_counter_of_its_parent():
    """Named and anonymous children share it, and so do the descendants of anonymous ones."""
    node = proc_node()
    first = spawn(node, ROOT)

    assert [spawn(node, first), spawn(node, ROOT, "kid"), spawn(node, ROOT)] == [child(2), child(3, "kid"), child(4)]


def test_spawn_with_name_makes_a_child_that_cannot_spawn():
    """The counter is looked up under its own name, which is no root's."""
    node = proc_node()
    kid = spawn(node, ROOT, "kid")

    assert spawn(node, kid) == f"no actor named kid in proc {PROC}"


def test_spawn_with_name_makes_a_child_that_can_spawn_when_a_root_is_called_the_same():
    """Its children then take that root's numbers."""
    node = proc_node()
    spawn_root(node, "kid")
    spawn(node, ROOT)
    kid = spawn(node, ROOT, "kid")

    assert (kid, spawn(node, kid)) == (child(2, "kid"), child(1, "kid"))


def test_spawn_with_name_twice_gives_two_children():
    """Their pids differ."""
    node = proc_node()

    assert [spawn(node, ROOT, "kid") for _ in range(2)] == [child(1, "kid"), child(2, "kid")]


def test_spawn_with_name_links_the_child_to_its_parent():
    """It stops with it, and its failure is its parent's."""
    node = proc_node()
    kid = spawn(node, ROOT, "kid")

    assert node.cells[ROOT].children == [kid]
    assert ends(tell(node, kid, "fail", text="boom")) == [(kid, "failed: boom"), (ROOT, "failed: boom")]


def test_ai3_controllers_of_different_parents_have_different_ids():
    """Each has pid 1 under its own parent; the name of its mesh keeps them apart."""
    node = proc_node()
    spawn_root(node, "other")
    names = [f"actor_mesh_controller_{mesh}" for mesh in ("a-1aaaaaaaaaaa", "a-1bbbbbbbbbbb")]

    ids = [spawn(node, parent, name) for parent, name in zip((ROOT, OTHER_ROOT), names, strict=True)]

    assert ids == [child(1, name) for name in names]


def test_ai3_an_id_is_never_given_twice():
    """Two parents that give their first child the same name: the second has none."""
    node = proc_node()
    spawn_root(node, "other")

    assert [spawn(node, ROOT, "kid"), spawn(node, OTHER_ROOT, "kid")] == [
        child(1, "kid"),
        "an actor with name 'kid' has already been spawned",
    ]


# --- client instances --------------------------------------------------------------------------------------


def opened(node, name="looker"):
    """A client instance under the root."""
    commands = tell(node, ROOT, "open", name=Name(name), reply=ASKER)
    (answer,) = (command for command in commands if isinstance(command, Envelope))
    return commands, ActorId(answer.message.text)


def test_a_client_instance_takes_messages_and_has_no_loop():
    """Its status says client, from its beginning to its drop."""
    node = proc_node()

    commands, instance = opened(node)
    node.handle(Envelope(ALICE.actor, instance, Drill("noop"), 1024), 0)
    dropped = tell(node, ROOT, "drop")

    assert instance == child(1, "looker")
    statuses = [note for note in (*commands, *dropped) if isinstance(note, ActorStatusChanged)]
    assert [(note.actor, note.text) for note in statuses] == [
        (instance, "client"),
        (instance, "stopped: instance is dropped"),
    ]
    assert [envelope.message for envelope in node.cells[instance].machine.received] == [Drill("noop")]


@pytest.mark.parametrize("dropped", [False, True])
def test_a_client_instance_does_not_hold_up_the_end_of_its_parent(dropped):
    """It has no queue for signals: it is let go at once, dropped or not."""
    node = proc_node()
    _, instance = opened(node)
    if dropped:
        tell(node, ROOT, "drop")

    commands = node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)

    assert ends(commands) == [(ROOT, "stopped: enough")]
    assert node.cells[instance].parent is None


def test_the_failure_of_a_child_of_a_client_instance_ends_the_process():
    """Nobody looks at its supervision events (4.5 step 10)."""
    node = proc_node()
    _, instance = opened(node)
    kid = spawn(node, ROOT)
    node.cells[kid].parent = instance

    assert tell(node, kid, "fail", text="boom")[-1] == ExitProcess(1)


def test_a_child_that_panicked_in_its_cleanup_does_not_hold_up_its_parent():
    """It told nobody of its end; its queue for signals is gone (mesh_model.md 6.3)."""
    node = family()
    node.cells[child(2)].kill_task()

    commands = node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)

    assert ends(commands)[-1] == (ROOT, "stopped: enough")


# --- the rest of what its test actor can do ----------------------------------------------------------------


def test_it_replies_waits_and_forwards():
    """An actor that waits takes nothing more, not even a signal."""
    node = proc_node()
    kid = spawn(node, ROOT)

    replied = tell(node, ROOT, "reply", text="here", reply=ASKER)
    tell(node, ROOT, "forward", to=kid, text="pass it on")
    waiting = tell(node, ROOT, "wait", text="waiting", reply=ASKER)
    silent = tell(node, ROOT, "reply", text="again", reply=ASKER)
    node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)
    node.handle(TimerFired(agent(0), "stop"), 10 * S)

    answers = [Envelope(ROOT, ASKER.actor, Answer(ROOT, text), 1099, returnable=False) for text in ("here", "waiting")]
    assert [*replied, *waiting] == answers
    assert silent == []
    assert not node.cells[ROOT].is_terminal


def test_a_parent_that_is_gone_cannot_be_told():
    """Its task was aborted, its children were not: the failure of one ends the process (mesh_model.md 6.4)."""
    node = family()
    node.cells[ROOT].kill_task()

    commands = tell(node, child(2), "fail", text="boom")

    assert ends(commands) == [(child(2), "failed: boom")]
    assert commands[-1] == ExitProcess(1)


def test_a_child_that_outlives_its_parents_wait_reports_to_the_coordinator():
    """Q9: after 500 ms without a sign it has no parent any more."""
    node = family()
    tell(node, child(2), "wait")
    node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)

    commands = node.handle(TimerFired(ROOT, "runtime:children"), 500 * MS)

    assert ends(commands) == [(ROOT, "stopped: enough")]
    assert node.cells[child(2)].parent is None
