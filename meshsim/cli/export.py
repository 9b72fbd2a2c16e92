"""`meshsim export`."""

from __future__ import annotations

from pathlib import Path

from meshsim.cli import PASSED, console
from meshsim.cli.errors import UsageError
from meshsim.run import OutputError, check_writable, read_meta, read_run


def export(run: Path, *, perfetto: bool = False, out: Path | None = None) -> int:
    """Write a run as a timeline for a trace viewer: open the file at https://ui.perfetto.dev, by drag and drop.

    Hosts are processes and procs threads; the handling of each event is a slice, messages are arrows, faults instants,
    what lasts (operations, polls, stalls, partitions, failures until all have heard) spans of its own.

    Parameters
    ----------
    run
        A run directory.
    perfetto
        As Trace Event JSON, which Perfetto and chrome://tracing read. There is no other format yet: needed.
    out
        The file; compressed if its name ends in `.gz`. `perfetto.json` in the run directory when not given.
    """
    if not perfetto:
        raise UsageError("export: expected a format, which is --perfetto")
    place = run / "perfetto.json" if out is None else out
    result, meta = read_run(run), read_meta(run)
    check_writable(place)
    from meshsim.report.perfetto import compressed, perfetto_json

    data = perfetto_json(result, meta.versions)
    try:
        place.write_bytes(compressed(data) if place.suffix == ".gz" else data)
    except OSError as error:
        raise OutputError(f"{place}: cannot be written: {error.strerror}") from None
    console.out(f"timeline: {place} (open it at https://ui.perfetto.dev)")
    return PASSED
