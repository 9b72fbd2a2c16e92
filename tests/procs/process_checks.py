"""What the tests of the backend share: boots, and the type of the fixture that makes backends."""

from __future__ import annotations

from typing import Protocol

from leftovers import PATIENCE_S

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.ids import Node
from meshsim.procs.backend import LockstepBackend

EMPTY = Program(actor_types={})


class MakeBackend(Protocol):
    def __call__(self, *, deadline_s: float = PATIENCE_S, program: Program = EMPTY) -> LockstepBackend: ...


def boot(node: str, kind: str = "proc", **config: int) -> NodeBoot:
    return NodeBoot(node=Node(node), kind=kind, config=dict(config))
