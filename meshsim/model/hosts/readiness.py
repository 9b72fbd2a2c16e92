"""What a creation that waits for a proc is told by the handle of its process, other than that all is well.

Source: supervision.md 9.1 (debug forms), 15.7 (host_spawn_*).
"""

from __future__ import annotations

from meshsim.model.messages import ProcReady

#: The handle is gone, and nobody will ever say how the process is. Here no handle goes before its process.
CHANNEL_CLOSED = "Ready(ChannelClosed)"
#: The process says that it is ready and not where it serves, or who its agent is.
MISSING_ADDR = "MissingAddr"
MISSING_AGENT = "MissingAgentRef"


def missing_of(ready: ProcReady) -> str | None:
    """What a callback leaves out without which nobody can reach the proc; none if it has all."""
    if not ready.addr:
        return MISSING_ADDR
    return None if ready.agent else MISSING_AGENT
