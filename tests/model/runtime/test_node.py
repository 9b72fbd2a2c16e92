"""One process with its actors: who is told of an end, what bounces, and when the process goes with it.

The tests of the modelled system's own runtime are in `test_runtime_reference`.
"""

import msgspec
import pytest
from machines import ALICE, CONFIG, MESH, Puppet, actor, agent, event_of, proc_name

from meshsim.model import status
from meshsim.model.boot import ConstructorError, NodeBoot, Program
from meshsim.model.commands import (
    CloseServer,
    ExitProcess,
    Fail,
    GiveBack,
    Panic,
    SetTimer,
    SpawnChild,
    StopSelf,
)
from meshsim.model.events import ClockSet, Started, TimerFired
from meshsim.model.ids import ActorId, Name, Node, PortRef, actor_id, host_agent_id, proc_id
from meshsim.model.messages import (
    Ack,
    ActorSpec,
    CreateOrUpdate,
    Envelope,
    GetRankStatus,
    Operate,
    RankStatus,
    SelfCheck,
    Stop,
    StopAll,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.undeliverable import (
    RETURNED,
    no_mailbox_error,
    port_not_bound_error,
    undeliverable_text,
)
from meshsim.model.notes import ActorStatusChanged, Bounced, EventRecorded, LocalDelivery
from meshsim.model.operations import EndSelf
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.supervision import (
    ActorPhase,
    Generic,
    UnhandledSupervisionEvent,
    actor_failed,
)
from meshsim.model.wall_clock import WallClock
from meshsim.units import MS, S

NODE = Node("host0/w")
ROOT = actor(0)
KID = actor_id(ROOT.rsplit(",", 1)[0], "kid", 1)
OTHER_KID = actor_id(ROOT.rsplit(",", 1)[0], "other", 2)
REPLY = PortRef(ALICE.actor, 1099, returnable=False)


class Puppeteer:
    """An actor type whose actors are puppets prepared by the test."""

    def __init__(self, **puppets):
        self.puppets = puppets

    def construct(self, setting, params):
        if "error" in params:
            raise ConstructorError(params["error"])
        puppet = self.puppets[params.get("puppet", "root")]
        puppet.me = setting.me
        return puppet


def proc_node(clock_offset_ns=0, quirks_off=(), config=CONFIG, **puppets):
    """A proc on host0 with the agent and one root actor for each puppet, the first being rank 0 of the mesh `a`."""
    boot = NodeBoot(
        NODE,
        "proc",
        config.values(),
        quirks_off,
        proc_name=proc_name(0),
        host=Node("host0"),
        clock=WallClock(clock_offset_ns),
    )
    node = NodeMachine(boot, Program({"Puppet": Puppeteer(**puppets)}))
    node.handle(Started(), 0)
    for name in puppets:
        mesh = MESH if name == "root" else Name(name)
        node.handle(create(mesh, {"puppet": name}), 0)
    return node


def create(name, params):
    return Envelope(ALICE.actor, agent(0), CreateOrUpdate(name, 0, ActorSpec("Puppet", params)))


def work(text, dest=ROOT):
    return Envelope(ALICE.actor, dest, Work(text), returnable=False)


def told(node, text, *, now_ns=0, dest=ROOT):
    """What leaves the node after this piece of work, without deliveries inside the node."""
    return without_deliveries(node.handle(work(text, dest), now_ns))


def without_deliveries(commands):
    return [command for command in commands if not isinstance(command, LocalDelivery)]


def ends(commands):
    """Actors that reached their end, in order, with the text of their status."""
    return [
        (note.actor, note.text)
        for note in commands
        if isinstance(note, ActorStatusChanged) and note.phase.value in {"stopped", "failed"}
    ]


def family(*, handles=False, quirks_off=(), **answers):
    """A root with two children; the first fails or panics on request, and the root may handle it."""
    kid = Puppet(answers={"fail": [Fail(Generic("kid died"))], "panic": [Panic("for testing")]})
    other = Puppet()
    event = event_of(KID, actor_failed(Generic("kid died")))
    hook = [] if handles else [[Fail(UnhandledSupervisionEvent(event))]]
    spawns = [SpawnChild(Name("kid"), kid), SpawnChild(Name("other"), other)]
    node = proc_node(quirks_off=quirks_off, root=Puppet(answers={"spawn": spawns, **answers}, hook=hook))
    node.handle(work("spawn"), 0)
    return node


# --- spawning ----------------------------------------------------------------------------------------------


def test_a_name_is_never_free_again():
    """A root actor's name stays taken after its end; the agent knows the name besides, so only a bare node shows it."""
    node = proc_node(root=Puppet())
    node.cells[agent(0)].machine.actor_states.clear()

    node.handle(create(MESH, {"puppet": "root"}), 0)

    assert (
        node.cells[agent(0)].machine.actor_states[MESH].error == f"an actor with name '{MESH}' has already been spawned"
    )


def test_a_constructor_that_fails_leaves_no_actor_behind():
    node = proc_node()
    node.handle(create(MESH, {"error": "test failure"}), 0)

    commands = node.handle(Envelope(ALICE.actor, agent(0), GetRankStatus(MESH, REPLY)), 0)

    runs = ((0, 1, status.failed("test failure")),)
    assert commands == [Envelope(agent(0), ALICE.actor, RankStatus(runs), REPLY.index, returnable=False)]
    assert ROOT not in node.cells


def test_children_are_numbered_under_the_name_of_their_parent():
    """Pids come from one counter for each root name; a named child has no counter and cannot have children."""
    kid = Puppet(answers={"spawn": [SpawnChild(Name("grandkid"), Puppet())]})
    spawns = [SpawnChild(Name("kid"), kid), SpawnChild(Name("other"), Puppet())]
    node = proc_node(root=Puppet(answers={"spawn": spawns}))
    node.handle(work("spawn"), 0)

    node.handle(work("spawn", KID), 0)

    assert list(node.cells)[2:] == [KID, OTHER_KID]
    assert kid.heard == ["spawn", f"no actor named kid in proc {node.proc}"]


def test_spawn_succeeds_although_init_will_fail():
    """Q31: the agent has its answer before the init runs."""
    node = proc_node(root=Puppet(init=[Fail(Generic("no"))]))

    machine = node.cells[agent(0)].machine

    assert machine.actor_states[MESH].actor == ROOT
    assert [event.actor_status for event in machine.supervision_events[ROOT]] == [
        actor_failed(Generic("initialization error: no"))
    ]


# --- failures ----------------------------------------------------------------------------------------------


def test_an_anonymous_child_has_the_name_of_its_parent():
    """Its pid is from the same counter, and the answer goes by the name that it was asked for under."""
    spawns = [SpawnChild(Name("kid"), Puppet(), anonymous=True), SpawnChild(Name("other"), Puppet())]
    node = proc_node(root=Puppet(answers={"spawn": spawns}))

    node.handle(work("spawn"), 0)

    assert list(node.cells)[2:] == [actor_id(node.proc, MESH, 1), OTHER_KID]
    assert node.cells[ROOT].machine.heard == ["spawn", "spawned kid", "spawned other"]


def test_a_parent_that_handles_the_event_absorbs_it():
    node = family(handles=True)

    commands = told(node, "fail", dest=KID)

    assert ends(commands) == [(KID, "failed: kid died")]
    assert node.cells[ROOT].children == [OTHER_KID]
    assert node.cells[agent(0)].machine.supervision_events == {}


def test_proc_terminate_without_coordinator():
    """A root actor fails and nobody is there to be told: the process exits with 1. Here: a host's agent."""
    node = NodeMachine(NodeBoot(Node("host0"), "host", CONFIG.values()), Program({}))
    me = host_agent_id("host0")
    node.handle(Started(), 0)
    bounced = Envelope(me, ALICE.actor, RankStatus(()), 1099)

    commands = node.handle(Envelope(ALICE.actor, me, Undeliverable(bounced, ("ttl expired",))), 0)

    assert ends(commands) == [(me, f"failed: {undeliverable_text(bounced, ('ttl expired',))}")]
    assert commands[-1] == ExitProcess(1)


def test_the_failure_of_an_agent_ends_its_process():
    """It is its proc's coordinator, and that is gone (8.9)."""
    node = proc_node(root=Puppet())
    bounced = Envelope(agent(0), ALICE.actor, RankStatus(()), 1099)

    commands = node.handle(Envelope(ALICE.actor, agent(0), Undeliverable(bounced, ())), 0)

    assert commands[-1] == ExitProcess(1)


# --- the end of a parent -----------------------------------------------------------------------------------


def test_a_child_that_was_abandoned_reports_to_the_coordinator():
    """Q9: its parent is gone after 500 ms; what it fails of later is the proc's."""
    kid = Puppet(slow=["hang"], answers={"timer done": [Fail(Generic("too late"))]})
    node = proc_node(root=Puppet(answers={"spawn": [SpawnChild(Name("kid"), kid)]}))
    node.handle(work("spawn"), 0)
    node.handle(work("hang", KID), 0)
    stopping = node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)
    gone = node.handle(TimerFired(ROOT, "runtime:children"), 500 * MS)

    commands = node.handle(TimerFired(KID, "done"), 1 * S)

    assert SetTimer(ROOT, "runtime:children", 500 * MS) in stopping
    assert ends(gone) == [(ROOT, "stopped: enough")]
    assert ends(commands) == [(KID, "failed: too late")]
    assert EventRecorded(agent(0), KID, "failed: too late") in commands


