"""A runner for tests to kill: builds a tree, says how far it is, and waits.

python killed_runner.py RUN_ID SCRATCH
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from echo_node import EchoNode, work

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.ids import Node
from meshsim.procs.backend import LockstepBackend


def main(run_id: str, scratch: Path) -> None:
    backend = LockstepBackend(Program({}), run_id=run_id, scratch=scratch, node_type=EchoNode)
    print("zygote", flush=True)
    for host in (Node("host0"), Node("host1")):
        backend.start(NodeBoot(node=host, kind="host", config={}))
        for index in range(3):
            proc = NodeBoot(node=Node(f"{host}/{index}"), kind="proc", config={})
            backend.spawn(host, proc, pdeathsig=index > 0)
    print("procs", flush=True)
    backend.signal(Node("host0"), signal.SIGSTOP, by=None)
    backend.signal(Node("host1/0"), signal.SIGSTOP, by=None)
    backend.signal(Node("host1"), signal.SIGKILL, by=None)
    print("stopped", flush=True)
    backend.step(Node("host0/0"), work("hang"), 0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
