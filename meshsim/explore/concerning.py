"""Which nodes take part in what is due at an instant."""

from __future__ import annotations

from meshsim.drive.agenda import Entry
from meshsim.model.ids import Node

_MESSAGES = ("_deliver", "_deliver_late", "_expire")
#: By the name of the function that is due: which arguments name the nodes that it concerns at most, the one that it is
#: due for first. A function that is not here may concern anybody.
_NODES_AT: dict[str, tuple[int, ...]] = {
    # A message that is not taken may come back to its sender.
    **dict.fromkeys(_MESSAGES, (1, 0)),
    # The dead child is in the process table as dead before and after: its parent learns of it, nobody else.
    "_reap_by_parent": (1,),
    **dict.fromkeys(("_look", "_fire", "_boot", "_take_first_step", "_fail_start", "_tell_refused"), (0,)),
    **dict.fromkeys(("_read_clock", "_hand_over", "_give_back"), (0,)),
}
_TIMERS = ("_look", "_fire")


def nodes_of(entry: Entry) -> tuple[Node, ...] | None:
    """The nodes that may take part, first the one that it is due for; none for what may concern any."""
    function, arguments = entry
    places = _NODES_AT.get(getattr(function, "__name__", ""))
    return None if places is None else tuple(arguments[place] for place in places)


def is_timer(entry: Entry) -> bool:
    """Whether a timer may fire."""
    return getattr(entry[0], "__name__", "") in _TIMERS


def is_message(entry: Entry) -> bool:
    """Whether a message may arrive."""
    return getattr(entry[0], "__name__", "") in _MESSAGES


def hop_of(entry: Entry) -> tuple[Node, Node] | None:
    """The sending and the receiving process of the channel that may have waited too long; none for all else."""
    function, arguments = entry
    return arguments[0] if getattr(function, "__name__", "") == "_wake" else None