def test_a_failure_that_finds_the_coordinator_closed_ends_the_process():
    """Its agent is gone, so there is nobody to tell: exit code 1."""
    node = proc_node(root=Puppet(answers={"bad": [Fail(Generic("boom"))]}))
    node.cells[agent(0)].kill_task()

    commands = told(node, "bad")

    assert ends(commands) == [(ROOT, "failed: boom")]
    assert commands[-1] == ExitProcess(1)


# --- messages ----------------------------------------------------------------------------------------------

NOBODY = actor_id(proc_id("unix:@host0", proc_name(0)), "nobody")


@pytest.mark.parametrize(
    ("envelope", "error"),
    [
        (Envelope(ALICE.actor, NOBODY, Work()), no_mailbox_error(NOBODY)),
        (
            Envelope(ALICE.actor, ROOT, Ack(), 1025),
            port_not_bound_error(Envelope(ALICE.actor, ROOT, Ack(), 1025)),
        ),
    ],
    ids=["no such actor", "no such port"],
)
@pytest.mark.parametrize("returnable", [True, False])
def test_what_cannot_be_delivered_goes_back_to_its_sender(envelope, error, returnable):
    """Unless nobody wants it back. The process that finds out adds its own error for a sender elsewhere."""
    envelope = Envelope(envelope.sender, envelope.dest, envelope.message, envelope.port, returnable)
    node = proc_node(root=Puppet())

    commands = node.handle(envelope, 0)

    back = Envelope(envelope.dest, ALICE.actor, Undeliverable(envelope, (error, RETURNED)), returnable=False)
    assert commands == [Bounced(envelope, error), *([back] if returnable else [])]


