"""Comm actors as tables: what a cast becomes at each node, and what becomes of replies and of what comes back.

Source: mesh_model.md 3.6, 4.2 to 4.6, B.5; supervision.md 4.6.
"""

import msgspec
import pytest
from machines import ALICE, CLIENT, CONFIG, CONTROLLER, MESH

from meshsim.model.attributes import UNLIMITED
from meshsim.model.commands import CancelTimer, Fail, GiveBack, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import ChildFailed, CleanupStarted, ClockSet, Started, TimerFired
from meshsim.model.ids import Name, PortRef, actor_id
from meshsim.model.messages import (
    ActorSpec,
    Cast,
    CastMessage,
    CommMeshConfig,
    CreateOrUpdate,
    Envelope,
    ForwardMessage,
    GetRankStatus,
    GetState,
    Number,
    RankStatus,
    StateReply,
    Undeliverable,
    Work,
)
from meshsim.model.messaging.cast_tree import Frame, peers, routed
from meshsim.model.messaging.comm import CommActor
from meshsim.model.messaging.reducers import STATUS_OVERLAY
from meshsim.model.messaging.undeliverable import envelope_text, handler_port
from meshsim.model.notes import Warned
from meshsim.model.shapes.extent import Extent
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.selection import Everything
from meshsim.model.shapes.slice import Range
from meshsim.model.status import NOT_EXIST, RUNNING, STOPPED, State, failed
from meshsim.model.supervision import Generic, UnhandledSupervisionEvent
from meshsim.units import MS

ROOT = Region.of(Extent(("hosts", "gpus"), (2, 4)))
SLICE = ROOT.range("gpus", Range(2, 4))
SIZES = (2, 4)
WORK = Work("step")
REPLY = PortRef(CLIENT, 1030)
OVERLAYS = PortRef(CLIENT, 1030, reducer=STATUS_OVERLAY, max_interval_ns=50 * MS)


def proc(rank):
    return f"unix:@host{rank // 4},w_{rank % 4}-1proc{rank:08}"


def comm(rank):
    return actor_id(proc(rank), "comm-1comm1111111")


def actor(rank):
    return actor_id(proc(rank), MESH)


def comm_actor(rank, config=CONFIG):
    """The comm actor of one rank, configured."""
    machine = CommActor(comm(rank), config)
    book = tuple((peer, comm(peer)) for peer in peers(rank, SIZES))
    assert machine.handle(Envelope(CLIENT, comm(rank), CommMeshConfig(rank, book)), 0) == []
    return machine


def cast(view=ROOT, message=WORK, caster=CLIENT, **keys):
    return Cast(MESH, caster, MESH, view, SIZES, message, **keys)


def begun(view=ROOT, message=WORK, caster=CLIENT, **keys):
    """A cast as it enters at the root."""
    _, selection = routed(view, ROOT, UNLIMITED, ())
    return Envelope(caster, comm(0), CastMessage(cast(view, message, caster, **keys), selection))


