"""meshsim as it is shipped: the wheel, unpacked, for other interpreters to find before this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def unpacked_wheel(folder: Path) -> Path:
    """A folder for PYTHONPATH with the package, its data and its entry points."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def environment(site: Path, **variables: str) -> dict[str, str]:
    """The environment of a process that has the wheel and nothing of this pytest run."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MESHSIM_"))}
    return {**ours, "PYTHONPATH": str(site), **variables}