def test_a_return_that_cannot_be_delivered_is_dropped():
    """Undeliverables never loop: it is logged, and that is all."""
    lost = Envelope(ALICE.actor, NOBODY, Undeliverable(work("x"), ()), returnable=False)

    assert proc_node().handle(lost, 0) == [Bounced(lost, no_mailbox_error(NOBODY))]


def test_a_message_that_comes_back_within_the_process_fails_its_sender():
    """Sending to a dead actor kills the sender."""
    envelope = Envelope(ROOT, NOBODY, Work("hello"))
    node = proc_node(root=Puppet(answers={"send": [envelope]}))

    commands = node.handle(work("send"), 0)

    error = no_mailbox_error(NOBODY)
    back = Envelope(NOBODY, ROOT, Undeliverable(envelope, (error,)), returnable=False)
    assert commands == [LocalDelivery(envelope), Bounced(envelope, error), LocalDelivery(back)]


@pytest.mark.parametrize(("ttl", "arrives"), [(2, False), (3, True)])
def test_a_message_within_the_process_takes_hops_too(ttl, arrives):
    """Three to another actor: mailbox, proc, muxer. What comes back needs none."""
    other = actor_id(ROOT.rsplit(",", 1)[0], "second")
    envelope = Envelope(ROOT, other, Work("hello"))
    config = msgspec.structs.replace(CONFIG, message_ttl_default=ttl)
    node = proc_node(config=config, root=Puppet(answers={"send": [envelope]}), second=Puppet())

    commands = node.handle(work("send"), 0)

    back = Envelope(other, ROOT, Undeliverable(envelope, ("ttl expired",)), returnable=False)
    expired = [Bounced(envelope, "ttl expired"), LocalDelivery(back)]
    assert commands == ([LocalDelivery(envelope)] if arrives else expired)


