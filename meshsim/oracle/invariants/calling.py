"""What a host ends it calls by its name: stopping as long as it ends, stopped when it has."""

from __future__ import annotations

from collections.abc import Iterable

from meshsim.model.hosts.ladder import SIGKILL, SIGTERM
from meshsim.model.hosts.process import EXITED
from meshsim.model.ids import HOST_AGENT, Node, actor_name_of, address_of_node, proc_id, proc_name_of, proc_of
from meshsim.model.messages import Envelope, StopAll
from meshsim.model.notes import ProcStatusChanged
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import ProcessReaped, ProcessSignalled, Record

_ENDING = frozenset({"Stopping", *(phase.value for phase in EXITED)})


class StopsAreCalledStops(Invariant):
    """What a host says of a proc that it stops is what it does to it.

    *Stopping.* When the agent of a proc takes a `StopAll` from its host, the host calls the proc Stopping, or says how
    it ended: who asks meanwhile must not be told that all is well. *Stopped.* A process that its host had sent SIGTERM,
    and that ended by SIGTERM or SIGKILL, is called Stopped, neither Killed nor Failed: it ended because it was asked
    to, if not at once. A host sends SIGTERM in no other case; what it kills because it was late has not been stopped.

    Procs that have no process of their own have no such status.

    Known holes: Q6 (a proc that had to be killed in a requested stop counts as failed), Q4 (during a shutdown a proc
    looks Ready until its agent had its time).

    Source: supervision.md 3.2, 3.4, 3.8; that a requested stop is no failure is chosen here.
    """

    id = "stops-are-called-stops"
    sentence = "What a host stops it calls stopping, then stopped."
    needs = "A StopAll from a host to an agent, or a SIGTERM to a process."
    quirks = ("Q6", "Q4")
    sees = (ProcessSignalled, ProcessReaped, ProcStatusChanged)
    takes = (StopAll,)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Processes that were sent SIGTERM by their host, and by which record.
        self._asked: dict[Node, Record] = {}
        #: Of those, which ended by a signal of a host.
        self._ended: set[Node] = set()

    def observe(self, record: Record) -> Iterable[Violation]:
        node = Node(record.node)
        match record.what:
            case ProcessSignalled(signal=number, by=by):
                if number == SIGTERM and by and self.world.directory.hosts.get(node) == by:
                    self._asked.setdefault(node, record)
            case ProcessReaped(status=status):
                if node in self._asked and status.signal in (SIGTERM, SIGKILL):
                    self._ended.add(node)
            case ProcStatusChanged() as note:
                return self._on_status(record, note)
            case _:
                pass
        return ()

    def _on_status(self, record: Record, note: ProcStatusChanged) -> Iterable[Violation]:
        node = self.world.directory.node_of_proc(proc_id(address_of_node(record.node), note.name))
        if node is None or node not in self._ended or note.phase not in ("Killed", "Failed"):
            return ()
        name = self.world.directory.name_of_node(node)
        message = f"{record.node} called {name} {note.text}, and had told it to end"
        return [self.violation(name, message, at=record.at, records=(self._asked[node].seq, record.seq))]

    def deliver(self, record: Record, envelope: Envelope) -> Iterable[Violation]:
        host = self.world.directory.node_of_actor(envelope.sender)
        if host is None or actor_name_of(envelope.sender) != HOST_AGENT:
            return ()
        proc = proc_of(envelope.dest)
        note = self.world.procs.get((host, proc_name_of(proc)))
        if note is None or note.phase in _ENDING:
            return ()
        name = self.world.directory.name_of_proc(proc)
        message = f"{host} called {name} {note.text} and had told its agent to stop"
        return [self.violation(name, message, at=record.at, records=(record.seq,))]
