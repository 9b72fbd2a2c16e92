"""What one run may cost at most. A run that reaches a limit is given up, inconclusive, and its verdict names the limit.

Steps are events fed to nodes; records are lines of the trace. Limits are looked at before each step and with each
record, that of virtual time when it comes, and that of wall time also while a step lasts.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from meshsim.drive.backend import Backend, BackendError, NodeRaisedError
from meshsim.run.interrupting import StuckError, interrupting
from meshsim.trace.records import RunEnded
from meshsim.units import S, format_duration

if TYPE_CHECKING:
    from meshsim.drive.conductor import Conductor
    from meshsim.model.commands import NodeCommand
    from meshsim.model.events import Event
    from meshsim.model.ids import Node
    from meshsim.model.messages import Envelope
    from meshsim.trace.records import Record


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one run. Defaults are chosen here: far above every scenario that is shipped."""

    #: Ten times the largest run of benchmarks/.
    steps: int = 100_000_000
    #: About 3 GB of memory.
    records: int = 10_000_000
    #: Virtual time; the horizon when not given.
    virtual_ns: int | None = None
    #: The slowest run of scenarios/ takes seconds.
    wall_s: float = 300.0


class LimitedBackend:
    """A backend that gives up at a limit. SIGALRM is not ours: pytest-timeout uses it.

    What a step raises, as code of a scenario's own may, ends the run: as in `lockstep`, where it ends a process.
    """

    def __init__(self, backend: Backend, limits: Limits) -> None:
        self._backend = backend
        self._limits = limits
        self._virtual_ns = (1 << 63) if limits.virtual_ns is None else limits.virtual_ns
        self.begin_anew()
        self._steps = 0
        self._in_step = False
        #: How many records there are; set by whoever runs a conductor on this backend.
        self.count_records: Callable[[], int] = lambda: 0
        self.name = backend.name
        self.start = backend.start
        self.spawn = backend.spawn
        self.exit = backend.exit
        self.write = backend.write
        self.written = backend.written
        self.dump_core = backend.dump_core
        self.exhaust_memory = backend.exhaust_memory
        self.limit = backend.limit
        self.spawn_in_vain = backend.spawn_in_vain
        self.leave_parent = backend.leave_parent
        self.signal_itself = backend.signal_itself
        self.steps_through = backend.steps_through
        self.signal = backend.signal
        self.observe = backend.observe
        self.reap = backend.reap
        self.close = backend.close

    def watch(self, conductor: Conductor, *, time_scale: float | None = None) -> AbstractContextManager[object]:
        """Look at what happens between steps, too: faults strike and messages are lost while no node is asked.

        `time_scale`: wall time for virtual time, where virtual time passes with it, though nothing happens.

        Returns:
            A context for the run, in which a step that never returns is interrupted, if nodes are objects here.
        """
        self.count_records = conductor.records.__len__
        conductor.watchers.append(self._on_record)
        # What is due at this very time happens still.
        alarms_ns = [self._virtual_ns + 1]
        if time_scale is not None:
            alarms_ns.append(int(self._limits.wall_s / time_scale * S) + 1)
        for at_ns in alarms_ns:
            if at_ns <= int(conductor.plan.horizon):
                alarm = conductor.env.timeout(at_ns, at_ns)
                alarm.callbacks.append(lambda event: self._check(event.value))
        return interrupting(self) if self.name == "sim" else nullcontext()

    def begin_anew(self) -> None:
        """The wall time begins now."""
        self._deadline = perf_counter() + self._limits.wall_s

    def is_stuck(self) -> bool:
        """Whether the present step has lasted beyond the limit of wall time."""
        return self._in_step and perf_counter() > self._deadline

    def step(self, node: Node, event: Event, now_ns: int) -> list[NodeCommand]:
        self._steps += 1
        self._check(now_ns)
        self._in_step = True
        try:
            return self._backend.step(node, event, now_ns)
        except BackendError as error:
            raise self._late(error, now_ns) from error
        except StuckError as stuck:
            why = f"{node} did not return from a step (it was in {stuck})"
            raise _reached(self._wall_text(), now_ns, why) from None
        except Exception as error:
            said = "".join(traceback.format_exception(error)).rstrip()
            kind = BackendError if isinstance(error, MemoryError) else NodeRaisedError
            raise kind(f"{node} ended instead of answering a step; it said:\n{said}") from error
        finally:
            self._in_step = False

    def step_through(self, node: Node, messages: list[Envelope], now_ns: int) -> list[list[NodeCommand]]:
        self._steps += len(messages)
        self._check(now_ns)
        try:
            return self._backend.step_through(node, messages, now_ns)
        except BackendError as error:
            raise self._late(error, now_ns) from error

    def _on_record(self, record: Record) -> None:
        if not isinstance(record.what, RunEnded):  # That run is done.
            self._check(record.at)

    def _late(self, error: BackendError, now_ns: int) -> BackendError:
        """What a step failed with, under the name of the limit if a process was waited for until that was reached."""
        if isinstance(error, NodeRaisedError) or perf_counter() <= self._deadline:
            return error
        return _reached(self._wall_text(), now_ns, str(error))

    def _check(self, now_ns: int) -> None:
        limits = self._limits
        if now_ns > self._virtual_ns:
            raise _reached(f"{format_duration(self._virtual_ns)} of virtual time", now_ns)
        if self._steps > limits.steps:
            raise _reached(f"{limits.steps} steps", now_ns)
        if self.count_records() > limits.records:
            raise _reached(f"{limits.records} records", now_ns)
        if perf_counter() > self._deadline:
            raise _reached(self._wall_text(), now_ns)

    def _wall_text(self) -> str:
        return f"{self._limits.wall_s:g} s of wall time"


def _reached(limit: str, now_ns: int, why: str = "") -> BackendError:
    return BackendError(f"limit reached: {limit}, at {now_ns / S:.3f}s of virtual time" + (why and f": {why}"))
