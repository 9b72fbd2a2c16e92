"""The small campaign on a cluster of two workers, one of which is killed when the first batch is over.

In a process of its own: threads of Dask must not be where tests fork. Says which worker it killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from distributed import LocalCluster
from worlds import SMALLER, run

from meshsim.campaign.cluster import connected
from meshsim.campaign.running import Progress


def main(path: Path) -> None:
    # No address but this machine's, and no page that shows the cluster.
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as local,
        connected(local.scheduler_address) as cluster,
    ):
        pids = cluster.ask(os.getpid)
        killed: list[int] = []

        def kill_one(progress: Progress) -> None:
            if not killed:
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)

        progress = run(path, SMALLER, cluster, kill_one)
        is_gone = killed[0] not in cluster.ask(os.getpid)
        print(f"{progress.batches} batches, {len(progress.broken)} broken, the one that was killed is gone: {is_gone}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
