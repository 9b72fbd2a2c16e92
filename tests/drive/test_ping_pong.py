"""Two actors on different hosts that play ping-pong, and what becomes of the ball when one of them is gone."""

from __future__ import annotations

from collections.abc import Generator

import pytest
import simpy
from small_worlds import at, found

from meshsim.drive.conductor import Conductor
from meshsim.faults.kinds import Signal
from meshsim.model.actors.plain import TestActor
from meshsim.model.actors.registry import default_program
from meshsim.model.commands import Command
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, Undeliverable, Work
from meshsim.model.notes import ActorStatusChanged
from meshsim.model.supervision import ActorPhase
from meshsim.scenario.plan import Plan, plan
from meshsim.scenario.schema import Actors, Procs, Scenario, StopActorsOp, Topology
from meshsim.sim import SimBackend
from meshsim.trace.records import MessageReturned, Record

MESSAGES = 100


class PingPongActor(TestActor):
    """Plays the ball to the actor that it names, and back to whoever played it; survives a ball that comes back."""

    def _on_message(self, envelope: Envelope, now_ns: int) -> list[Command]:
        match envelope.message:
            case Work(text=""):
                return []
            case Work(text="ball"):
                return [Envelope(self.me, envelope.sender, Work())]
            case Work(text=peer):
                return [Envelope(self.me, ActorId(peer), Work("ball"))]
            case Undeliverable():
                return []
            case _:
                return super()._on_message(envelope, now_ns)


def world(**keys: object) -> Plan:
    """`ping` on host0 and `pong` on host1."""
    names = ("ping", "pong")
    topology = Topology(
        hosts=2,
        procs=[Procs(name=f"{name}s", hosts=[f"host{index}"]) for index, name in enumerate(names)],
        actors=[Actors(name=name, procs=f"{name}s", actor="TestActor") for name in names],
    )
    config = {"message_delivery_timeout": "5s"}
    return plan(Scenario(name="ping-pong", horizon=at(30), topology=topology, config=config, **keys), 0)  # type: ignore[arg-type]


def played(plan: Plan) -> tuple[list[Record], ActorId, ActorId]:
    """Records of a run in which ping gets 100 balls to play at 5 s, one each millisecond; ping and pong."""
    program = default_program()
    program.actor_types["TestActor"] = PingPongActor
    conductor = Conductor(plan, SimBackend(program))
    players: list[ActorId] = []

    def play() -> Generator[simpy.Event, object, None]:
        yield conductor.env.timeout(int(at(5)))
        for name in ("ping[0]", "pong[0]"):
            player = conductor.directory.actor(name)
            assert player is not None
            players.append(player)
        ping, pong = players
        for _ in range(MESSAGES):
            yield conductor.env.timeout(int(at(0.001)))
            conductor.post.tell(ping, Envelope(ActorId("scenario"), ping, Work(pong), returnable=False), -1)

    conductor.env.process(play())
    conductor.run()
    return conductor.records, players[0], players[1]


def test_a_ball_is_played_back() -> None:
    records, ping, pong = played(world())

    balls = [each for each in found(records, Envelope) if {each.sender, each.dest} == {ping, pong}]
    assert [ball.dest for ball in balls].count(pong) == [ball.dest for ball in balls].count(ping) == MESSAGES
    assert found(records, MessageReturned) == []


@pytest.mark.parametrize("stopped_s", [2, 4.9])
def test_undeliverable_message_return(stopped_s: float) -> None:
    """Pong's mesh is stopped: each of 100 messages comes back, exactly once, and ping lives (supervision.md 15.4)."""
    records, ping, pong = played(world(operations=[StopActorsOp(mesh="pong", at=at(stopped_s))]))

    returns = [each.message for each in found(records, Envelope) if isinstance(each.message, Undeliverable)]
    assert [(back.envelope.sender, back.envelope.dest) for back in returns] == [(ping, pong)] * MESSAGES
    assert {back.errors for back in returns} == {
        (f"mailbox error: mailbox owner {pong} is stopped: stopped by client", "broken link: message was undeliverable")
    }
    assert [each.phase for each in found(records, ActorStatusChanged) if each.actor == ping][-1] is ActorPhase.IDLE


def test_every_message_to_a_process_that_died_comes_back_once() -> None:
    """It dies while balls are played: those on the wire, those it had taken, and those that were never written."""
    fault = Signal(target="pong[0]", signal="SIGKILL", at=at(5.05))

    records, ping, pong = played(world(faults=[fault]))

    taken = [each for each in found(records, Envelope) if each.sender == ping and each.dest == pong]
    returns = [each.message for each in found(records, Envelope) if isinstance(each.message, Undeliverable)]
    balls = [back for back in returns if (back.envelope.sender, back.envelope.dest) == (ping, pong)]
    assert (len(balls), len({id(back.envelope) for back in balls})) == (MESSAGES, MESSAGES)
    assert 40 < len(taken) < 50
    assert [id(back.envelope) for back in balls[: len(taken)]] == [id(each) for each in taken]
    assert {back.errors[0].rpartition("; ")[2] for back in balls} == {'link is currently broken")'}
