"""Several procs in one process: booted, reached from each other, torn down in time (mesh_model.md 6.6)."""

import pytest
from machines import ALICE, CLIENT_PROC, CONFIG, MESH, Puppet

from meshsim.model.agents.proc_agent import ProcAgent
from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import (
    BootProc,
    CancelTimer,
    DestroyProc,
    ExitProcess,
    Fail,
    SetTimer,
    SpawnChild,
    SpawnProcess,
    StopSelf,
)
from meshsim.model.events import ChildExited, Started, TimerFired
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Name, Node, PortRef, actor_id, proc_agent_id, proc_id
from meshsim.model.messages import ActorSpec, CreateOrUpdate, Envelope, Work
from meshsim.model.messaging.undeliverable import RETURNED, mailbox_closed_error, no_mailbox_error
from meshsim.model.notes import ActorStatusChanged, Bounced, LocalDelivery
from meshsim.model.runtime.node import NodeMachine
from meshsim.model.runtime.teardown import TEARDOWN_TIMER, Teardown, keeper_of
from meshsim.model.supervision import Generic
from meshsim.units import S

BOSS = actor_id(CLIENT_PROC, "client")
P, Q = proc_id("unix:@client", "p"), proc_id("unix:@client", "q")
AGENT_P, AGENT_Q = actor_id(P, "agent"), actor_id(Q, "agent")
KEEPER = keeper_of(P)


class Puppets:
    """An actor type whose actors are puppets prepared by the test."""

    def __init__(self, *puppets):
        self.puppets = list(puppets)

    def construct(self, setting, params):
        puppet = self.puppets.pop(0)
        puppet.me = setting.me
        return puppet


def node_of(answers, *actors):
    """A client process whose root actor is a puppet that does what `answers` say."""
    node = NodeMachine(NodeBoot(Node("client"), "client", CONFIG.values()), Program({"Puppet": Puppets(*actors)}))
    node.cells[BOSS].machine = Puppet(me=BOSS, answers=answers)
    node.handle(Started(), 0)
    return node


def two_procs(p, q=None):
    """Procs `p` and `q` beside the client's own, each with a puppet as its agent."""
    boots = [BootProc(p), BootProc(q or Puppet(me=AGENT_Q))]
    node = node_of({"boot": boots, "destroy": [DestroyProc(P, 5 * S, "enough")]})
    node.handle(work("boot", BOSS), 0)
    return node


def work(text, dest, sender=ALICE.actor):
    return Envelope(sender, dest, Work(text))


def ends(commands):
    return [
        (note.actor, note.text)
        for note in commands
        if isinstance(note, ActorStatusChanged) and note.phase.value in {"stopped", "failed"}
    ]


def test_procs_of_one_process_talk_without_the_network():
    node = two_procs(Puppet(me=AGENT_P, answers={"go": [work("hello", AGENT_Q, AGENT_P)]}))

    commands = node.handle(work("go", AGENT_P), 0)

    assert commands == [LocalDelivery(work("hello", AGENT_Q, AGENT_P))]
    assert node.cells[AGENT_Q].machine.heard == ["hello"]


def test_an_actor_that_was_written_to_too_early_is_found_later():
    """Before its proc is booted it is somebody else's; that is not remembered beyond the boot."""
    boots = [BootProc(Puppet(me=AGENT_P))]
    node = node_of({"early": [work("hello", AGENT_P, BOSS)], "boot": boots})

    early = node.handle(work("early", BOSS), 0)
    node.handle(work("boot", BOSS), 0)
    late = node.handle(work("early", BOSS), 0)

    assert early == [work("hello", AGENT_P, BOSS)]
    assert late == [LocalDelivery(work("hello", AGENT_P, BOSS))]


def test_an_actor_the_process_does_not_know_bounces():
    """A proc of this address that nobody booted: the message reaches the process, and that is all."""
    node = two_procs(Puppet(me=AGENT_P))
    lost = work("hello", actor_id(proc_id("unix:@client", "r"), "agent"))

    commands = node.handle(lost, 0)

    error = no_mailbox_error(lost.dest)
    assert commands[0] == Bounced(lost, error)
    assert commands[1].message.errors == (error, RETURNED)


