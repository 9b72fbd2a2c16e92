"""Handler ports: which types of messages each actor bound, and that any other bounces.

Source: mesh_model.md 3.1, 3.2 (order of checks).
"""

import ast
import inspect
import typing

import pytest
from machines import (
    ALICE,
    CLIENT,
    CONFIG,
    CONTROLLER,
    actor_mesh,
    agent,
    controller_of,
    event_of,
    host_agent,
    proc,
    proc_mesh,
)

from meshsim.model.actors.registry import ACTOR_TYPES, default_program
from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.alloc.bootstrap import AllocatedProcess
from meshsim.model.alloc.initialize import Initialization
from meshsim.model.alloc.keeper import AllocKeeper
from meshsim.model.alloc.local_alloc import LocalAlloc
from meshsim.model.alloc.process_alloc import ProcessAlloc
from meshsim.model.alloc.trampoline import HostMeshTrampoline
from meshsim.model.boot import NodeBoot, Setting
from meshsim.model.clients.awaiting import Run
from meshsim.model.clients.client import Client
from meshsim.model.clients.context import Context
from meshsim.model.clients.host_drop import HostMeshDrop
from meshsim.model.clients.payloads import PAYLOADS
from meshsim.model.controllers.cleanup_controller import CleanupController
from meshsim.model.controllers.mesh_controllers import HostMeshController, ProcMeshController
from meshsim.model.events import Started
from meshsim.model.hosts.host_agent import HostAgent
from meshsim.model.ids import FIRST_EPHEMERAL_PORT, LOCAL_PROC, ActorId, NameSource, Node, actor_id, proc_id
from meshsim.model.messages import (
    Ack,
    ActorSpec,
    CreateOrUpdate,
    Drill,
    Envelope,
    MeshFailed,
    Message,
    Operate,
    ProcSpec,
    SelfCheck,
    Stop,
    SubscriberCount,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.comm import CommActor
from meshsim.model.notes import Bounced
from meshsim.model.operations import CountSubscribers
from meshsim.model.runtime.instance import Instance
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.shapes.extent import Extent
from meshsim.model.status import RUNNING
from meshsim.model.supervision import MeshFailure, actor_stopped

EXTENT = Extent.of((("hosts", 1), ("gpus", 2)))
#: These depend on what is in them.
BY_CONTENT = (CreateOrUpdate, MeshFailed)
FAILURE = MeshFailure("a", 0, event_of(ActorId("x"), actor_stopped("done")))

CONTEXT = (
    "Work Call HowMany CauseFault GetActorId GetCastInfo GetConfig SetConfig Forward Operate MeshRefSent PassedOn "
    "Undeliverable"
)
ALLOC = "DrainAlloc StopAlloc FailAlloc"


def keeper(kind):
    alloc = (
        LocalAlloc(CONTROLLER, "_1", EXTENT, CONFIG, NameSource(1))
        if kind is LocalAlloc
        else ProcessAlloc(CONTROLLER, "_1", EXTENT, "w", CONFIG, NameSource(1))
    )
    return AllocKeeper(CONTROLLER, "w", alloc, ALICE, Initialization(str(EXTENT), 2))


def blank(kind):
    """A message of this type: what is in it does not matter."""
    return kind(**dict.fromkeys(kind.__struct_fields__))


def of_type(name):
    return ACTOR_TYPES[name].construct(Setting(actor_id(proc(0), "a"), 0, CONFIG, 7), {})


@pytest.mark.parametrize(
    ("machine", "bound"),
    [
        (
            controller_of([RUNNING]),
            "CheckState Subscribe Unsubscribe GetSubscriberCount GetState Stop Undeliverable",
        ),
        (CleanupController(CONTROLLER, actor_mesh(1), CONFIG, "a", None, {}), "Undeliverable"),
        (ProcMeshController(CONTROLLER, CONFIG, proc_mesh(1)), "Undeliverable"),
        (HostMeshController(CONTROLLER, CONFIG, ("host0",)), "Undeliverable"),
        (HostMeshDrop(CONTROLLER, CONFIG, ("host0",)), "Undeliverable"),
        (HostMeshTrampoline(CONTROLLER, CONFIG, ALICE), "Undeliverable"),
        (
            ProcAgent(agent(0), proc(0), CONFIG),
            "KeepaliveGetState KeepAlive Misreport GetState GetRankStatus Stop StopAll SelfCheck ActorEvent Configure "
            "QueryStatus Gspawn StopActor WatchActor Misreport Undeliverable",
        ),
        (
            HostAgent(host_agent(0), Node("host0"), CONFIG),
            "GetState Stop GetRankStatus ListResources SetClientConfig ShutdownHost Undeliverable",
        ),
        (CommActor(CONTROLLER, CONFIG), "CommMeshConfig CommMode CastMessage ForwardMessage Undeliverable"),
        (AllocatedProcess(CONTROLLER, CLIENT, 0, "unix:@p", CONFIG), "StartProc StopAndExit Undeliverable"),
        (keeper(ProcessAlloc), f"{ALLOC} AllocHello StartedProc AllocHeartbeat Undeliverable"),
        (keeper(LocalAlloc), f"{ALLOC} ChaosMonkey"),
        (
            Client(CLIENT, Context(CLIENT, CONFIG, NameSource(7))),
            "Operate MeshRefSent PassedOn Undeliverable Work",
        ),
        (of_type("TestActor"), CONTEXT),
        (of_type("PythonActor"), CONTEXT),
        (of_type("WrapperActor"), f"{CONTEXT} NextSupervisionFailure"),
        (of_type("RuntimeTestActor"), "Drill CauseFault Work Undeliverable"),
        (Instance(CLIENT), ""),
    ],
    ids=lambda case: type(case).__name__,
)
def test_each_actor_binds_the_messages_that_it_handles(machine, bound):
    """What is bound never meets a handler that does not know it; what is not never meets a handler."""
    kinds = [kind for kind in typing.get_args(Message) if kind not in BY_CONTENT]

    assert {kind.__name__ for kind in kinds if machine.binds(blank(kind))} == set(bound.split())


def test_agents_create_what_they_have():
    """The message that creates an actor and the one that creates a proc are of two types in the reference."""
    actor_wanted = CreateOrUpdate("a", 0, ActorSpec("TestActor"))
    proc_wanted = CreateOrUpdate("w", 0, ProcSpec())
    of_proc, of_host = ProcAgent(agent(0), proc(0), CONFIG), HostAgent(host_agent(0), Node("host0"), CONFIG)

    assert [of_proc.binds(actor_wanted), of_proc.binds(proc_wanted)] == [True, False]
    assert [of_host.binds(actor_wanted), of_host.binds(proc_wanted)] == [False, True]


@pytest.mark.parametrize("machine", [of_type("TestActor"), Client(CLIENT, Context(CLIENT, CONFIG, NameSource(7)))])
def test_owners_are_told_of_failures_alone(machine):
    """That nothing has failed is for subscribers, who open a port for it."""
    assert [machine.binds(MeshFailed(FAILURE)), machine.binds(MeshFailed(None))] == [True, False]


# --- in a process -------------------------------------------------------------------------------------------


def client_node():
    node = NodeMachine(NodeBoot(Node("client"), "client", CONFIG.values()), default_program())
    node.handle(Started(), 0)
    return node


def test_a_message_of_a_type_that_the_actor_did_not_bind_comes_back():
    """The port has the number that its type stands for; the actor itself notices nothing."""
    node = client_node()
    dest = actor_id(proc_id("unix:@client", LOCAL_PROC), "client")
    drill = Envelope(ALICE.actor, dest, Drill("noop"))

    bounced, returned = node.handle(drill, 0)

    assert isinstance(bounced, Bounced)
    assert bounced.error == (
        "address not routable: port not bound in mailbox; port id: 11122347861910380591; message type: Drill"
    )
    assert (returned.dest, returned.message.envelope) == (ALICE.actor, drill)
    assert isinstance(returned.message, Undeliverable)
    assert not node.cells[dest].is_terminal


def test_an_unbound_port_is_found_out_before_the_end_of_its_owner():
    """mesh_model.md 3.2: first the port, then whether its owner is still there."""
    node = client_node()
    dest = actor_id(proc_id("unix:@client", LOCAL_PROC), "client")
    node.cells[dest].kill_task()

    errors = [
        node.handle(Envelope(ALICE.actor, dest, message, returnable=False), 0)[0].error
        for message in (SelfCheck(), Work("x"), Stop("a", "why"))
    ]

    assert [error.partition(":")[0] for error in errors] == [
        "address not routable",
        "mailbox error",
        "address not routable",
    ]


# --- ports that an actor opened ------------------------------------------------------------------------------


def test_every_operation_says_what_its_ports_are_for():
    assert set(PAYLOADS) == set(typing.get_args(Run))


def asking_client(*quirks_off):
    """A client that asks for its mesh's subscribers, at its first port."""
    boot = NodeBoot(Node("client"), "client", CONFIG.values(), quirks_off)
    node = NodeMachine(boot, default_program())
    node.handle(Started(), 0)
    node.handle(Envelope(CLIENT, CLIENT, Operate(0, CountSubscribers(actor_mesh(1, ALICE.actor))), returnable=False), 0)
    return node


def errors_of(node, *messages):
    """Why each of these, sent to that port, comes back; none for one that does not."""
    errors = []
    for message in messages:
        commands = node.handle(Envelope(ALICE.actor, CLIENT, message, FIRST_EPHEMERAL_PORT), 0)
        errors.append(next((command.error for command in commands if isinstance(command, Bounced)), None))
    return errors


def test_a_message_of_the_wrong_type_closes_the_port_that_it_was_sent_to():
    """mesh_model.md 3.4: it comes back, and so does the right one after it."""
    node = asking_client()

    assert errors_of(node, Ack(), SubscriberCount(1)) == [
        f"mailbox error: {CLIENT}[1024]: unexpected message type: Ack",
        "address not routable: port not bound in mailbox; port id: 1024; message type: SubscriberCount",
    ]
    assert not node.cells[CLIENT].is_terminal


def test_without_error_removes_port_only_the_wrong_message_comes_back():
    node = asking_client("error_removes_port")

    assert errors_of(node, Ack(), SubscriberCount(1)) == [
        f"mailbox error: {CLIENT}[1024]: unexpected message type: Ack",
        None,
    ]


@pytest.mark.parametrize(
    ("machine", "taken"),
    [
        (CleanupController(CONTROLLER, actor_mesh(1), CONFIG, "a", None, {}), "RankStatus"),
        (controller_of([RUNNING]), "RankStatus"),
        (ProcMeshController(CONTROLLER, CONFIG, proc_mesh(1)), "RankStatus"),
        (HostMeshController(CONTROLLER, CONFIG, ("host0",)), "Ack"),
        (HostMeshDrop(CONTROLLER, CONFIG, ("host0",)), "Ack"),
        (HostAgent(host_agent(0), Node("host0"), CONFIG), "ProcReady"),
        (ProcAgent(agent(0), proc(0), CONFIG), ""),
        (Client(CLIENT, Context(CLIENT, CONFIG, NameSource(7))), "MeshFailed"),
    ],
    ids=lambda case: type(case).__name__,
)
def test_what_the_ports_of_each_actor_are_for(machine, taken):
    """As long as it has asked nobody anything: of a client that is what its subscriptions hear."""
    kinds = typing.get_args(Message)

    assert {kind.__name__ for kind in kinds if machine.takes(FIRST_EPHEMERAL_PORT, blank(kind))} == set(taken.split())


# --- nothing is forgotten --------------------------------------------------------------------------------------

#: What comes to ports that were opened for it, and may stand in a handler without being bound.
REPLIES = {kind.__name__ for kinds in PAYLOADS.values() for kind in kinds} | {"ActorStateChanged", "ProcReady"}


@pytest.mark.parametrize(
    "machine",
    [
        controller_of([RUNNING]),
        ProcAgent(agent(0), proc(0), CONFIG),
        HostAgent(host_agent(0), Node("host0"), CONFIG),
        CommActor(CONTROLLER, CONFIG),
        AllocatedProcess(CONTROLLER, CLIENT, 0, "unix:@p", CONFIG),
        Client(CLIENT, Context(CLIENT, CONFIG, NameSource(7))),
        of_type("TestActor"),
        of_type("PythonActor"),
        of_type("WrapperActor"),
        of_type("RuntimeTestActor"),
    ],
    ids=lambda machine: type(machine).__name__,
)
def test_whatever_a_handler_is_written_for_is_bound(machine):
    """Else it would never be called. Read from the source: every message type that a `case` names."""
    kinds = {kind.__name__: kind for kind in typing.get_args(Message)}
    source = ast.parse(inspect.getsource(inspect.getmodule(type(machine))))
    named = {
        node.cls.id for node in ast.walk(source) if isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Name)
    }
    wanted = (named & set(kinds)) - REPLIES - {kind.__name__ for kind in BY_CONTENT}

    assert wanted
    assert {name for name in wanted if not machine.binds(blank(kinds[name]))} == set()