def forward(seq, last_seq, *, rank=4, view=ROOT, message=WORK, sender=0, **keys):
    """One forward of a full cast to a node, with the frames that it is for."""
    frames = (Frame((rank // 4, rank % 4), 1 if rank % 4 == 0 else 2, Everything()),)
    return Envelope(comm(sender), comm(rank), ForwardMessage(cast(view, message, **keys), frames, seq, last_seq))


def delivered(rank, view_rank, point, message=WORK, **keys):
    return Envelope(
        comm(rank), actor(rank), message, cast_sender=CLIENT, cast_point=point, cast_mesh=MESH, **keys
    )  # fmt: skip


def edges(commands):
    """Forwards as (from, to, seq, last_seq)."""
    ranks = {comm(rank): rank for rank in range(8)}
    return [
        (ranks[each.sender], ranks[each.dest], each.message.seq, each.message.last_seq)
        for each in commands
        if isinstance(each, Envelope) and isinstance(each.message, ForwardMessage)
    ]


# --- outwards ---------------------------------------------------------------------------------------------


def test_the_root_delivers_and_passes_on():
    """To its own actor first, then to each next hop in order of rank."""
    commands = comm_actor(0).handle(begun(), 0)

    frames = {rank: (Frame((0, rank), 2, Everything()),) for rank in (1, 2, 3)}
    frames[4] = (Frame((1, 0), 1, Everything()),)
    assert commands == [
        delivered(0, 0, "hosts=0/2,gpus=0/4"),
        *(Envelope(comm(0), comm(rank), ForwardMessage(cast(), frames[rank], 1, 0)) for rank in (1, 2, 3, 4)),
    ]


def test_a_leaf_delivers_alone():
    commands = comm_actor(5).handle(forward(1, 0, rank=5, sender=4), 0)

    assert commands == [delivered(5, 5, "hosts=1/2,gpus=1/4")]


def test_a_node_that_is_not_meant_passes_on_alone():
    """Ranks 0 and 4 relay a cast to gpus 2..4; ranks are those of the view."""
    root, below = comm_actor(0), comm_actor(4)

    first = root.handle(begun(SLICE, CreateOrUpdate(MESH, None, ActorSpec("TestActor"))), 0)
    second = below.handle(first[-1], 0)
    [last] = comm_actor(7).handle(second[-1], 0)

    assert edges(first) == [(0, 2, 1, 0), (0, 3, 1, 0), (0, 4, 1, 0)]
    assert edges(second) == [(4, 6, 1, 0), (4, 7, 1, 0)]
    assert len(first) + len(second) == 5
    assert last == delivered(
        7, 3, "hosts=1/2,gpus=1/2", CreateOrUpdate(MESH, 3, ActorSpec("TestActor"))
    )  # fmt: skip


def test_a_cast_to_one_rank_has_the_point_of_a_mesh_without_dimensions():
    view = Region((), 0, (), ())

    assert comm_actor(0).handle(begun(view), 0) == [delivered(0, 0, "")]


def test_what_is_not_returnable_stays_so():
    commands = comm_actor(0).handle(begun(returnable=False), 0)

    assert [each.returnable for each in commands] == [False] * 5


def test_before_its_configuration_a_comm_actor_fails_on_casts():
    for message in (begun(), forward(1, 0)):
        machine = CommActor(comm(0), CONFIG)

        assert machine.handle(message, 0) == [Fail(Generic("CommMeshConfig has not been set yet"))]


# --- streams (B.5) ------------------------------------------------------------------------------------------


def test_the_numbers_of_a_stream():
    """B.5: casts 1 and 3 to all, 2 and 4 to gpus 2..4. A hop that was skipped has no gap."""
    root, below = comm_actor(0), comm_actor(4)
    seen = []
    for view in (ROOT, SLICE, ROOT, SLICE):
        at_root = root.handle(begun(view), 0)
        at_4 = below.handle(at_root[-1], 0)
        seen.append({(src, dst): (seq, last) for src, dst, seq, last in [*edges(at_root), *edges(at_4)]})

    always = [(0, 2), (0, 3), (0, 4), (4, 6), (4, 7)]
    assert seen[0] == dict.fromkeys([(0, 1), *always, (4, 5)], (1, 0))
    assert seen[1] == dict.fromkeys(always, (2, 1))
    assert seen[2] == {(0, 1): (3, 1), (4, 5): (3, 1), **dict.fromkeys(always, (3, 2))}
    assert seen[3] == dict.fromkeys(always, (4, 3))


def test_a_lost_forward_blocks_what_comes_after_it_for_ever():
    """B.5, below the table: node 4 misses cast 2; 3 and 4 wait there, until it comes after all."""
    machine = comm_actor(4)
    machine.handle(forward(1, 0), 0)

    third, fourth = machine.handle(forward(3, 2), 0), machine.handle(forward(4, 3), 0)
    drained = machine.handle(forward(2, 1), 0)

    assert third == [Warned(comm(4), f"holding back cast 3 (after 2) of {MESH} {CLIENT}: only 1 was handled so far")]
    assert fourth == [Warned(comm(4), f"holding back cast 4 (after 3) of {MESH} {CLIENT}: only 1 was handled so far")]
    assert [seq for _, dst, seq, _ in edges(drained) if dst == 7] == [2, 3, 4]
    assert len(drained) == 3 * 4


def test_what_was_handled_before_is_dropped():
    machine = comm_actor(4)
    machine.handle(forward(1, 0), 0)

    assert machine.handle(forward(1, 0), 0) == [
        Warned(comm(4), f"dropped cast 1 (after 0) of {MESH} {CLIENT}: 1 was handled already")
    ]


@pytest.mark.parametrize("keys", [{"caster": CONTROLLER}, {"mesh": Name("b-1actors22222")}])
def test_streams_do_not_wait_for_each_other(keys):
    """A stream is a mesh and who casts to it."""
    machine = comm_actor(0)
    machine.handle(begun(), 0)
    other = begun()
    body = msgspec.structs.replace(other.message.cast, **keys)

    commands = machine.handle(Envelope(CLIENT, comm(0), CastMessage(body, other.message.selection)), 0)

    assert [seq for _, _, seq, _ in edges(commands)] == [1] * 4


# --- and back -----------------------------------------------------------------------------------------------


def asked(rank, message, config=CONFIG):
    """A comm actor that has passed on a question, and the port that it wants the answers on."""
    machine = comm_actor(rank, config)
    commands = machine.handle(begun(message=message) if rank == 0 else forward(1, 0, rank=rank, message=message), 0)
    ports = {reply_of(each.message) for each in commands}
    assert len(ports) == 1
    return machine, ports.pop()


def reply_of(message):
    return message.cast.message.reply if isinstance(message, ForwardMessage) else message.reply


def answer(port, message, sender=None):
    return Envelope(sender or comm(1), port.actor, message, port.index)


def test_those_who_get_a_question_answer_to_the_comm_actor():
    """Answers to a port without a reducer are passed on one by one, without headers and with the port's flag."""
    for returnable in (True, False):
        machine, port = asked(0, GetState(MESH, msgspec.structs.replace(REPLY, returnable=returnable)))
        reply = StateReply(State(MESH, RUNNING))

        commands = machine.handle(answer(port, reply), 5)

        assert port == PortRef(comm(0), 1024, returnable)
        assert commands == [Envelope(comm(0), CLIENT, reply, 1030, returnable)]


def test_a_question_about_states_is_over_with_its_last_answer():
    """One from each rank at this node and below."""
    machine, port = asked(4, GetState(MESH, REPLY))

    for _ in range(4):
        assert machine.accepts(port.index)
        machine.handle(answer(port, StateReply(State(MESH, RUNNING))), 5)

    assert not machine.accepts(port.index)


def test_statuses_are_merged_on_their_way():
    """B.6, first row, in short: two that come within the interval go on as one."""
    machine, port = asked(4, GetRankStatus(MESH, OVERLAYS))

    first = machine.handle(answer(port, RankStatus(((4, 5, RUNNING),))), 0)
    second = machine.handle(answer(port, RankStatus(((5, 6, RUNNING),))), MS // 2)
    alarm = machine.handle(TimerFired(comm(4), f"split:{port.index}"), 2 * MS)

    assert first == [SetTimer(comm(4), f"split:{port.index}", MS)]
    assert second == [SetTimer(comm(4), f"split:{port.index}", 3 * MS // 2)]
    assert alarm == [Envelope(comm(4), CLIENT, RankStatus(((4, 6, RUNNING),)), 1030)]
    assert machine.accepts(port.index)


def test_five_statuses_do_not_wait():
    machine, port = asked(0, GetRankStatus(MESH, OVERLAYS))
    for rank in range(4):
        machine.handle(answer(port, RankStatus(((rank, rank + 1, STOPPED),))), 0)

    commands = machine.handle(answer(port, RankStatus(((4, 8, failed("x")),))), 0)

    assert commands == [
        Envelope(comm(0), CLIENT, RankStatus(((0, 4, STOPPED), (4, 8, failed("x")))), 1030),
        CancelTimer(comm(0), f"split:{port.index}"),
    ]


def test_one_reply_comes_of_a_once_port():
    """B.4: node 4 of a full cast gets four updates and sends one; then the port is gone."""
    machine, port = asked(4, GetRankStatus(MESH, msgspec.structs.replace(OVERLAYS, once=True)))
    runs = [((rank, rank + 1, RUNNING),) for rank in range(4, 8)]

    said = [machine.handle(answer(port, RankStatus(each)), 0) for each in runs]

    assert said == [[], [], [], [Envelope(comm(4), CLIENT, RankStatus(((4, 8, RUNNING),)), 1030)]]
    assert not machine.accepts(port.index)


def test_a_once_port_without_reducer_is_not_split():
    once = msgspec.structs.replace(REPLY, once=True)

    _, port = asked(0, GetState(MESH, once))

    assert port == once


def test_a_reply_that_cannot_be_reduced_goes_back():
    machine, port = asked(4, GetRankStatus(MESH, msgspec.structs.replace(OVERLAYS, once=True)))
    wrong = answer(port, Number(1))
    machine.handle(answer(port, RankStatus(((4, 5, RUNNING),))), 0)

    commands = machine.handle(wrong, 0)

    assert commands == [GiveBack(wrong, "mailbox error: cannot reduce Number, expected RankStatus")]
    assert not machine.accepts(port.index)


def test_replies_that_fail_to_reduce_at_an_alarm_are_a_line_in_the_log():
    machine, port = asked(4, GetRankStatus(MESH, OVERLAYS))
    machine.handle(answer(port, Number(1)), 0)
    machine.handle(answer(port, RankStatus(())), 0)

    [warning] = machine.handle(TimerFired(comm(4), f"split:{port.index}"), 2 * MS)

    text = f"updates for {CLIENT}[1030] cannot be reduced: cannot reduce Number, expected RankStatus"
    assert warning == Warned(comm(4), text)


def test_an_answer_is_known_by_who_gave_it_only_with_q24_off():
    """The first comm actor on the way writes it down, the others leave it."""
    off = Config.of({}, ("Q24",))
    unknown = StateReply(State(MESH, NOT_EXIST))
    below, lower = asked(4, GetState(MESH, REPLY), off)
    above, upper = asked(0, GetState(MESH, REPLY), off)

    [first] = below.handle(answer(lower, unknown, actor(4)), 0)
    [second] = above.handle(msgspec.structs.replace(first, dest=comm(0), port=upper.index), 0)

    assert (first.replier, second.replier, second.sender) == (actor(4), actor(4), comm(0))


# --- not delivered (4.6) ------------------------------------------------------------------------------------


def returned(message, *errors):
    """`message` comes back to the comm actor that sent it."""
    return Envelope(message.dest, message.sender, Undeliverable(message, errors), returnable=False)


@pytest.mark.parametrize("index", [0, -1], ids=["delivery", "forward"])
def test_what_cannot_be_delivered_goes_to_the_true_caster(index):
    """With what the comm actor has to say, and the caster in the header."""
    machine = comm_actor(4)
    lost = machine.handle(forward(1, 0, caster=CONTROLLER), 0)[index]

    commands = machine.handle(returned(lost, "broken link: gone"), 0)

    what = (
        "failed to deliver the cast message to the dest actor" if index == 0 else "failed to forward the cast message"
    )
    error = (
        f"multicast error: comm actor {comm(4)} {what}; returning to origin "
        f"{CONTROLLER}[{handler_port('Undeliverable')}<Undeliverable>]"
    )
    back = msgspec.structs.replace(lost, cast_sender=CONTROLLER)
    undeliverable = Undeliverable(back, ("broken link: gone", error))
    assert commands == [Envelope(comm(4), CONTROLLER, undeliverable, returnable=False)]


def test_a_reply_that_nobody_takes_is_a_line_in_the_log():
    """3.6: its sender is not told."""
    machine, port = asked(0, GetState(MESH, REPLY))
    [reply] = machine.handle(answer(port, StateReply(State(MESH, RUNNING))), 0)

    commands = machine.handle(returned(reply, "a", "b"), 0)

    assert commands == [Warned(comm(0), f"message not delivered, {envelope_text(reply, ('a', 'b'))}")]


# --- as an actor --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [Started(), CleanupStarted(failed=False), ClockSet(5)])
def test_nothing_else_concerns_it(event):
    machine = comm_actor(0)

    assert (machine.handle(event, 0), machine.busy, machine.accepts(1024)) == ([], False, False)


def test_a_child_it_does_not_have_would_be_its_end():
    event = ChildFailed(None)

    assert comm_actor(0).handle(event, 0) == [Fail(UnhandledSupervisionEvent(None))]


@pytest.mark.parametrize("event", [Envelope(ALICE.actor, comm(0), WORK), "no event"])
def test_what_it_cannot_take_is_a_bug(event):
    with pytest.raises(AssertionError):
        comm_actor(0).handle(event, 0)