def test_a_message_that_a_port_refuses_goes_back():
    """An accumulating port does so with what does not fit (supervision.md 11.2)."""
    reply = Envelope(ALICE.actor, ROOT, Ack(), 1024)
    node = proc_node(root=Puppet(answers={"refuse": [GiveBack(reply, "mailbox error: no")]}))

    back = Envelope(ROOT, ALICE.actor, Undeliverable(reply, ("mailbox error: no", RETURNED)), returnable=False)
    assert node.handle(work("refuse"), 0) == [Bounced(reply, "mailbox error: no"), back]


def test_messages_within_the_process_do_not_leave_it():
    other = actor_id(ROOT.rsplit(",", 1)[0], "second")
    greeting = Envelope(ROOT, other, Work("hello"))
    second = Puppet(answers={"hello": [Envelope(other, ALICE.actor, Ack(), 1099)]})
    node = proc_node(root=Puppet(answers={"greet": [greeting]}), second=second)

    assert node.handle(work("greet"), 0) == [
        LocalDelivery(greeting),
        Envelope(other, ALICE.actor, Ack(), 1099),
    ]


# --- timers, signals, exits --------------------------------------------------------------------------------


def test_the_timers_of_an_actor_end_with_it():
    """A timer that was never set is not cancelled."""
    node = proc_node(root=Puppet(answers={"wait": [SetTimer(ROOT, "x", 5 * S)]}))
    node.handle(work("wait"), 0)

    commands = node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 1 * S)

    cancelled = [(command.actor, command.key) for command in commands if type(command).__name__ == "CancelTimer"]
    assert cancelled == [(ROOT, "x"), (agent(0), "stop")]


def test_an_agent_hears_at_once_that_an_actor_it_stops_is_gone():
    """The actor stopped by itself before: Stopped from its own words, Running in the agent's memory (Q55)."""
    node = proc_node(root=Puppet(answers={"bye": [StopSelf("my time")]}))
    gone = told(node, "bye")

    commands = node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 1 * S)

    assert ends(gone) == [(ROOT, "stopped: my time")]
    assert [type(command).__name__ for command in commands] == ["SetTimer", "CancelTimer"]
    assert not node.cells[agent(0)].machine.busy


def test_stop_all_ends_the_process_with_code_0():
    """An actor that hangs is aborted after its time: no cleanup, and it looks like a clean stop."""
    node = proc_node(root=Puppet(slow=["hang"]), second=Puppet())
    node.handle(work("hang"), 0)

    begun = node.handle(Envelope(ALICE.actor, agent(0), StopAll("shutdown host")), 0)
    done = node.handle(TimerFired(agent(0), "stop_all"), 10 * S)

    assert ends(begun) == [(actor_id(node.proc, "second"), "stopped: shutdown host")]
    assert done == [
        ActorStatusChanged(ROOT, ActorPhase.STOPPED, "stopped: instance is dropped"),
        CloseServer(),
        ExitProcess(0),
    ]


