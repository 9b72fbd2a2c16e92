"""What tests that end runners in sudden ways share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from leftovers import adopting


@pytest.fixture
def adopted() -> Iterator[Callable[[], list[int]]]:
    """Waits for the orphans of a dead runner: their exit codes."""
    with adopting() as wait_for_all:
        yield wait_for_all
        assert wait_for_all() == []
