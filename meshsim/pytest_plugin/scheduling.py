"""Real processes on one worker of pytest-xdist. Imported only where that is installed."""

from __future__ import annotations

import re

from xdist.scheduler import LoadGroupScheduling

from meshsim.pytest_plugin.settings import PROCS

#: Ids of items that start processes.
_PROCESSES = re.compile(r"\.toml::.*\[(?:.*-)?(?:lockstep|live)-seed\d+\]\Z", re.DOTALL)


class KeepsProcessesTogether(LoadGroupScheduling):  # type: ignore[misc]  # has no types
    """As `--dist loadgroup`; our items need no mark. Whatever has no group is handed out one by one, as with `load`.

    With pytest 9.2 the mark `xdist_group` does nothing: pytest-xdist 3.8 writes the group to a field that is no longer
    read. Source: pytest-xdist issue 1386. Tests that are marked `procs` are in the same group where it works.
    """

    def _split_scope(self, nodeid: str) -> str:
        group: str = PROCS if _PROCESSES.search(nodeid) else super()._split_scope(nodeid)
        return group
