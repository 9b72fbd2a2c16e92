"""How anybody sends one message to every actor of a mesh.

A cast to a proc mesh with comm actors enters at the one of root rank 0, and goes from there along a tree
(`meshsim.model.messaging.comm`). While a mesh is being made it has none, and the caster itself sends a message to
each rank. With Q45 off it always does, as later revisions of the reference do.

Source: mesh_model.md 4.1, 4.2, 4.5; supervision.md 10.2, 12.2.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from meshsim.model.config import Config
from meshsim.model.ids import ActorId, Name, PortRef, actor_id, actor_name_of
from meshsim.model.messages import Cast, CastMessage, CreateOrUpdate, Envelope, Message
from meshsim.model.messaging.cast_tree import routed
from meshsim.model.operations import ActorMeshRef, ProcMeshRef
from meshsim.model.shapes.extent import ViewRank
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.slice import SliceError


class CastError(ValueError):
    """A cast that cannot begin; the text is the reference's, and so is that of `debug`."""

    def __init__(self, actor: Name, reason: str) -> None:
        super().__init__(actor, reason)
        self.actor = actor
        self.reason = reason

    @property
    def debug(self) -> str:
        """As it stands inside other texts."""
        return f'CastingError(Name("{self.actor}"), {self.reason})'

    def __str__(self) -> str:
        return f"error while casting message to {self.actor}: {self.reason}"


class CastTarget(msgspec.Struct, frozen=True):
    """The actors of one name on the procs of a mesh, or of a view of it."""

    procs: ProcMeshRef
    actor: Name
    #: View ranks that are left out.
    without: tuple[int, ...] = ()


def actors_of(mesh: ActorMeshRef) -> CastTarget:
    return CastTarget(mesh.procs, mesh.name)


def agents_of(procs: ProcMeshRef, without: tuple[int, ...] = ()) -> CastTarget:
    """The agents of all procs. All are called as that of the first one is (supervision.md 10.8)."""
    return CastTarget(procs, actor_name_of(procs.procs[0].agent), without)


def cast(
    me: ActorId, target: CastTarget, message: Message, config: Config, *, returnable: bool = True
) -> list[Envelope]:
    """What `me` sends so that every actor of the target gets this message.

    Raises:
        CastError: the view cannot be expressed as ranges of its root.
    """
    procs = target.procs
    if procs.root_comm is None or not config.has("Q45"):
        return _direct(me, target, message, config, returnable=returnable)
    root = procs.root_region or procs.region
    try:
        sizes, selection = routed(procs.region, root, config.max_cast_dimension_size, target.without)
    except SliceError as error:
        raise CastError(target.actor, str(error)) from None
    body = Cast(target.actor, me, target.actor, procs.region, sizes, message, returnable)
    return [Envelope(me, procs.root_comm, CastMessage(body, selection), returnable=returnable)]


def _direct(me: ActorId, target: CastTarget, message: Message, config: Config, *, returnable: bool) -> list[Envelope]:
    """One message for each rank, in view order.

    Where there are comm actors a late reply is lost in them; a direct one would come back to who replied and end him.
    With Q45 off it is not returned.
    """
    port = reply_port(message)
    if port is not None and not config.has("Q45"):
        message = with_reply_port(message, msgspec.structs.replace(port, returnable=False))
    region = target.procs.region
    return [
        Envelope(
            me,
            actor_id(proc.proc_id, target.actor),
            with_rank(message, rank),
            returnable=returnable,
            cast_sender=me,
            cast_point=point_text(region, rank),
        )
        for rank, proc in enumerate(target.procs.procs)
        if rank not in target.without
    ]


def reply_port(message: Message) -> PortRef | None:
    """The port that a message asks to be answered on, if it does."""
    port = getattr(message, "reply", None)
    return port if isinstance(port, PortRef) else None


def with_reply_port(message: Message, port: PortRef) -> Message:
    """The message with another port to answer on."""
    return msgspec.structs.replace(message, reply=port)


def with_rank(message: Message, rank: int) -> Message:
    """The message with its rank placeholder, if it has one, filled in."""
    return msgspec.structs.replace(message, rank=rank) if isinstance(message, CreateOrUpdate) else message


@lru_cache(maxsize=1 << 17)
def point_text(view: Region, rank: int) -> str:
    """The header `cast_point` of the actor at this view rank."""
    return str(view.extent.point_of_rank(ViewRank(rank)))
