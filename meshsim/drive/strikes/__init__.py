"""What each kind of fault does: a function for each, in the module of its family."""

from __future__ import annotations

from collections.abc import Callable

from meshsim.drive.strikes import actors, allocs, controllers, hosts, listeners, processes
from meshsim.drive.strikes.base import MissedError, Strike

__all__ = ["STRIKES", "MissedError", "Strike"]

#: What each kind of fault does, with the strike and the fault. Kinds that strike at a spawn have no row: those who
#: spawn look them up.
STRIKES: dict[type, Callable[..., None]] = {
    **actors.STRIKES,
    **allocs.STRIKES,
    **controllers.STRIKES,
    **hosts.STRIKES,
    **listeners.STRIKES,
    **processes.STRIKES,
}
