"""What an exploration found, kept as scenario files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from meshsim.cli.console import err, table
from meshsim.cli.console import out as say
from meshsim.explore.understanding import Lead, NotUnderstood, Understood, understand
from meshsim.run.directory import prepare, write_whole


def keep(leads: Sequence[Lead], out: Path, *, jobs: int, ways: int = 1) -> None:
    """Shrink each finding, write a scenario file for it or for each way to it, and say what was written."""
    prepare(out)
    say(f"shrinking {len(leads)} findings:")
    rows = []
    for each, path in written(leads, out, jobs=jobs, ways=ways):
        left = f"{each.faults} of {each.faults_before}", f"{each.decisions} of {each.decisions_before}"
        rows.append((str(path), *left, str(each.quirks)))
    table(("file", "faults", "decisions", "quirks"), rows, right=("faults", "decisions"))


def written(leads: Sequence[Lead], out: Path, *, jobs: int, ways: int = 1) -> Iterator[tuple[Understood, Path]]:
    """Each finding, or each way to it, in its smallest form, and the file that was written; says what went wrong."""
    for each in understand(leads, ways=ways, jobs=jobs, folder=str(out)):
        if isinstance(each, NotUnderstood):
            err(f"{each.signature}: not shrunk: {each.why}")
            continue
        path = out / f"{each.name}.toml"
        write_whole(path, each.text)
        if each.trouble:
            err(f"{path}: {each.trouble}")
        yield each, path