def test_a_failure_goes_to_the_coordinator_of_its_own_proc():
    """Each proc has its own agent; the process goes on."""
    actor = Puppet(answers={"fail": [Fail(Generic("broken"))]})
    agent = ProcAgent(proc_agent_id(P), P, CONFIG)
    node = node_of({"boot": [BootProc(agent)]}, actor)
    node.handle(work("boot", BOSS), 0)
    node.handle(Envelope(BOSS, agent.me, CreateOrUpdate(MESH, 0, ActorSpec("Puppet"))), 0)

    node.handle(work("fail", actor.me), 0)

    assert list(agent.supervision_events) == [actor_id(P, MESH)]
    assert not node.exiting


def test_a_failure_without_coordinator_ends_the_whole_process():
    """Procs of one process share its fate (supervision.md 4.5 step 10)."""
    boss = {"boot": [BootProc(Puppet(me=AGENT_P, answers={"fail": [Fail(Generic("x"))]}), coordinates=False)]}
    node = node_of(boss)
    node.handle(work("boot", BOSS), 0)

    assert node.handle(work("fail", AGENT_P), 0)[-1] == ExitProcess(1)


def test_children_are_counted_for_each_proc():
    """The same name in two procs: pid 1 twice."""
    spawn = {"spawn": [SpawnChild(Name("kid"), Puppet())]}
    node = two_procs(
        Puppet(me=AGENT_P, answers=spawn), Puppet(me=AGENT_Q, answers={"spawn": [SpawnChild(Name("kid"), Puppet())]})
    )

    for agent in (AGENT_P, AGENT_Q):
        node.handle(work("spawn", agent), 0)

    assert {actor_id(P, "kid", 1), actor_id(Q, "kid", 1)} < set(node.cells)


# --- tearing down ----------------------------------------------------------------------------------------------


def test_a_proc_is_torn_down_and_the_process_goes_on():
    """Every root actor drains and stops; who booted the proc is told; the others do not notice."""
    node = two_procs(Puppet(me=AGENT_P))

    commands = node.handle(work("destroy", BOSS), 1 * S)

    assert ends(commands) == [(AGENT_P, "stopped: enough")]
    assert [c for c in commands if isinstance(c, SetTimer | CancelTimer)] == [
        SetTimer(KEEPER, TEARDOWN_TIMER, 5 * S),
        CancelTimer(KEEPER, TEARDOWN_TIMER),
    ]
    assert node.cells[BOSS].machine.heard[-1] == "gone: 1 stopped, 0 aborted"
    assert not node.cells[AGENT_Q].is_terminal


def test_an_actor_that_is_late_is_aborted():
    """No cleanup; it looks like a clean stop, and the proc is gone without it."""
    node = two_procs(Puppet(me=AGENT_P, slow=["hang"]))
    node.handle(work("hang", AGENT_P), 0)

    begun = node.handle(work("destroy", BOSS), 1 * S)
    late = node.handle(TimerFired(KEEPER, TEARDOWN_TIMER), 6 * S)

    assert begun == [SetTimer(KEEPER, TEARDOWN_TIMER, 5 * S)]
    assert ends(late) == [(AGENT_P, "stopped: instance is dropped")]
    assert node.cells[BOSS].machine.heard[-1] == "gone: 0 stopped, 1 aborted"
    assert node.cells[AGENT_P].machine.heard == ["hang"]


