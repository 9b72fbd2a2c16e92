"""Comm actors among the other actors of their procs: what happens when one of them has ended.

Source: mesh_model.md 4.1, 4.6.
"""

from machines import ALICE, CONFIG, MESH, actor, agent, proc, proc_mesh, proc_name

from meshsim.model.actors.registry import default_program
from meshsim.model.boot import NodeBoot
from meshsim.model.events import Started
from meshsim.model.ids import Name, Node, actor_id
from meshsim.model.messages import (
    ActorSpec,
    CommMeshConfig,
    CreateOrUpdate,
    Envelope,
    ForwardMessage,
    GetRankStatus,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.casting import actors_of, cast
from meshsim.model.messaging.undeliverable import RETURNED, handler_port
from meshsim.model.notes import Bounced, LocalDelivery
from meshsim.model.operations import ActorMeshRef
from meshsim.model.runtime.node import NodeMachine

COMM = Name("comm-1comm1111111")
CASTER = ALICE.actor


def comm(rank):
    return actor_id(proc(rank), COMM)


def node(rank, *, configured=True):
    """A proc with its comm actor and an actor of the mesh."""
    boot = NodeBoot(
        Node(f"host{rank}/w_0"), "proc", CONFIG.values(), proc_name=proc_name(rank), host=Node(f"host{rank}")
    )
    machine = NodeMachine(boot, default_program())
    machine.handle(Started(), 0)
    for name, kind in ((COMM, "CommActor"), (MESH, "TestActor")):
        machine.handle(
            Envelope(CASTER, agent(rank), CreateOrUpdate(name, rank, ActorSpec(kind, extent=(("hosts", 3),)))), 0
        )
    if configured:
        book = tuple((other, comm(other)) for other in range(1, 3)) if rank == 0 else ()
        machine.handle(Envelope(CASTER, comm(rank), CommMeshConfig(rank, book)), 0)
    return machine


def a_cast(text="step"):
    procs = proc_mesh(3)
    mesh = ActorMeshRef("a", MESH, type(procs)(procs.label, procs.name, procs.region, procs.procs, comm(0)))
    [message] = cast(CASTER, actors_of(mesh), Work(text), CONFIG)
    return message


def forwards(commands):
    return [c for c in commands if isinstance(c, Envelope) and isinstance(c.message, ForwardMessage)]


def returns(commands):
    return [c for c in commands if isinstance(c, Envelope) and isinstance(c.message, Undeliverable)]


def test_a_cast_goes_from_proc_to_proc():
    """Inside the root's proc to its actor, outside to the other comm actors."""
    root, leaf = node(0), node(2)

    commands = root.handle(a_cast(), 1)
    below = leaf.handle(forwards(commands)[-1], 2)

    assert [c.dest for c in forwards(commands)] == [comm(1), comm(2)]
    assert [c.envelope.dest for c in commands if isinstance(c, LocalDelivery)] == [actor(0)]
    assert [c.envelope.dest for c in below if isinstance(c, LocalDelivery)] == [actor(2)]


def test_an_actor_that_was_never_spawned_gives_a_cast_back_through_the_comm_actor():
    machine = node(2)
    lost = forwards(node(0).handle(a_cast(), 1))[-1]
    cast_to_other = ForwardMessage(
        type(lost.message.cast)(
            Name("b-1other111111"),
            CASTER,
            Name("b-1other111111"),
            lost.message.cast.view,
            lost.message.cast.sizes,
            Work("step"),
        ),
        lost.message.frames,
        1,
        0,
    )

    [back] = returns(machine.handle(Envelope(comm(0), comm(2), cast_to_other), 2))

    missing = actor_id(proc(2), "b-1other111111")
    port = f"{CASTER}[{handler_port('Undeliverable')}<Undeliverable>]"
    assert (back.sender, back.dest, back.message.envelope.cast_sender) == (comm(2), CASTER, CASTER)
    assert back.message.errors == (
        f"address not routable: no mailbox for actor {missing} registered in muxer",
        f"multicast error: comm actor {comm(2)} failed to deliver the cast message to the dest actor; "
        f"returning to origin {port}",
    )


def test_a_comm_actor_that_has_ended_gives_casts_back_at_once():
    """It failed on a cast that came before its configuration; from then on its mailbox answers with that."""
    root, leaf = node(0), node(2, configured=False)
    leaf.handle(forwards(root.handle(a_cast("first"), 1))[-1], 2)
    leaf.handle(Envelope(CASTER, comm(2), CommMeshConfig(2, ())), 3)

    bounced = leaf.handle(forwards(root.handle(a_cast("second"), 4))[-1], 5)
    [back] = returns(root.handle(returns(bounced)[0], 6))

    failed = f"mailbox error: mailbox owner {comm(2)} failed: CommMeshConfig has not been set yet"
    port = f"{CASTER}[{handler_port('Undeliverable')}<Undeliverable>]"
    assert [c.error for c in bounced if isinstance(c, Bounced)] == [failed]
    assert (back.sender, back.dest, back.message.envelope.cast_sender) == (comm(0), CASTER, CASTER)
    assert back.message.errors == (
        failed,
        RETURNED,
        f"multicast error: comm actor {comm(0)} failed to forward the cast message; returning to origin {port}",
    )


def test_the_proc_of_a_comm_actor_that_failed_takes_no_new_actors():
    """Its failure is an event of the proc like any other (Q30)."""
    root, leaf = node(0), node(2, configured=False)
    leaf.handle(forwards(root.handle(a_cast(), 1))[-1], 2)
    leaf.handle(Envelope(CASTER, agent(2), CreateOrUpdate(Name("b-1other111111"), 2, ActorSpec("TestActor"))), 3)

    [reply] = leaf.handle(Envelope(CASTER, agent(2), GetRankStatus(Name("b-1other111111"), ALICE)), 4)

    assert str(reply.message.runs[0][2]) == "Failed(Cannot spawn new actors on mesh with supervision events)"


def test_a_cast_that_comes_back_to_nobody_is_dropped():
    """The caster is gone; that is a line in the log, and returns never loop."""
    back = Envelope(comm(0), actor_id(proc(2), "gone"), Undeliverable(a_cast(), ("why",)), returnable=False)

    assert [type(command) for command in node(2).handle(back, 1)] == [Bounced]
