"""A script with a node class of its own, as somebody would try one out.

python script_with_node.py RUN_ID
"""

from __future__ import annotations

import sys

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import NodeCommand
from meshsim.model.events import Event, Started
from meshsim.model.ids import ActorId, Node
from meshsim.model.notes import Warned
from meshsim.procs.backend import LockstepBackend

TEXT = "global of the script"


class ScriptNode:
    def __init__(self, boot: NodeBoot, program: Program) -> None:
        self.me = ActorId(boot.node)

    def handle(self, event: Event, now_ns: int) -> list[NodeCommand]:
        return [Warned(actor=self.me, text=TEXT)]


if __name__ == "__main__":
    backend = LockstepBackend(Program({}), run_id=sys.argv[1], node_type=ScriptNode)
    try:
        backend.start(NodeBoot(node=Node("client"), kind="client", config={}))
        (answer,) = backend.step(Node("client"), Started(), 0)
        print(answer.text)
    finally:
        backend.close()
