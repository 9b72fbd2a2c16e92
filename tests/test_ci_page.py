"""docs/ci.md is written by hand: it names what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from meshsim.cli.run import run

PAGE = Path(__file__).parents[1] / "docs" / "ci.md"


def test_every_flag_of_run_is_on_the_page_about_ci() -> None:
    """A flag that is added is found there, and none that is gone is promised."""
    chapter = PAGE.read_text(encoding="utf-8").partition("\n## `meshsim run`\n")[2]
    flags = {f"--{name.replace('_', '-')}" for name in inspect.signature(run).parameters if name != "paths"}

    assert set(re.findall(r"--[a-z][a-z-]+", chapter)) == flags
