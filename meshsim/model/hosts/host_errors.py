"""Why a host could not make a proc, in the words of the modelled system. Source: supervision.md 9.1."""

from __future__ import annotations

from meshsim.model.hosts.process import ProcStatus, debug
from meshsim.model.ids import Name, ProcId

#: Debug form of what a proc that did not call back in time failed with.
TIMEOUT = "Timeout"


def already_exists(name: Name) -> str:
    """Proc names are unique on a host."""
    return f"proc '{name}' already exists"


def failed_to_spawn(proc: ProcId, error: str) -> str:
    """There is no process; `error` is what the system call said."""
    return f"proc '{proc}' failed to spawn process: {error}"


def failed_to_configure(proc: ProcId, why: str) -> str:
    """The process was started and did not become ready; `why` is a debug form."""
    return f"proc '{proc}' failed to configure process: {why}"


def terminal(status: ProcStatus) -> str:
    """Debug form of a child that ended before it was ready: `Ready(Terminal(Stopped { exit_code: 1, … }))`."""
    return f"Ready(Terminal({debug(status)}))"
