"""Errors that are the user's to mend: one line on standard error, exit code 2, no traceback."""

from __future__ import annotations


class UsageError(Exception):
    """A command cannot do what its arguments ask; each line of `str()` is one reason."""


def is_users(error: Exception) -> bool:
    """Whether this error is the user's to mend. Looks the types up late: asking must not cost a quick command."""
    from meshsim.campaign.cluster import ClusterError
    from meshsim.campaign.ledger import LedgerError
    from meshsim.run import OutputError, RunError
    from meshsim.run.table import TableError
    from meshsim.scenario.errors import ScenarioError
    from meshsim.trace.file import TraceError

    users = UsageError | ScenarioError | OutputError | RunError | TableError | TraceError | LedgerError | ClusterError
    return isinstance(error, users)
