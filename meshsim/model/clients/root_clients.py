"""Root clients of other kinds than the Rust one: that of a test, and that of a Python program.

`rust` (`meshsim.model.clients.client`) absorbs every failure. `test` takes any failure of its meshes for the end of
the test. `python` hands failures to a hook of the process, which ends it unless the program has put another one in
its place: `python_recording` has one that only takes note.

Source: supervision.md 12.7, 15.1; mesh_model.md 3.5, 9.4, 9.5.
"""

from __future__ import annotations

from meshsim.model.clients.client import Client
from meshsim.model.commands import Command, ExitProcess, Panic
from meshsim.model.events import ChildFailed, Event
from meshsim.model.ids import Name, address_of, proc_of
from meshsim.model.messages import Envelope, Operate, Undeliverable
from meshsim.model.messaging.undeliverable import restore_sender, undeliverable_text
from meshsim.model.notes import Warned
from meshsim.model.operations import SpawnActors, StopProcs
from meshsim.model.supervision import (
    ActorSupervisionEvent,
    Generic,
    MeshFailure,
    actor_failed,
    event_text,
    failure_text,
    python_failure_text,
)
from meshsim.units import format_duration

#: Code with which the usual hook ends the process.
UNHANDLED = 1

#: What spawning on a proc mesh that was stopped ends with. Source: mesh_model.md 9.1.
PROC_MESH_STOPPED = "`ProcMesh` has already been stopped"


class TestRootClient(Client):
    """Root client of a test: whatever happens to its meshes is a failure of the test."""

    #: Tells pytest that this is no test class.
    __test__ = False

    def _on_failure(self, failure: MeshFailure, now_ns: int) -> list[Command]:
        heard = self.context.hears("owner", failure)
        return [heard, Panic(f"got supervision event from child: {failure_text(failure, self._quirks_off)}")]

    @property
    def _quirks_off(self) -> tuple[str, ...]:
        return self.context.config.quirks_off


class PythonRootClient(Client):
    """The actor `client` of a Python program: failures go to `unhandled_fault_hook`.

    The usual hook writes what happened to stderr and ends the program. What is no failure is ignored.
    """

    #: Names of the proc meshes that it stopped.
    stopped: tuple[Name, ...] = ()

    def handle(self, event: Event, now_ns: int) -> list[Command]:
        """As any root client; events of children take the route of failures of meshes, without mesh and rank."""
        match event:
            case ChildFailed(event=child_event):
                return self._offer("parent", MeshFailure(None, None, child_event), now_ns)
            case Envelope(port=0, message=Operate() as operate):
                return self._operate(operate, now_ns)
            case _:
                return super().handle(event, now_ns)

    def _operate(self, operate: Operate, now_ns: int) -> list[Command]:
        """A proc mesh that was stopped is of no more use; slices of it are references, which know nothing of that."""
        match operate.operation:
            case StopProcs(procs=procs) if procs.root_region is None:
                self.stopped = (*self.stopped, procs.name)
            case SpawnActors(procs=procs) if procs.root_region is None and procs.name in self.stopped:
                return self.context.refuse(operate, PROC_MESH_STOPPED)
        return self.context.operate(operate, now_ns)

    def _on_failure(self, failure: MeshFailure, now_ns: int) -> list[Command]:
        return self._offer("owner", failure, now_ns)

    def _on_undeliverable(self, undeliverable: Undeliverable, now_ns: int) -> list[Command]:
        """The error of its own handler: a message of its own came back."""
        returned = restore_sender(undeliverable)
        status = actor_failed(Generic(undeliverable_text(returned.envelope, returned.errors)))
        event = ActorSupervisionEvent(self.me, None, self.context.clock.at(now_ns), status)
        return self._offer("parent", MeshFailure(None, None, event), now_ns)

    def _offer(self, role: str, failure: MeshFailure, now_ns: int) -> list[Command]:
        """`__supervise__` of the root client: ask the hook."""
        if not failure.event.is_error:
            return []
        return [self.context.hears(role, failure), *self._hook(failure, now_ns)]

    def _hook(self, failure: MeshFailure, now_ns: int) -> list[Command]:
        """`unhandled_fault_hook` as it comes. Virtual time, and no number: processes of `sim` have none."""
        host = address_of(proc_of(self.me)).removeprefix("unix:@")
        report = event_text(failure.event, self.context.config.quirks_off)
        text = (
            f"Unhandled monarch error on the root actor, hostname={host}, "
            f"PID=<pid> at time {format_duration(now_ns)}: {report}\n"
            "Delivering KeyboardInterrupt to main thread to exit the program"
        )
        return [Warned(self.me, text), ExitProcess(UNHANDLED)]


class RecordingPythonClient(PythonRootClient):
    """A Python program whose hook prints the failure and returns: it is dropped (mesh_model.md 9.5)."""

    def _hook(self, failure: MeshFailure, now_ns: int) -> list[Command]:
        return [Warned(self.me, python_failure_text(failure, self.context.config.quirks_off))]


#: By the name that a scenario gives them.
CLIENT_KINDS: dict[str, type[Client]] = {
    "rust": Client,
    "test": TestRootClient,
    "python": PythonRootClient,
    "python_recording": RecordingPythonClient,
}
