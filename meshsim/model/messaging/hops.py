"""How far a message may travel: each arrow of its route is a hop, and each hop takes one from its TTL.

    sender's mailbox -> (its own port)
                     -> own proc -> muxer -> mailbox
                     -> own proc -> forwarder -> client -> channel
                            -> mailbox server of the front end -> forwarder -> client -> channel
                                   -> mailbox server of the proc -> muxer -> mailbox

A process whose hop finds a TTL of 0 gives the message back with `ttl expired`. The way back is a message of its own.

Source: mesh_model.md 3.2.
"""

from __future__ import annotations

from meshsim.model.ids import ActorId, proc_of

TTL_EXPIRED = "ttl expired"

#: From a mailbox to a port of the same actor.
WITHIN_ACTOR = 1
#: Through the proc and its muxer to another mailbox.
WITHIN_PROC = 3
#: From a mailbox, or from the mailbox server that passes it on, up to the channel.
TO_CHANNEL = 4
#: From the mailbox server at the end of the last channel into the mailbox.
FROM_CHANNEL = 3
#: Of the longest route: one front end on the way.
HOPS_MAX = 2 * TO_CHANNEL + FROM_CHANNEL


def hops_inside(sender: ActorId, dest: ActorId) -> int:
    """Hops of a message that does not leave its process. Procs of one process have channels between them too."""
    if sender == dest:
        return WITHIN_ACTOR
    return WITHIN_PROC if proc_of(sender) == proc_of(dest) else TO_CHANNEL + FROM_CHANNEL


def processes_reached(ttl: int, processes: int) -> int | None:
    """How many processes after the sender's a message reaches before its TTL expires; None when it arrives.

    Args:
        ttl: what it begins with.
        processes: how many there are on the way, its destination included.
    """
    if ttl >= processes * TO_CHANNEL + FROM_CHANNEL:
        return None
    return min(ttl // TO_CHANNEL, processes)
