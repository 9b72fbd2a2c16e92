"""`meshsim trace` and `meshsim diff`."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import get_args

from meshsim.cli import PASSED, VIOLATED
from meshsim.cli.console import out
from meshsim.cli.errors import UsageError
from meshsim.model.messages import Message
from meshsim.model.tags import tag_of
from meshsim.trace.compare import first_divergence
from meshsim.trace.digest import digest, encode_line
from meshsim.trace.directory import Directory
from meshsim.trace.file import read_trace
from meshsim.trace.records import Body, Record
from meshsim.trace.story import render, selected
from meshsim.units import DurationError, parse_duration

#: Records that led to a divergence and are shown. Source: chosen here.
_STORY_LINES_MAX = 12
_TRACE = "trace.jsonl"
#: Runs that are named to who gave a folder of them. Source: chosen here.
_RUNS_NAMED = 2


def trace(
    run: Path,
    /,
    *,
    node: str | None = None,
    actor: str | None = None,
    type: list[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    grep: str | None = None,
    limit: int | None = None,
    json: bool = False,
) -> int:
    """Print the records of a run, one a line. Filters narrow each other.

    Parameters
    ----------
    run
        A run directory, or a trace.jsonl.
    node
        Only records of this process: `host0`, `client`, `workers[2]`.
    actor
        Only records that mention this actor: `trainer[1]`, `trainer.controller`.
    type
        Only records of this type, or about a message of it: `heard`, `poll_ended`, `get_state`. May be repeated.
    since
        Only records from this virtual time on, e.g. `2.5s`.
    until
        Only records up to this virtual time.
    grep
        Only records whose line contains this text, in upper or lower case.
    limit
        At most so many records.
    json
        The records as they are in the trace.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"--limit: expected 0 or more, got {limit}")
    records = _records_of(run)
    directory = Directory.of(records)
    if node is not None and directory.node(node) is None and node not in {record.node for record in records}:
        raise UsageError(f"--node: expected a process of this run, got {node!r}")
    chosen = selected(
        records,
        directory,
        node=node,
        actor=actor,
        types=_known_types(type or []),
        start_ns=_time("--since", since),
        end_ns=_time("--until", until),
        text=grep,
    )
    for record in islice(chosen, limit):
        out(encode_line(record).decode().rstrip("\n") if json else render(record, directory))
    return PASSED


def diff(left: Path, right: Path, /) -> int:
    """Find where two runs first differ, with the records that led there. Ends with code 1 if they do.

    Parameters
    ----------
    left
        A run directory, or a trace.jsonl.
    right
        Another one.
    """
    one, other = _records_of(left), _records_of(right)
    divergence = first_divergence(one, other)
    if divergence is None:
        out(f"equal: {len(one)} records, digest {digest(one)}")
        return PASSED
    out(f"the runs differ from record {divergence.index} on")
    _side(left, one, divergence.left_story, divergence.left)
    _side(right, other, divergence.right_story, divergence.right)
    return VIOLATED


def _side(path: Path, records: list[Record], before: tuple[Record, ...], record: Record | None) -> None:
    directory = Directory.of(records)
    out()
    out(str(path))
    for line in story_lines(before, directory):
        out(line)
    out(f"  > {render(record, directory)}" if record is not None else "  > nothing: the trace has ended")


def story_lines(story: tuple[Record, ...], directory: Directory) -> list[str]:
    """The last records of a story, a line each, and how many there were before."""
    hidden = len(story) - _STORY_LINES_MAX
    lines = [f"    ({hidden} earlier records)"] if hidden > 0 else []
    return lines + [f"    {render(record, directory)}" for record in story[-_STORY_LINES_MAX:]]


def _records_of(run: Path) -> list[Record]:
    if not run.is_dir():
        return read_trace(run)
    trace = run / _TRACE
    inside = sorted(str(found.parent) for found in run.rglob(_TRACE))
    if trace.exists() or not inside:
        return read_trace(trace)
    more = f" and {len(inside) - _RUNS_NAMED} more" if len(inside) > _RUNS_NAMED else ""
    raise UsageError(f"{run}: expected the directory of one run, such as {', '.join(inside[:_RUNS_NAMED])}{more}")


def _time(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except DurationError as error:
        raise UsageError(f"{option}: {error}") from None


def _known_types(types: list[str]) -> frozenset[str]:
    allowed = sorted({tag_of(kind) for kind in (*get_args(Body), *get_args(Message))})
    for name in types:
        if name not in allowed:
            near = get_close_matches(name, allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"--type: expected the type of a record or a message, got {name!r}{hint}")
    return frozenset(types)
