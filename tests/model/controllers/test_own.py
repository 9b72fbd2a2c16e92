"""The base of a user's own controller: what it adds to the polling one, and that it adds nothing unasked."""

import msgspec
import pytest
from machines import (
    ALICE,
    CLIENT,
    CONFIG,
    CONTROLLER,
    actor,
    actor_mesh,
    agent,
    event_of,
    overlay,
    to_owner,
    to_subscriber,
)
from test_controller import P, asked_actors, asked_procs, check, ended, polled, reschedule, subscribed, tell

from meshsim.model.boot import ControllerSetting
from meshsim.model.commands import CancelTimer, SetTimer
from meshsim.model.config import Config
from meshsim.model.controllers.cleanup_controller import CleanupController
from meshsim.model.controllers.controller import ActorMeshController
from meshsim.model.controllers.own import Change, OwnController
from meshsim.model.controllers.streaming import StreamingController
from meshsim.model.events import CleanupStarted, Started, TimerFired
from meshsim.model.ids import ActorId, PortRef
from meshsim.model.messages import ActorSpec, Envelope, GetRankStatus, RankStatus, Stop
from meshsim.model.notes import Warned
from meshsim.model.state import copied, fingerprint
from meshsim.model.status import RUNNING, failed
from meshsim.model.supervision import Crashed, Generic, MeshFailure, actor_failed

SPEC = ActorSpec("TestActor", {"depth": 2})
BOOM = event_of(actor(1), actor_failed(Generic("boom")))
FAILED = failed("because of supervision events: boom")
CRASH = MeshFailure(actor_mesh(2).name, 1, BOOM)


def setting(ranks=2, *, config=CONFIG, **params):
    statuses = dict.fromkeys(range(ranks), RUNNING)
    return ControllerSetting(actor_mesh(ranks, controller=None), "trainer", CLIENT, statuses, config, SPEC, params)


class Telling(OwnController):
    """Says in warnings which of its places was come to."""

    def said(self, *what):
        return [Warned(self.me, " ".join(str(each) for each in what))]

    def on_begin(self, now_ns):
        return self.said("begin", now_ns)

    def on_change(self, change):
        return self.said("change", change.rank, change.event.actor_status.phase.value, change.proc_stopped)

    def on_answer(self, port, message, now_ns):
        return self.said("answer", port, type(message).__name__, now_ns)

    def on_alarm(self, key, now_ns):
        return self.said("alarm", key, now_ns)

    def on_end(self, reason):
        return self.said("end", reason)


def begun(kind=OwnController, *, config=CONFIG, **params):
    """One that began at time 0, as a node spawns it."""
    machine = kind.for_mesh(setting(config=config, **params))
    machine.me = CONTROLLER
    machine.handle(Started(), 0)
    return machine


def said(commands):
    return [command.text for command in commands if isinstance(command, Warned)]


# --- unchanged -----------------------------------------------------------------------------------------------


def test_one_that_fills_no_place_is_the_polling_controller():
    """Command for command: a beginning, a healthy poll, one that finds a failure, a stop, the cleanup."""
    own = subscribed(begun(), ALICE)
    polling = subscribed(begun(ActorMeshController), ALICE)

    def life(machine):
        yield polled(machine, (RUNNING, ()), (RUNNING, ()))
        yield polled(machine, (RUNNING, ()), (FAILED, (BOOM,)), now_ns=2 * P)
        yield machine.handle(tell(Stop(machine.mesh.name, "enough")), 3 * P)
        yield machine.handle(CleanupStarted(failed=False), 4 * P)

    assert list(life(own)) == list(life(polling))


@pytest.mark.parametrize("kind", [ActorMeshController, StreamingController, CleanupController, OwnController])
def test_every_kind_is_made_from_what_the_spawn_found_out(kind):
    made = kind.for_mesh(setting())

    assert (made.me, made.owner, made.display_name) == (ActorId(""), CLIENT, "trainer")
    assert made.statuses == {0: RUNNING, 1: RUNNING}


def test_it_also_knows_what_its_actors_are_made_of():
    made = OwnController.for_mesh(setting(patience=2))

    assert (made.spec, made.params) == (SPEC, {"patience": 2})


# --- the places ----------------------------------------------------------------------------------------------


def test_it_begins_after_the_poll_is_scheduled():
    machine = Telling.for_mesh(setting())
    machine.me = CONTROLLER

    assert machine.handle(Started(), 7) == [reschedule(), Warned(CONTROLLER, "begin 7")]


def test_a_change_that_it_does_not_tell_is_told_by_nobody():
    """The poll found it, and finds a thing once: that is what a subclass has to know."""
    machine = subscribed(begun(Telling), ALICE)

    commands = polled(machine, (RUNNING, ()), (FAILED, (BOOM,)))

    assert said(commands) == ["change 1 failed False"]
    assert machine.unhealthy_event is None
    assert said(polled(machine, (RUNNING, ()), (FAILED, (BOOM,)), now_ns=2 * P)) == []


