"""The run directory: what a run leaves on disk, and how it gets there in one piece.

    out/<scenario>[variant].<profile>/<backend>-seed<N>/     without .<profile> for the usual one
        plan.json      the plan, readable by `decode_plan`
        trace.jsonl    the records, one a line
        meta.json      versions, seed, backend, reproduce line, digests, durations
        verdict.json   the verdict with its evidence
        diary.jsonl    what was done to processes, with pids and wall times; of real processes only
        timing.json    how late things were, what each node took when, and what it asked for; of `live` alone
        stderr/        what each process wrote, one file for each OS process; often empty

Nothing inside names this machine: no absolute path, no host name. A directory is written under a temporary name
beside its place and then put there by one rename, so a reader sees the old run or the new one, whole. Writers hold a
lock on their temporary directory; one whose writer is dead is swept by the next.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import msgspec

from meshsim.drive.timing import Timing
from meshsim.model.quirks import DEFAULT_PROFILE
from meshsim.oracle.verdict import Verdict
from meshsim.run.execute import RunResult, reproduce_line
from meshsim.scenario.matrix import variant_label
from meshsim.scenario.plan import Plan, decode_plan, encode_plan, plan_digest
from meshsim.trace.file import TraceError, read_trace, write_trace
from meshsim.versions import versions

#: Version of meta.json and of the lines of `meshsim run --json`.
META_SCHEMA = 1

_WRITING = ".writing-"
#: No name is used twice: a sweeper that has found a dead directory removes it by name, perhaps only after a while.
_NUMBERS = count()
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class OutputError(Exception):
    """The output directory cannot be written; `str()` is one line for the user."""


class RunError(Exception):
    """A path is not a readable run directory; `str()` is one line for the user."""


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """What meta.json says about a run beside its plan and its trace."""

    schema: int
    scenario: str
    variant: dict[str, str | int | bool | float]
    profile: str = DEFAULT_PROFILE
    source: str
    seed: int
    backend: str
    verdict: str
    #: How to get this run again.
    command: str
    plan_digest: str
    digest: str
    records: int
    virtual_ns: int
    #: Wall time of the run, seconds. With `versions`, the only part that differs between two runs of one plan.
    wall_s: float
    platform: str
    versions: dict[str, str]


def run_name(plan: Plan, backend: str) -> str:
    """Where a run goes below the output directory: `late-exit[poll=1s]/lockstep-seed7`, `late-exit.fixed/sim-seed7`.

    No scenario has a dot in its name, so no two profiles share a directory.
    """
    variant = f"[{variant_label(plan.variant)}]" if plan.variant else ""
    profile = "" if plan.profile == DEFAULT_PROFILE else f".{plan.profile}"
    return f"{_file_name(plan.scenario + variant + profile)}/{backend}-seed{plan.seed}"


def prepare(out: Path) -> None:
    """Make the output directory, if need be, and make sure that it takes files.

    Raises:
        OutputError: it does not.
    """
    with _reported(out), _temporary(out) as directory:
        (directory / "probe").write_bytes(b"probe")


def write_run(result: RunResult, out: Path) -> Path:
    """Write a run's directory below `out`, in place of one of the same name, and return its path.

    Raises:
        OutputError: the disk is full, or `out` cannot be written.
    """
    place = out / run_name(result.plan, result.backend)
    with _reported(out), _temporary(out) as directory:
        _fill(directory, result)
        place.parent.mkdir(parents=True, exist_ok=True)
        _put(directory, place)
    return place


def check_writable(file: Path) -> None:
    """Make sure, before an hour is spent, that a file can be written here later; it is left as it is.

    Raises:
        OutputError: it cannot.
    """
    with _reported_file(file):
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=file.parent):
            pass


def write_whole(file: Path, text: str) -> None:
    """Write a text file in one piece: a reader sees the old one or the new one.

    Raises:
        OutputError: it cannot be written.
    """
    with _reported_file(file):
        written = file.with_name(f"{file.name}{_WRITING}{os.getpid()}")
        try:
            written.write_text(text, encoding="utf-8")
            written.replace(file)
        finally:
            written.unlink(missing_ok=True)


@contextmanager
def _reported_file(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror or error}") from None


def read_meta(directory: Path) -> Meta:
    """What meta.json says of a run: the versions that made it, among the rest.

    Raises:
        RunError: it is missing or not what it should be.
    """
    try:
        return msgspec.json.decode((directory / "meta.json").read_bytes(), type=Meta)
    except OSError as error:
        raise RunError(f"{directory}: not a run directory: {error.strerror}: meta.json") from None
    except msgspec.MsgspecError as error:
        raise RunError(f"{directory}: not a run directory: {error}") from None


def read_run(directory: Path) -> RunResult:
    """A run as `write_run` left it.

    Raises:
        RunError: a file of it is missing or not what it should be.
    """
    try:
        meta = read_meta(directory)
        stderr = directory / "stderr"
        return RunResult(
            plan=decode_plan((directory / "plan.json").read_bytes()),
            backend=meta.backend,
            # A run that broke off before it began has an empty trace, which is none to `read_trace`.
            records=read_trace(directory / "trace.jsonl") if meta.records else [],
            digest=meta.digest,
            verdict=msgspec.json.decode((directory / "verdict.json").read_bytes(), type=Verdict),
            virtual_ns=meta.virtual_ns,
            wall_s=meta.wall_s,
            diary=diary.read_bytes() if (diary := directory / "diary.jsonl").exists() else b"",
            timing=msgspec.json.decode(timing.read_bytes(), type=Timing)
            if (timing := directory / "timing.json").exists()
            else None,
            stderr={
                path.relative_to(stderr).as_posix().removesuffix(".txt"): path.read_bytes()
                for path in sorted(stderr.rglob("*.txt"))
            },
        )
    except TraceError as error:
        raise RunError(str(error)) from None
    except OSError as error:
        raise RunError(f"{directory}: not a run directory: {error.strerror}: {Path(error.filename).name}") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise RunError(f"{directory}: not a run directory: {error}") from None


def find_runs(root: Path) -> list[Path]:
    """Every run directory at or below `root`, sorted; what is still being written is left out."""
    found = (path.parent for path in root.rglob("meta.json"))
    return sorted(path for path in found if not any(part.startswith(_WRITING) for part in path.parts))


def _fill(directory: Path, result: RunResult) -> None:
    plan = result.plan
    meta = Meta(
        schema=META_SCHEMA,
        scenario=plan.scenario,
        variant=plan.variant,
        profile=plan.profile,
        source=plan.source,
        seed=plan.seed,
        backend=result.backend,
        verdict=result.verdict.outcome,
        command=reproduce_line(result),
        plan_digest=plan_digest(plan),
        digest=result.digest,
        records=len(result.records),
        virtual_ns=result.virtual_ns,
        wall_s=round(result.wall_s, 6),
        platform=sys.platform,
        versions=versions(),
    )
    (directory / "plan.json").write_bytes(encode_plan(plan))
    write_trace(directory / "trace.jsonl", result.records)
    (directory / "meta.json").write_bytes(_pretty(meta))
    (directory / "verdict.json").write_bytes(_pretty(result.verdict))
    if result.diary:
        (directory / "diary.jsonl").write_bytes(result.diary)
    if result.timing is not None:
        (directory / "timing.json").write_bytes(msgspec.json.encode(result.timing) + b"\n")
    for node, text in sorted(result.stderr.items()):
        path = directory / "stderr" / f"{node}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)


def _pretty(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=,\[\]-]", "_", text)


@contextmanager
def _reported(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{out}: cannot write runs there: {error.strerror or error}") from None


@contextmanager
def _temporary(out: Path) -> Iterator[Path]:
    """A new, locked directory in `out`, gone at the end unless it was moved; dead writers' are swept first."""
    out.mkdir(parents=True, exist_ok=True)
    _sweep(out)
    directory, lock = _locked_directory(out)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _locked_directory(out: Path) -> tuple[Path, int]:
    for number in _NUMBERS:
        directory = out / f"{_WRITING}{os.getpid()}-{number}"
        with suppress(FileExistsError):
            directory.mkdir()
            lock = _lock(directory)
            # A sweeper that came between mkdir and lock has taken the directory away: then the next name.
            if lock is not None and directory.exists():
                return directory, lock
            if lock is not None:
                os.close(lock)
    raise AssertionError("they do not end")


def _lock(directory: Path) -> int | None:
    """Lock a directory for as long as this process lives, unless somebody else has; None then."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _sweep(out: Path) -> None:
    """Remove temporary directories whose writer is dead: the kernel has taken its lock back."""
    for directory in out.glob(f"{_WRITING}*"):
        lock = _lock(directory)
        if lock is not None:
            shutil.rmtree(directory, ignore_errors=True)
            os.close(lock)


def _put(directory: Path, place: Path) -> None:
    """Move `directory` to `place`. An old run there changes places with it and is removed with the temporary name."""
    try:
        directory.rename(place)
    except OSError:
        if not place.exists():
            raise
        _exchange(directory, place)


def _exchange(one: Path, other: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, "renameat2", None)
    if renameat2 is not None and not renameat2(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    ):
        return
    # Where the system cannot exchange two names there is an instant with neither: still never half a run.
    aside = one.with_name(one.name + "-old")
    other.rename(aside)
    one.rename(other)
    shutil.rmtree(aside, ignore_errors=True)
