"""Traces on disk: written, read back, and refused when they are not what they should be."""

from __future__ import annotations

from pathlib import Path

import pytest
from trace_builder import CLIENT, NODES, OBSERVER, TraceBuilder

from meshsim.model.hosts.process import ExitStatus
from meshsim.trace.digest import digest
from meshsim.trace.file import TraceError, read_trace, write_trace


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A trace with records of many kinds."""
    trace = TraceBuilder().bring_up(subscribers=(OBSERVER,))
    trace.dies(NODES[1], ExitStatus(signal=9), by="host1", at=15)
    trace.heard(CLIENT, "owner", 1, at=20)
    write_trace(tmp_path / "trace.jsonl", trace.end(30))
    return tmp_path / "trace.jsonl"


def test_a_trace_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """The same values, hence the same digest."""
    records = TraceBuilder().bring_up().end(30)
    write_trace(tmp_path / "t", records)
    assert read_trace(tmp_path / "t") == records
    assert digest(read_trace(tmp_path / "t")) == digest(records)


def _error(path: Path) -> tuple[int, str]:
    with pytest.raises(TraceError) as caught:
        read_trace(path)
    assert str(caught.value).startswith(str(path))
    return caught.value.line, caught.value.problem


def test_a_missing_file_and_a_directory_are_no_traces(tmp_path: Path) -> None:
    """The reason is the operating system's."""
    assert _error(tmp_path / "nowhere") == (0, "cannot be read: No such file or directory")
    assert _error(tmp_path) == (0, "cannot be read: Is a directory")


def test_an_empty_file_is_no_trace(path: Path) -> None:
    """What is left when the disk was full at the first byte."""
    path.write_bytes(b"")
    assert _error(path) == (0, "expected a trace, got an empty file")


@pytest.mark.parametrize(
    ("content", "start"),
    [
        (b"hello\n", "expected a trace record: "),
        (b"\xff\xfe\x00\n", "expected a trace record: "),
        (b"{}\n", "expected a trace record: Object missing required field `what`"),
        (b'{"what":{"type":"run_ended"}}\n', "expected a run_started record first, got run_ended"),
        (
            b'{"what":{"type":"run_started","schema":99}}\n',
            "expected a trace of format 1 or older, got format 99",
        ),
    ],
)
def test_a_file_that_begins_otherwise_is_no_trace(path: Path, content: bytes, start: str) -> None:
    """Found at the first line, before anything is decoded; a newer format is told as such."""
    path.write_bytes(content)
    line, problem = _error(path)
    assert line == 1
    assert problem.startswith(start)


def test_a_bad_line_is_named(path: Path) -> None:
    """One broken byte somewhere in a large file."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = b'{"seq":4,"at":"late","node":"","cause":-1,"what":{"type":"process_stopped"}}\n'
    path.write_bytes(b"".join(lines))
    assert _error(path) == (5, "expected a trace record: Expected `int`, got `str` - at `$.at`")


def test_an_unknown_record_is_named(path: Path) -> None:
    """A record of another tool, or of a newer version without a new number."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"seq":2,"at":0,"node":"","cause":-1,"what":{"type":"teleported"}}\n'
    path.write_bytes(b"".join(lines))
    assert _error(path) == (3, "expected a trace record: Invalid value 'teleported' - at `$.what.type`")


def test_a_file_that_is_cut_off_is_named(path: Path) -> None:
    """In the middle of the last line, or right before its end."""
    content = path.read_bytes()
    last = content.count(b"\n")
    path.write_bytes(content[:-20])
    assert _error(path)[0] == last
    path.write_bytes(content[:-1])
    assert _error(path) == (last, "expected a complete line, the file is cut off")


def test_records_out_of_order_are_named(path: Path) -> None:
    """Two files pasted together."""
    content = path.read_bytes()
    path.write_bytes(content + content)
    line, problem = _error(path)
    assert line == content.count(b"\n") + 1
    assert problem == f"expected a sequence number above {line - 2}, got 0"
