"""What a test actor says when it is asked about itself, or about the message that asks.

Source: supervision.md 15.1 (TestActor).
"""

from __future__ import annotations

from meshsim.model.commands import Command
from meshsim.model.config import Config, attribute_by_key
from meshsim.model.ids import ActorId
from meshsim.model.messages import (
    Answer,
    Envelope,
    Forward,
    GetActorId,
    GetCastInfo,
    GetConfig,
    SetConfig,
    reply_to,
)

Question = GetActorId | GetCastInfo | GetConfig | SetConfig | Forward

#: What stands for the cast headers of a message that was sent to one actor alone.
NO_CAST = "no cast"


def answers(
    me: ActorId, config: Config, question: GetActorId | GetCastInfo | GetConfig | Forward, envelope: Envelope
) -> list[Command]:
    """One message: the answer, or what was to be passed on. Nothing when the list of ports has come to its end.

    Raises:
        KeyError: the configuration attribute that is asked for does not exist.
    """
    match question:
        case GetActorId(reply=reply):
            return [reply_to(reply, me, Answer(me, me))]
        case GetCastInfo(reply=reply):
            point = envelope.cast_point or NO_CAST
            return [reply_to(reply, me, Answer(me, f"{point} from {envelope.cast_sender or envelope.sender}"))]
        case GetConfig(name=name, reply=reply):
            value = getattr(config, attribute_by_key(name).name.lower())
            return [reply_to(reply, me, Answer(me, str(value)))]
        case Forward(to_visit=(following, *rest), visited=visited):
            return [reply_to(following, me, Forward(tuple(rest), (*visited, me)))]
        case Forward():
            return []


def changed(config: Config, change: SetConfig) -> Config:
    """The configuration with one value more of the runtime layer. Only what the actor itself does follows it.

    Raises:
        KeyError: the attribute does not exist.
    """
    name = attribute_by_key(change.name).name
    return Config.of({**config.values(), name: change.value}, config.quirks_off)
