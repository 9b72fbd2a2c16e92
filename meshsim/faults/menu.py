"""The menu of faults: what each kind strikes, how real it is, where it cannot be done, and an example.

`meshsim faults` prints it. What a kind does is in the docstring of its type, what its parameters are in its fields.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from meshsim.faults import kinds
from meshsim.faults.kinds import Fault

#: Families in the order of the menu.
On = Literal["an actor", "a proc", "a host", "a controller", "a listener", "an alloc", "a link", "a clock"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault."""

    on: On
    #: What `lockstep` really does to a process, and what of the kernel shows it; empty when the fault is a message to
    #: a machine or a matter of the conductor, and so the same in every backend.
    real: str = ""
    #: Backends that cannot do it, with why.
    cannot: dict[str, str] = {}
    #: One fault as a scenario file writes it.
    example: str


#: By type, in the order of the menu.
MENU: dict[type[Fault], Entry] = {
    kinds.Exit: Entry(
        on="a proc",
        real="the process calls _exit(code); waitid in its parent gives the code",
        example='{ kind = "exit", target = "workers[1]", at = "5s", code = 3 }',
    ),
    kinds.Signal: Entry(
        on="a proc",
        real="the signal is sent through the pidfd; waitid in its parent gives the signal",
        example='{ kind = "signal", target = "workers[1]", at = "5s", signal = "SIGKILL" }',
    ),
}
