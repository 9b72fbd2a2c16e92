"""What the backend did with processes, for people: JSON lines with pids and wall times.

Kept beside the trace in the run directory and never part of it: nothing here may depend on the plan alone, and nothing
in the trace may depend on this.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog


class Diary:
    """A structured log in memory. `log.info(event, **facts)` writes one line."""

    def __init__(self) -> None:
        self._lines = io.StringIO()
        self._began_s = time.perf_counter()
        self.log: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
            structlog.WriteLogger(self._lines),
            processors=[self._stamp, structlog.processors.JSONRenderer()],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )

    def text(self) -> bytes:
        """Everything that was written so far."""
        return self._lines.getvalue().encode()

    def _stamp(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """Wall seconds since the run began come first."""
        return {"wall_s": round(time.perf_counter() - self._began_s, 6), **event}