def test_the_process_of_a_client_ends_with_its_script():
    """What the operation says at its end comes before the exit."""
    node = NodeMachine(NodeBoot(Node("client"), "client", CONFIG.values()), Program({}))
    node.handle(Started(), 0)

    commands = node.handle(Envelope(ActorId("scenario"), node.root, Operate(0, EndSelf("done"))), 0)

    names = [type(command).__name__ for command in commands]
    assert names == ["OperationStarted", "OperationEnded", "ActorStatusChanged", "ActorStatusChanged", "ExitProcess"]
    assert commands[-1] == ExitProcess(0)


def test_a_node_tells_its_clock_to_its_actors():
    """Wall time of a node is virtual time plus its offset."""
    node = proc_node(root=Puppet(), clock_offset_ns=7 * S)

    assert node.cells[agent(0)].machine.clock.offset_ns == 7 * S


def test_a_clock_that_is_set_is_told_to_all_and_to_those_who_come_later():
    """Whoever is spawned afterwards reads the same clock as those who were there."""
    node = proc_node(root=Puppet(), later=Puppet())
    fresh = Name("late-1aaaaaaaaaaa")

    assert node.handle(ClockSet(7 * S), 5 * S) == []
    node.handle(create(fresh, {"puppet": "later"}), 6 * S)

    late = actor_id(node.proc, fresh)
    assert {cell.clock for cell in node.cells.values()} == {WallClock(7 * S)}
    assert node.cells[agent(0)].machine.clock == WallClock(7 * S)
    assert late in node.cells


def test_a_nodes_state_can_be_compared():
    one, other = family(), family()

    assert one.snapshot() == other.snapshot()
    one.handle(work("fail", KID), 0)
    assert one.snapshot() != other.snapshot()


@pytest.mark.parametrize("event", [Envelope(ALICE.actor, agent(0), SelfCheck()), TimerFired(agent(0), "self_check")])
def test_events_for_actors_of_the_node_reach_them(event):
    commands = proc_node().handle(event, 60 * S)

    assert commands[-1] == SetTimer(agent(0), "self_check", CONFIG.mesh_orphan_timeout)


# --- quirks that are turned off ----------------------------------------------------------------------------


def test_without_q10_the_agent_records_a_parent_under_its_own_id():
    commands = told(family(quirks_off=("Q10",)), "fail", dest=KID)

    assert [note.actor for note in commands if isinstance(note, EventRecorded)] == [ROOT]


def test_without_q31_the_agent_hears_how_an_init_went():
    """Of roots alone: nobody waits for a child."""
    kid = Puppet()
    answers = {"spawn": [SpawnChild(Name("kid"), kid)]}
    node = proc_node(quirks_off=("Q31",), root=Puppet(answers=answers), second=Puppet(init=[Fail(Generic("no"))]))
    told(node, "spawn")

    machine = node.cells[agent(0)].machine

    assert {name: entry.error for name, entry in machine.actor_states.items()} == {
        MESH: None,
        Name("second"): "initialization error: no",
    }
    assert machine.initializing == {}


def test_the_children_of_an_aborted_actor_stop_and_have_no_parent_any_more():
    """Without Q32 a stuck actor is aborted; the failure of a child of it goes to the coordinator, not to nobody."""
    node = family(quirks_off=("Q32",))
    node.cells[ROOT].machine.slow.append("hang")
    node.handle(work("hang"), 0)
    node.handle(Envelope(ALICE.actor, agent(0), Stop(MESH, "enough")), 0)

    commands = node.handle(TimerFired(agent(0), "stop"), 10 * S)

    assert ends(commands) == [
        (ROOT, "stopped: instance is dropped"),
        (KID, "stopped: parent stopping"),
        (OTHER_KID, "stopped: parent stopping"),
    ]
    assert [node.cells[kid].parent for kid in (KID, OTHER_KID)] == [None, None]
    assert not any(isinstance(command, ExitProcess) for command in commands)
