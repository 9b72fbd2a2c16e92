"""Reports name who it was, and what it was."""

from __future__ import annotations

import re
from collections.abc import Iterable

from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import ActorId, Node, ProcId, address_of_node, pid_of, proc_agent_id, proc_id, proc_of
from meshsim.model.mapping import NO_ACTOR
from meshsim.model.notes import ActorStatusChanged, EventRecorded, Heard, MeshSpawned, ProcStatusChanged, ReferenceMade
from meshsim.model.supervision import ActorPhase
from meshsim.oracle.health import CONCLUDED
from meshsim.oracle.invariants.base import Invariant
from meshsim.oracle.verdict import Violation
from meshsim.oracle.world import World
from meshsim.trace.records import ProcessReaped, Record

#: What is said of a process that ended, and the exit code or signal in it. Source: supervision.md 6.2, 3.1.
_OF_EXIT = re.compile(r"process exited with non-zero code (?P<code>\d+)\Z|process exited (?P<clean>cleanly)\Z")
_OF_SIGNAL = re.compile(r"process (?:failure: Killed\(sig=|was stopped with signal )(?P<signal>\d+)(?P<core>, core)?")
_FAILED = re.compile(r"process failure: (?P<status>Failed\(.*\))\Z", re.DOTALL)
_STATUS = re.compile(r"(?:Stopped\(exit=(?P<code>\d+)|(?:Stopped|Killed)\(sig=(?P<signal>\d+)(?P<core>, core)?)\)")


