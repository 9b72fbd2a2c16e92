"""A process whose receivers put messages back in their order (mesh_model.md 3.7)."""

import msgspec
from machines import ALICE, MESH, Puppet, proc_name
from test_node import NODE, ROOT, Puppeteer, create, ends, proc_node, work

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import CancelTimer, Fail, SetTimer
from meshsim.model.config import Config
from meshsim.model.events import Started, TimerFired
from meshsim.model.ids import Node
from meshsim.model.messages import Envelope, SeqInfo, Work
from meshsim.model.messaging.sequencing import session_of
from meshsim.model.notes import Warned
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.supervision import Generic


def ordering_node(**puppets):
    """As `proc_node`, with receivers that put messages in their order."""
    boot = NodeBoot(
        NODE,
        "proc",
        Config.of({"ENABLE_DEST_ACTOR_REORDERING_BUFFER": True}).values(),
        proc_name=proc_name(0),
        host=Node("host0"),
    )
    node = NodeMachine(boot, Program({"Puppet": Puppeteer(**puppets)}))
    node.handle(Started(), 0)
    node.handle(create(MESH, {"puppet": "root"}), 0)
    return node


def nth(number, text):
    return msgspec.structs.replace(work(text), seq=SeqInfo("s", number))


def test_what_comes_early_is_handled_after_what_was_posted_before_it():
    """And what came before is dropped, with a warning."""
    one, two = (Envelope(ROOT, ALICE.actor, Work(text), returnable=False) for text in ("one", "two"))
    node = ordering_node(root=Puppet(answers={"one": [one], "two": [two]}))

    early = node.handle(nth(2, "two"), 0)
    both = node.handle(nth(1, "one"), 1)
    again = node.handle(nth(2, "two"), 2)

    mine = session_of(ROOT)
    assert early == []
    assert both == [
        msgspec.structs.replace(one, seq=SeqInfo(mine, 1)),
        msgspec.structs.replace(two, seq=SeqInfo(mine, 2)),
    ]
    assert again == [Warned(ROOT, f"duplicate message s:2 from {ALICE.actor} is dropped")]


def test_what_was_early_is_lost_with_the_actor_that_ends_before_it():
    node = ordering_node(root=Puppet(answers={"fail": [Fail(Generic("boom"))], "two": [SetTimer(ROOT, "x", 1)]}))
    node.handle(nth(2, "two"), 0)

    commands = node.handle(nth(1, "fail"), 0)

    assert [actor for actor, _ in ends(commands)] == [ROOT]
    assert not any(isinstance(command, SetTimer) for command in commands)


def test_without_the_switch_nothing_has_a_number_or_waits():
    one = Envelope(ROOT, ALICE.actor, Work("one"), returnable=False)
    node = proc_node(root=Puppet(answers={"one": [one]}))

    assert node.handle(nth(7, "one"), 0) == [one]


# --- order of checks (mesh_model.md 3.2) ---------------------------------------------------------------------------


def test_a_port_that_is_not_there_counts_more_than_an_end():
    """Ports that an actor opened are gone with it; its handler ports tell how it ended."""
    node = proc_node(root=Puppet(answers={"fail": [Fail(Generic("boom"))]}))
    node.handle(work("fail"), 0)
    late, reply = work("late"), msgspec.structs.replace(work("late"), port=1024)

    errors = [command.error for each in (late, reply) for command in node.handle(each, 1)]

    assert errors == [
        f"mailbox error: mailbox owner {ROOT} failed: boom",
        "address not routable: port not bound in mailbox; port id: 1024; message type: Work",
    ]


# --- delayed messages to oneself (mesh_model.md 3.9) ----------------------------------------------------------------


def test_a_delayed_message_is_not_called_back_when_its_actor_ends():
    """Any other timer is. When it is due, a line in the log is all that comes of it."""
    timers = [SetTimer(ROOT, "check_state", 5), SetTimer(ROOT, "idle", 5)]
    node = proc_node(root=Puppet(answers={"wait": timers, "fail": [Fail(Generic("boom"))]}))
    node.handle(work("wait"), 0)

    ended = node.handle(work("fail"), 1)

    assert [command.key for command in ended if isinstance(command, CancelTimer)][:1] == ["idle"]
    assert node.handle(TimerFired(ROOT, "check_state"), 5) == [Warned(ROOT, "error sending delayed message")]