def test_mail_for_a_proc_that_is_going_is_refused_by_its_actor_and_then_by_nobody():
    """While it is torn down an ended actor answers with how it ended; afterwards nobody knows it."""
    node = two_procs(Puppet(me=AGENT_P, answers={"end": [StopSelf("done")]}))
    node.handle(work("end", AGENT_P), 0)
    before = node.handle(work("x", AGENT_P), 0)

    node.handle(work("destroy", BOSS), 1 * S)
    after = node.handle(work("x", AGENT_P), 2 * S)

    assert before[0].error == mailbox_closed_error(AGENT_P, node.cells[AGENT_P].status)
    assert after[0].error == no_mailbox_error(AGENT_P)
    assert node.cells[BOSS].machine.heard[-1] == "gone: 0 stopped, 0 aborted"


def test_a_second_teardown_changes_nothing():
    node = two_procs(Puppet(me=AGENT_P, slow=["hang"]))
    node.handle(work("hang", AGENT_P), 0)
    node.handle(work("destroy", BOSS), 1 * S)

    assert node.handle(work("destroy", BOSS), 2 * S) == []
    node.handle(TimerFired(KEEPER, TEARDOWN_TIMER), 6 * S)
    assert node.handle(work("destroy", BOSS), 7 * S) == []
    assert node.cells[BOSS].machine.heard.count("gone: 0 stopped, 1 aborted") == 1


def test_a_child_that_was_abandoned_fails_with_nobody_to_tell():
    """Children of an aborted actor are not aborted; once their proc is gone, a failure is the end of the process."""
    kid = Puppet(slow=["hang"], answers={"timer done": [Fail(Generic("x"))]})
    node = two_procs(Puppet(me=AGENT_P, slow=["hang"], answers={"spawn": [SpawnChild(Name("kid"), kid)]}))
    for text, dest in (("spawn", AGENT_P), ("hang", kid.me or actor_id(P, "kid", 1)), ("hang", AGENT_P)):
        node.handle(work(text, actor_id(P, "kid", 1) if dest != AGENT_P else AGENT_P), 0)
    node.handle(work("destroy", BOSS), 1 * S)
    node.handle(TimerFired(KEEPER, TEARDOWN_TIMER), 6 * S)

    assert node.handle(TimerFired(kid.me, "done"), 7 * S)[-1] == ExitProcess(1)


@pytest.mark.parametrize("who", [BOSS, AGENT_P])
def test_the_end_of_a_child_process_is_told_to_who_started_it(who):
    launch = {"launch": [SpawnProcess(Name("w"), PortRef(who, 1024), {}, True)]}
    node = two_procs(Puppet(me=AGENT_P, answers=launch))
    node.cells[BOSS].machine.answers.update(launch)
    told = []
    for actor in (BOSS, AGENT_P):
        machine = node.cells[actor].machine
        node.cells[actor].machine = Ear(machine, told)

    node.handle(work("launch", who), 0)
    node.handle(ChildExited(Name("w"), ExitStatus(code=0)), 1 * S)

    assert told == [who]


class Ear:
    """A puppet that may be told of the end of a child process."""

    def __init__(self, puppet, told):
        self.puppet, self.told, self.me, self.busy = puppet, told, puppet.me, False

    def accepts(self, port):
        return False

    def takes(self, port, message):
        return True

    def binds(self, message):
        return True

    def handle(self, event, now_ns):
        if isinstance(event, ChildExited):
            self.told.append(self.me)
            return []
        return self.puppet.handle(event, now_ns)


def test_a_teardown_knows_who_is_left():
    a, b = ActorId("a"), ActorId("b")
    teardown = Teardown([a, b])

    assert [teardown.ended(actor) for actor in (ActorId("c"), b, b, a)] == [False, False, False, True]
    assert (teardown.stopped, teardown.remaining) == ([b, a], [])


def test_what_happens_in_a_proc_is_part_of_the_state():
    one, other = two_procs(Puppet(me=AGENT_P, slow=["hang"])), two_procs(Puppet(me=AGENT_P, slow=["hang"]))
    for node in (one, other):
        node.handle(work("hang", AGENT_P), 0)
    assert one.snapshot() == other.snapshot()

    one.handle(work("destroy", BOSS), 1 * S)

    assert one.snapshot()["teardowns"] == {P: {"remaining": [AGENT_P], "stopped": []}}
