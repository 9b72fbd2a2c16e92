"""`meshsim replay`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from meshsim.cli import PASSED, VIOLATED
from meshsim.cli.console import out, table
from meshsim.cli.errors import UsageError
from meshsim.cli.traces import story_lines
from meshsim.run import RunError, find_runs, read_meta, read_run
from meshsim.run.replay import Difference, NotRecordedError, Replayed, replay
from meshsim.trace.directory import Directory
from meshsim.trace.records import Record
from meshsim.trace.story import time_text

_LIVE = "live"


def replay_runs(*runs: Path) -> int:
    """Feed what the nodes of live runs took to the model again, and compare what they asked for, one by one.

    Messages, timers, notes, processes, signals and exits have to be those of the recording. A difference is shown with
    what led there, and ends with code 1. Runs of sim and lockstep are not replayed but run again: `meshsim run
    --check-determinism`.

    Parameters
    ----------
    runs
        Directories of live runs, or folders of runs such as `out`, where those of other backends are left out.
    """
    if not runs:
        raise UsageError("replay: expected the directory of a live run, or a folder of them")
    found, others = _live_runs(runs)
    rows: list[tuple[str, ...]] = []
    differing: list[tuple[Path, Replayed, Sequence[Record]]] = []
    for path in found:
        replayed, records = _replayed(path)
        if replayed.differences:
            differing.append((path, replayed, records))
        word = "differs" if replayed.differences else "as recorded"
        rows.append((str(path), str(replayed.nodes), str(replayed.inputs), str(replayed.outputs), word))
    table(("run", "nodes", "inputs", "outputs", "replay"), rows, right=("nodes", "inputs", "outputs"))
    for path, replayed, records in differing:
        _show(path, replayed, records)
    out()
    left = f"; {others} of other backends left out" if others else ""
    out(f"{len(found)} live runs replayed: {len(found) - len(differing)} as recorded, {len(differing)} differ{left}")
    return VIOLATED if differing else PASSED


def _live_runs(roots: Sequence[Path]) -> tuple[list[Path], int]:
    """The live runs there, and how many others."""
    found: list[Path] = []
    others = 0
    for root in roots:
        runs = find_runs(root)
        backends = [read_meta(run).backend for run in runs]
        live = [run for run, backend in zip(runs, backends, strict=True) if backend == _LIVE]
        if runs == [root] and not live:
            raise UsageError(f"{root}: expected a live run, got one of {backends[0]}: run it again for the same trace")
        if not live:
            raise UsageError(f"{root}: no live runs there")
        found += live
        others += len(runs) - len(live)
    return found, others


def _replayed(path: Path) -> tuple[Replayed, Sequence[Record]]:
    result = read_run(path)
    if result.timing is None:
        raise RunError(f"{path}: cannot be replayed: it has no timing.json")
    try:
        return replay(result.plan, result.records, result.timing), result.records
    except NotRecordedError as error:
        raise RunError(f"{path}: cannot be replayed: {error}") from None


def _show(path: Path, replayed: Replayed, records: Sequence[Record]) -> None:
    """The first difference in full, the others as a line each."""
    directory = Directory.of(records)
    first, *others = replayed.differences
    out()
    out(f"{path}: {_where(first, directory)}: {first.problem}")
    for line in story_lines(first.story, directory):
        out(line)
    if first.expected or first.recorded:
        out(f"  model     {first.expected or '-'}")
        out(f"  recorded  {first.recorded or '-'}")
    for other in others:
        out(f"  and {_where(other, directory)}: {other.problem}")


def _where(difference: Difference, directory: Directory) -> str:
    node = directory.name_of_node(difference.node) or "the run"
    return f"input {difference.input} of {node}, at {time_text(difference.at_ns)}, record {difference.record}"
