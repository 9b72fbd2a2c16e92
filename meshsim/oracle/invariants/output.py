"""What a process wrote is what somebody needs who wants to know why it ended."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.model.hosts.process import ProcPhase
from meshsim.model.ids import Node, ProcId
from meshsim.model.messages import Envelope, StateReply
from meshsim.model.status import ProcState
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import FaultStruck, Record

#: Kind of the strikes that make a process write, and what the detail says of one that did.
_WRITES, _WROTE = "shout", "to stderr"


class OutputIsKept(Invariant):
    """A host that says that a process exited with an error says what it wrote.

    Judged of each answer about a proc that a fault made write to stderr, whose process has exited since with a code
    that is not 0 (killed or failed, a status has no room for it): some of what it wrote is there. How many lines is a
    matter of the configuration; that there are some by default is what its description says. A trace has no other word
    of what processes write, and of this only how many lines it was: that they are not all empty is taken for granted.

    Known holes: Q2 (no lines are kept by default), Q3 (a line that was written last may not have been read).

    Source: supervision.md 3.4, 3.5.
    """

    id = "output-is-kept"
    sentence = "Who is told how a process ended is told what it wrote."
    needs = "A process that a fault makes write to stderr, its exit with an error, and an answer of its host about it."
    quirks = ("Q2", "Q3")
    sees = (FaultStruck,)
    takes = (StateReply,)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Processes that wrote something, and by which record.
        self._wrote: dict[Node, int] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        fault = record.what
        assert isinstance(fault, FaultStruck)
        if fault.kind == _WRITES and _WROTE in fault.detail:
            self._wrote.setdefault(Node(fault.target), record.seq)
        return ()

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        message = envelope.message
        assert isinstance(message, StateReply)
        known = message.state.state
        if type(known) is not ProcState or known.proc_status is None or not self._wrote:
            return ()
        node, status = self.world.directory.node_of_proc(ProcId(known.proc_id)), known.proc_status
        is_error = status.phase is ProcPhase.STOPPED and bool(status.exit_code)
        if node is None or node not in self._wrote or not is_error or status.stderr_tail:
            return ()
        name, host = self.world.directory.name_of_node(node), self.world.name(envelope.sender)
        text = f"{host} said how {name} ended, and nothing of what it had written"
        return [self.violation(name, text, at=record.at, records=(self._wrote.pop(node), record.seq))]
