"""Traces on disk: JSON lines, the same bytes that the digest is taken over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from meshsim.model.tags import tag_of
from meshsim.trace.digest import encoded_chunks
from meshsim.trace.records import TRACE_SCHEMA, Record, RunStarted

_DECODER = msgspec.json.Decoder(Record)


class TraceError(ValueError):
    """A file is not a trace that this version can read. `line` counts from 1; 0 is the file as a whole."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path = path
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else str(self.path)
        return f"{place}: {self.problem}"


def write_trace(path: Path, records: Iterable[Record]) -> None:
    """Write a trace; an existing file is replaced.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("wb") as file:
        for chunk in encoded_chunks(records):
            file.write(chunk)


def read_trace(path: Path) -> list[Record]:
    """Read a whole trace back: the values that were written.

    Raises:
        TraceError: no such file, not a trace, cut off, out of order, or of a newer format.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TraceError(path, 0, f"cannot be read: {error.strerror}") from error
    if not content:
        raise TraceError(path, 0, "expected a trace, got an empty file")
    _check_schema(path, content)
    try:
        records = _DECODER.decode_lines(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _raise_for_first_bad_line(path, content)
        raise  # A decoder that dislikes the whole but none of its lines is a bug, not bad input.
    if not content.endswith(b"\n"):
        raise TraceError(path, len(records), "expected a complete line, the file is cut off")
    _check_order(path, records)
    return records


class _FirstBody(msgspec.Struct):
    type: str
    schema: int | None = None


class _First(msgspec.Struct):
    what: _FirstBody


def _check_schema(path: Path, content: bytes) -> None:
    """Look at the first line alone: a newer format may have records that this version cannot decode."""
    try:
        first = msgspec.json.decode(content.split(b"\n", 1)[0], type=_First)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TraceError(path, 1, f"expected a trace record: {error}") from error
    tag = tag_of(RunStarted)
    if first.what.type != tag or first.what.schema is None:
        raise TraceError(path, 1, f"expected a {tag} record first, got {first.what.type}")
    if not 1 <= first.what.schema <= TRACE_SCHEMA:
        raise TraceError(path, 1, f"expected a trace of format {TRACE_SCHEMA} or older, got format {first.what.schema}")


def _raise_for_first_bad_line(path: Path, content: bytes) -> None:
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            if line:
                _DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TraceError(path, number, f"expected a trace record: {error}") from error


def _check_order(path: Path, records: list[Record]) -> None:
    before = -1
    for line, record in enumerate(records, start=1):
        if record.seq <= before:
            raise TraceError(path, line, f"expected a sequence number above {before}, got {record.seq}")
        before = record.seq
