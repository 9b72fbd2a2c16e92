"""A second opinion on a run: the same plan in a fresh interpreter with another hash seed must leave the same trace.

What a run must not depend on differs there: the order of sets and dicts of strings, ids, what earlier runs left in
memory. A twin is one process for many plans. It ends when its runner closes the connection or dies.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import suppress

import msgspec
from multiprocess.connection import Connection

from meshsim.oracle.verdict import Violation
from meshsim.run.attended import END_S, attend
from meshsim.run.execute import RunResult, described, run_plan
from meshsim.run.limits import Limits
from meshsim.scenario.plan import decode_plan, encode_plan
from meshsim.trace.compare import first_divergence
from meshsim.trace.records import Record

#: Id under which a difference between two runs of one plan is reported, beside the ids of invariants.
DETERMINISTIC = "deterministic"

#: Not `-m`: `meshsim.run` imports this module, and `-m` would run it a second time, with a warning.
_PROGRAM = "import sys; from meshsim.run.twin import main; main(int(sys.argv[1]))"


class _Request(msgspec.Struct, frozen=True):
    path: list[str]
    plan: bytes
    backend: str
    #: Digest of the first run.
    digest: str
    limits: Limits


class _Answer(msgspec.Struct, frozen=True):
    digest: str
    #: Why it says nothing; empty when it does.
    reason: str
    #: Only when the digest is another one.
    records: list[Record]


class Twin:
    """Runs plans again, in a process of its own that is started with the first of them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def repeated(self, result: RunResult) -> RunResult:
        """The result, violated if a second run of its plan left another trace, inconclusive if there was none."""
        if result.verdict.outcome == "inconclusive":
            return result
        try:
            answer = self._ask(result)
        except (EOFError, OSError) as error:
            return _inconclusive(result, f"its repetition broke off: {type(error).__name__}")
        if answer.reason:
            return _inconclusive(result, f"its repetition was inconclusive: {answer.reason}")
        return result if answer.digest == result.digest else _violated(result, answer)

    def close(self) -> None:
        """End the process and wait for it."""
        if self._connection is not None and self._process is not None:
            self._process.terminate()
            self._connection.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_S)
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None

    def _ask(self, result: RunResult) -> _Answer:
        if self._connection is None:
            self._start()
        assert self._connection is not None
        request = _Request(sys.path, encode_plan(result.plan), result.backend, result.digest, self._limits)
        self._connection.send_bytes(msgspec.msgpack.encode(request))
        return msgspec.msgpack.decode(self._connection.recv_bytes(), type=_Answer)

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                env={**os.environ, "PYTHONHASHSEED": _other_hash_seed()},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._connection = Connection(ours.detach())


def _other_hash_seed() -> str:
    """A fixed seed, and not the one that this interpreter was given."""
    return "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"


def _inconclusive(result: RunResult, reason: str) -> RunResult:
    """A run that was violated stays so: what it showed is enough."""
    if result.verdict.outcome == "violated":
        return result
    verdict = msgspec.structs.replace(result.verdict, outcome="inconclusive", reason=reason)
    return msgspec.structs.replace(result, verdict=verdict)


def _violated(result: RunResult, answer: _Answer) -> RunResult:
    divergence = first_divergence(result.records, answer.records)
    assert divergence is not None, "digests differ, so some record does"
    first, second = divergence.left, divergence.right
    violation = Violation(
        invariant=DETERMINISTIC,
        subject=result.plan.scenario,
        message=f"run again, the trace differs from record {divergence.index} on: first "
        f"{described(first, result.records)}, then {described(second, answer.records)}",
        at=next(record.at for record in (first, second) if record is not None),
        records=tuple(record.seq for record in divergence.left_story[-1:]),
    )
    verdict = msgspec.structs.replace(
        result.verdict, outcome="violated", violations=(violation, *result.verdict.violations), reason=violation.message
    )
    return msgspec.structs.replace(result, verdict=verdict)


def main(descriptor: int) -> None:
    """Serve the runner on this descriptor until it goes away."""
    attend(os.getppid())
    connection = Connection(descriptor)
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            request = msgspec.msgpack.decode(connection.recv_bytes(), type=_Request)
            sys.path[:] = request.path
            result = run_plan(decode_plan(request.plan), request.backend, limits=request.limits)
            is_same = result.digest == request.digest
            reason = result.verdict.reason if result.verdict.outcome == "inconclusive" else ""
            answer = _Answer(result.digest, reason, [] if is_same else result.records)
            connection.send_bytes(msgspec.msgpack.encode(answer))
