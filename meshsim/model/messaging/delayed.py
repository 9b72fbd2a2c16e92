"""Delayed messages of an actor to itself: timers that are not the actor's own.

Such a message is with a timer of its process from the moment it is posted, and nothing calls it back. When it is due it
goes through the actor's mailbox like any other; an actor that has ended by then leaves a line in the log.

Source: mesh_model.md 3.9.
"""

from __future__ import annotations

#: Keys of the timers: of a controller's CheckState and of a ProcAgent's SelfCheck.
CHECK_TIMER = "check_state"
SELF_CHECK_TIMER = "self_check"

DELAYED_MESSAGES = (CHECK_TIMER, SELF_CHECK_TIMER)

#: For the log, when the actor is gone.
DELAYED_MESSAGE_LOST = "error sending delayed message"