class RightCause(Invariant):
    """What is heard about a rank names that rank's actor, and says of it what the trace shows to have happened.

    Who: the actor of the report is the member of the mesh at that rank; or the agent of its proc, when the agent was
    silent. What: an exit code, or a signal with its core-dump flag, is that with which the rank's process was waited
    for; the reason why a process failed is the one its host noted; an actor that does not exist was lost with a former
    life of its proc, whose host was off; anything else is the text of a status that the actor really had, or of an
    event that its agent recorded for it. What is concluded from silence or from a bare
    status is judged by `accuracy` alone. Of a child its parent hears the child's own text; a watchdog names the
    controller of its mesh.

    The same for a host: the end that it notes of a proc is the one with which it waited for the process.

    Not judged are reports that answer a stop, that announce recovery, or of agents that a fault makes answer wrongly.

    Known holes: Q24 (one rank's trouble is blamed on rank 0 and the controller), Q17 (a mesh on a slice of procs), Q20
    (a failure is told again in the words of an older one: those are true as well), Q44 (copies of replies stand for the
    ranks that come after).

    Source: supervision.md 3.4, 4.3, 5.10, 6.1, 6.2, 12.4.
    """

    id = "right-cause"
    sentence = "What is heard names the right rank and the right cause."
    needs = "Failures that are heard of ranks, children or controllers; processes that hosts wait for."
    quirks = ("Q24", "Q17", "Q44")
    sees = (Heard, ActorStatusChanged, EventRecorded, ProcessReaped, ProcStatusChanged, ReferenceMade)

    def __init__(self, world: World) -> None:
        super().__init__(world)
        #: Texts of the ends of each actor, and of what was recorded of it.
        self._texts: dict[ActorId, set[str]] = {}
        self._reaped: dict[Node, ExitStatus] = {}
        #: Texts that a host noted of each proc.
        self._noted: dict[Node, set[str]] = {}
        self._references: dict[str, ReferenceMade] = {}

    def observe(self, record: Record) -> Iterable[Violation]:
        match record.what:
            case ActorStatusChanged(actor=actor, phase=ActorPhase.FAILED | ActorPhase.STOPPED, text=text):
                self._texts.setdefault(actor, set()).add(text)
            case EventRecorded(actor=actor, text=text):
                self._texts.setdefault(actor, set()).add(text)
            case ProcessReaped(status=status):
                self._reaped[Node(record.node)] = status
            case ReferenceMade(label=label):
                self._references[label] = record.what
            case ProcStatusChanged():
                return self._on_proc_status(record, record.what)
            case Heard():
                return self._on_heard(record, record.what)
            case _:
                pass
        return ()

    def _on_proc_status(self, record: Record, note: ProcStatusChanged) -> Iterable[Violation]:
        node = self.world.directory.node_of_proc(proc_id(address_of_node(record.node), note.name))
        if node is None or node == record.node:
            return
        self._noted.setdefault(node, set()).add(note.text)
        status, said = self._reaped.get(node), _STATUS.match(note.text)
        if status is not None and said is not None and not _agrees(said, status):
            name = self.world.directory.name_of_node(node)
            message = f"{record.node} says {note.text} of {name}, which {_ended(status)}"
            yield self.violation(name, message, at=record.at, records=(record.seq,))

    def _on_heard(self, record: Record, heard: Heard) -> Iterable[Violation]:
        if heard.role == "parent":
            if heard.text not in self._texts.get(heard.actor, {heard.text}):
                yield self._wrong(record, heard, self.world.name(heard.actor), "that is not how it ended")
            return
        spawned = self.world.meshes.get(heard.mesh)
        if spawned is None or heard.status == "Recovered":
            return
        if heard.role == "watchdog":
            if heard.actor != spawned.mesh.controller:
                yield self._wrong(record, heard, f"{heard.mesh}.controller", "that is not its controller")
        elif heard.rank is not None and heard.rank < len(spawned.mesh.members):
            member = self._member(heard, spawned.mesh)
            why = self._denial(heard, member)
            if why:
                yield self._wrong(record, heard, f"{heard.mesh}[{heard.rank}]", why)

    def _member(self, heard: Heard, mesh: MeshSpawned) -> ActorId:
        """Whom a rank stands for. Before controllers told of failures, a client counted the ranks of its reference."""
        assert heard.rank is not None
        made = None if self.world.config.revision.monitors else self._references.get(heard.ref)
        rank = heard.rank if made is None else mesh.procs.index(made.procs[heard.rank])
        return ActorId(mesh.members[rank])

    def _denial(self, heard: Heard, member: ActorId) -> str:
        """Why a report of a rank is wrong; empty if it is right."""
        proc, world = proc_of(member), self.world
        if proc_agent_id(proc) in world.misreporting:
            return ""
        said = heard.text.partition(": ")[2]
        if heard.actor != member:
            silent = proc_of(heard.actor) == proc and pid_of(heard.actor) == 0 and self._is_concluded(said)
            return "" if silent else f"it is about {world.name(heard.actor)}"
        node = world.directory.node_of_proc(ProcId(proc))
        exit_, killed, failed = _OF_EXIT.match(said), _OF_SIGNAL.match(said), _FAILED.match(said)
        if exit_ is not None or killed is not None:
            status = None if node is None else self._reaped.get(node)
            if status is None:
                return "its process has not ended"
            return "" if _agrees(exit_ or killed, status) else f"its process {_ended(status)}"
        if failed is not None:
            noted = set() if node is None else self._noted.get(node, set())
            return "" if failed["status"] in noted else "its host noted no such status"
        if self._is_concluded(said) or heard.text in self._texts.get(member, ()):
            return ""
        if said == NO_ACTOR and not world.is_there(member):
            return ""
        return "it had no such status, and none was recorded"

    @staticmethod
    def _is_concluded(said: str) -> bool:
        return said.startswith(CONCLUDED) or not said

    def _wrong(self, record: Record, heard: Heard, subject: str, why: str) -> Violation:
        listener = self.world.name(heard.listener)
        text = self.world.directory.shortened(" ".join(heard.text.split()))
        message = f'{listener} heard as {heard.role} of {subject} "{text}", but {why}'
        return self.violation(subject, message, at=record.at, records=(record.seq,))


def _agrees(said: re.Match[str] | None, status: ExitStatus) -> bool:
    """Whether an exit code or signal in a text is that of a status."""
    assert said is not None
    values = said.groupdict()
    if values.get("signal") is not None:
        return status.signal == int(values["signal"]) and status.core_dumped == (values["core"] is not None)
    code = 0 if values.get("clean") else int(values["code"])
    return status.signal is None and status.code == code


def _ended(status: ExitStatus) -> str:
    return f"was {status}" if status.signal is not None else str(status)
