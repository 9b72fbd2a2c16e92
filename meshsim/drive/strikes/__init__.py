"""What each kind of fault does: a function for each, in the module of its family."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.strikes import actors, allocs, clocks, controllers, hosts, links, listeners, processes
from meshsim.drive.strikes.base import MissedError, Strike

__all__ = ["ENDS", "STRIKES", "MissedError", "Strike"]

#: What each kind of fault does, with the strike and the fault. Kinds that strike at a spawn have no row: those who
#: spawn look them up.
STRIKES: dict[type, Callable[..., None]] = {
    **actors.STRIKES,
    **allocs.STRIKES,
    **clocks.STRIKES,
    **controllers.STRIKES,
    **hosts.STRIKES,
    **links.STRIKES,
    **listeners.STRIKES,
    **processes.STRIKES,
}

#: What ends a kind that lasts for a time: how its end is called in the trace, if not as it is, and
#: what it does.
ENDS: dict[type, tuple[str, Callable[..., None]]] = {
    **controllers.ENDS,
    **hosts.ENDS,
    **links.ENDS,
    **processes.ENDS,
}
