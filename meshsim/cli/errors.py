"""Errors that are the user's to mend: one line on standard error, exit code 2, no traceback."""

from __future__ import annotations

from meshsim.run import OutputError, RunError
from meshsim.scenario.errors import ScenarioError
from meshsim.trace.file import TraceError


class UsageError(Exception):
    """A command cannot do what its arguments ask; each line of `str()` is one reason."""


USER_ERRORS = (UsageError, ScenarioError, OutputError, RunError, TraceError)