def test_a_change_that_it_tells_reaches_owner_and_subscribers():
    machine = subscribed(begun(), ALICE)

    commands = polled(machine, (RUNNING, ()), (FAILED, (BOOM,)))

    assert commands[1:] == [to_owner(CRASH), to_subscriber(ALICE, CRASH), ended("changed"), reschedule()]
    assert machine.unhealthy_event == Crashed(CRASH)


def test_its_alarms_are_not_those_of_the_poll():
    """Even when one is called like a timer of the poll."""
    machine = begun(Telling)

    assert machine.alarm("check_state", 5) == SetTimer(CONTROLLER, "alarm:check_state", 5)
    assert machine.cancel("check_state") == CancelTimer(CONTROLLER, "alarm:check_state")
    assert said(machine.handle(TimerFired(CONTROLLER, "alarm:check_state"), 5)) == ["alarm check_state 5"]
    assert machine.handle(TimerFired(CONTROLLER, "check_state"), P) == [check()]


def test_an_answer_comes_to_the_port_that_was_opened_for_it():
    machine = begun(Telling)
    reply = machine.open_port()

    assert reply == PortRef(CONTROLLER, 1024, returnable=False)
    assert machine.send(1, GetRankStatus(machine.mesh.name, reply)) == Envelope(
        CONTROLLER, agent(1), GetRankStatus(machine.mesh.name, reply), returnable=False
    )
    assert machine.accepts(1024)
    assert machine.takes(1024, RankStatus(()))
    assert said(machine.handle(overlay(agent(1), CONTROLLER, 1024, (1, 2, RUNNING)), 9)) == ["answer 1024 RankStatus 9"]

    machine.close_port(1024)

    assert not machine.accepts(1024)


def test_answers_and_alarms_do_not_wait_for_a_poll():
    """And the poll's own port is none of its ports."""
    machine = begun(Telling)
    own = machine.open_port().index
    polling = asked_actors(machine)

    assert said(machine.handle(overlay(agent(1), CONTROLLER, own), P)) == [f"answer {own} RankStatus {P}"]
    assert said(machine.handle(TimerFired(CONTROLLER, "alarm:late"), P)) == [f"alarm late {P}"]
    assert (machine.accepts(own), machine.accepts(polling), machine.busy) == (True, True, True)
    assert not machine.takes(polling, RankStatus(()))


def stop(reason):
    return tell(Stop(actor_mesh(2).name, reason))


@pytest.mark.parametrize(
    ("events", "ends"),
    [
        ([stop("enough")], ["end enough"]),
        ([stop("enough"), stop("again")], ["end enough"]),
        ([stop("enough"), CleanupStarted(failed=False)], ["end enough"]),
        ([CleanupStarted(failed=True)], ["end actor mesh controller cleanup"]),
    ],
    ids=["stopped", "stopped twice", "stopped and over", "over"],
)
def test_it_is_told_of_the_end_once(events, ends):
    machine = begun(Telling)
    said_of = []
    for event in events:
        said_of += said(machine.handle(event, P))
        machine.phase = type(machine.phase).IDLE

    assert said_of == ends


def test_the_end_comes_also_when_every_rank_has_ended_by_itself():
    """The polling is over by then and a stop changes nothing (Q13), but what it started besides has to be stopped."""
    machine = begun(Telling, config=Config.of({}))
    polled(machine, (FAILED, (BOOM,)), (FAILED, (BOOM,)))

    assert not machine.monitoring
    assert said(machine.handle(stop("enough"), 2 * P)) == ["end enough"]


def test_a_place_that_is_come_to_and_not_filled_is_a_mistake():
    machine = begun()
    port = machine.open_port().index

    with pytest.raises(AssertionError, match="takes no answers"):
        machine.handle(overlay(agent(0), CONTROLLER, port), 0)
    with pytest.raises(AssertionError, match="set no alarm: late"):
        machine.handle(TimerFired(CONTROLLER, "alarm:late"), 0)


def test_its_state_is_a_value():
    """Copied, compared and hashed as that of any machine, fields of the subclass included."""

    class Counting(OwnController):
        seen: list[Change] = msgspec.field(default_factory=list)

        def on_change(self, change):
            self.seen.append(change)
            return self.tell(change)

    machine = begun(Counting)
    port = asked_procs(machine)
    before = copied(machine)
    assert fingerprint(before) == fingerprint(machine)

    machine.seen.append(Change(0, BOOM, proc_stopped=False))

    assert machine.accepts(port)
    assert before.seen == []
    assert fingerprint(before) != fingerprint(machine)
