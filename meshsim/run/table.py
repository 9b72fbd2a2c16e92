"""The table of a sweep: one file of JSON lines, written run by run, that survives the death of its writer.

The first line says which sweep this is; every other line is one run. A line is written by one call with its newline at
the end, so a writer that is killed leaves whole lines and at most one torn, which the next one takes away.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from meshsim.run.directory import OutputError, write_whole
from meshsim.run.measure import Numbers
from meshsim.run.pace import Pace
from meshsim.scenario.matrix import Value, variant_label
from meshsim.units import format_duration

_T = TypeVar("_T")

#: Version of the file format.
TABLE_SCHEMA = 1


class TableError(ValueError):
    """A file is not the table that was meant. `str()` is one line that names it."""


class Header(msgspec.Struct, frozen=True, kw_only=True, tag="sweep", tag_field="kind"):
    """Which sweep a table belongs to. All of it must be the same for a sweep to be taken up again."""

    schema: int = TABLE_SCHEMA
    scenario: str
    #: Path of the file as given.
    source: str
    settings: dict[str, list[Value]]
    #: Seeds of each setting: so many, from the first on.
    seed: int
    seeds: int
    backend: str
    #: What `--profile` said; empty: the file's own.
    profile: str
    #: How fast `live` went, and how late it might be; not there for the other backends.
    pace: Pace | UnsetType = UNSET
    #: Digest of all plans: differs when the file, or what is made of it, has changed.
    plans: str
    meshsim: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    scenario: str
    #: Values of the scenario's matrix and of the sweep, by dotted key.
    setting: dict[str, Value]
    profile: str
    backend: str
    seed: int
    plan_digest: str
    verdict: str
    #: Why it is not `passed`; empty when it is.
    reason: str
    digest: str
    #: What the times are times of: `virtual` or `wall`.
    clock: str
    #: None when the run was inconclusive: what there is of it means nothing.
    numbers: Numbers | None

    @property
    def label(self) -> str:
        """Its setting in short: `supervision_poll_frequency=1s`."""
        return variant_label(self.setting)


_HEADER = msgspec.json.Decoder(Header)
_ROW = msgspec.json.Decoder(Row)
_ENCODER = msgspec.json.Encoder()


def is_table(path: Path) -> bool:
    """Whether a file begins like a table."""
    try:
        with path.open("rb") as file:
            return file.read(64).startswith(b'{"kind":"sweep"')
    except OSError:
        return False


def read_table(path: Path) -> tuple[Header, list[Row]]:
    """A table, whole or as far as it has got.

    Raises:
        TableError: it is none.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}") from None
    header, rows, _ = _parsed(path, data)
    return header, rows


def _parsed(path: Path, data: bytes) -> tuple[Header, list[Row], int]:
    """Header, rows, and how many bytes are whole lines."""
    whole = data[: data.rfind(b"\n") + 1]
    lines = whole.splitlines()
    if not lines:
        raise TableError(f"{path}: not a table of a sweep: it has no whole line")
    header = _decoded(_HEADER, path, 1, lines[0])
    if header.schema != TABLE_SCHEMA:
        raise TableError(f"{path}: table of schema {header.schema}, expected {TABLE_SCHEMA}")
    rows = [_decoded(_ROW, path, number, line) for number, line in enumerate(lines[1:], start=2)]
    return header, rows, len(whole)


def _decoded(decoder: msgspec.json.Decoder[_T], path: Path, number: int, line: bytes) -> _T:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: not a table of a sweep: line {number}: {error}") from None


class TableWriter:
    """A table that is being written, by one process at a time. Use as a context."""

    def __init__(self, path: Path, header: Header) -> None:
        """Open the table of a sweep, a new one or that of the same sweep before.

        Raises:
            OutputError: the file cannot be written.
            TableError: it is no table, that of another sweep, or somebody is writing it.
        """
        self.path = path
        self._header = header
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            #: What is there already.
            self.rows = self._take_up()
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def add(self, row: Row) -> None:
        """Append one run.

        Raises:
            OutputError: the disk is full.
        """
        self._append(_ENCODER.encode(row) + b"\n")
        self.rows.append(row)

    def sort(self, digests: Iterable[str]) -> None:
        """Put the rows into the order of their plans: the same sweep makes the same bytes, however it was run.

        Raises:
            OutputError: the file cannot be written.
        """
        place = {digest: index for index, digest in enumerate(digests)}
        self.rows.sort(key=lambda row: place[row.plan_digest])
        lines = [_ENCODER.encode(each).decode() for each in (self._header, *self.rows)]
        write_whole(self.path, "\n".join(lines) + "\n")

    def _take_up(self) -> list[Row]:
        try:
            # A lock of this process alone: workers that outlive it for an instant do not have it.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise TableError(f"{self.path}: another sweep is writing it") from None
        if not os.path.samestat(os.fstat(self._file), self.path.stat()):
            raise TableError(f"{self.path}: another sweep has just written it")
        # Opening and closing the file a second time would give the lock up.
        data = os.pread(self._file, os.fstat(self._file).st_size, 0)
        if b"\n" not in data and (not data or data.startswith(b'{"kind":"sweep"')):
            # New, or its writer died within the first line.
            os.ftruncate(self._file, 0)
            self._append(_ENCODER.encode(self._header) + b"\n")
            return []
        header, rows, whole = _parsed(self.path, data)
        if header != self._header:
            raise TableError(f"{self.path}: the table of another sweep, {_difference(header, self._header)}; {_ADVICE}")
        os.ftruncate(self._file, whole)
        return rows

    def _append(self, line: bytes) -> None:
        try:
            if os.write(self._file, line) != len(line):
                raise OutputError(f"{self.path}: cannot be written: the disk is full")
        except OSError as error:
            raise OutputError(f"{self.path}: cannot be written: {error.strerror}") from None


_ADVICE = "give another --out or remove it"
_WORDS = {
    "source": "of",
    "scenario": "scenario",
    "settings": "--set",
    "seed": "--seed",
    "seeds": "--seeds",
    "backend": "--backend",
    "profile": "--profile",
    "pace": "--time-scale and --late-max",
    "meshsim": "made by meshsim",
}


def _difference(there: Header, asked: Header) -> str:
    for field, word in _WORDS.items():
        before, now = getattr(there, field), getattr(asked, field)
        if before != now:
            return f"{word} {_shown(before)}, not {_shown(now)}"
    return "made when the scenario file said something else"


def _shown(value: object) -> str:
    if isinstance(value, Pace):
        late_max = "" if value.late_max_ns is None else f" and {format_duration(value.late_max_ns)}"
        return f"{value.time_scale:g}{late_max}"
    if isinstance(value, dict):
        return " ".join(f"{key}={','.join(map(str, values))}" for key, values in value.items()) or "(nothing)"
    return str(value) or "(nothing)"
