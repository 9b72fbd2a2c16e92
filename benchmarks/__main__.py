"""`python -m benchmarks --out reports`."""

from __future__ import annotations

from pathlib import Path

import cyclopts

from benchmarks.suite import Extent, benchmark


def main(*, out: Path = Path("reports")) -> None:
    """Measure meshsim beside its baselines.

    Parameters
    ----------
    out
        Folder that benchmark.md and benchmark.json are written to.
    """
    benchmark(Extent(), out)


if __name__ == "__main__":
    cyclopts.run(main)
