"""A node that does what it is told, for tests of the backend: no model, only processes."""

from __future__ import annotations

import os
import signal
import sys

from meshsim.model.boot import NodeBoot, Program
from meshsim.model.commands import NodeCommand
from meshsim.model.events import Event
from meshsim.model.ids import ActorId
from meshsim.model.messages import Envelope, Work
from meshsim.model.notes import Warned


class EchoNode:
    """Answers work with a warning of the same text; a few texts are orders."""

    def __init__(self, boot: NodeBoot, program: Program) -> None:
        self.me = ActorId(boot.node)
        self.program = program
        self.steps = 0
        if boot.config.get("refuse"):
            raise ValueError("this node cannot be built")

    def handle(self, event: Event, now_ns: int) -> list[NodeCommand]:
        self.steps += 1
        text = event.message.text if isinstance(event, Envelope) and isinstance(event.message, Work) else ""
        match text.split(" ", 1):
            case ["raise", reason]:
                raise RuntimeError(reason)
            case ["print", line]:
                print(line)
                print(line.upper(), file=sys.stderr)
            case ["hang"]:
                signal.pause()
            case ["die", number]:
                os.kill(os.getpid(), int(number))
            case ["interrupt", pid]:
                os.kill(int(pid), signal.SIGINT)
                signal.pause()
            case ["repeat", count]:
                return [Warned(actor=self.me, text=text)] * int(count)
            case ["who"]:
                return [Warned(actor=self.me, text=f"{os.getpid()} {sorted(self.program.actor_types)} {self.steps}")]
            case ["dispositions"]:
                return [Warned(actor=self.me, text=repr(_not_default()))]
            case ["descriptors"]:
                return [Warned(actor=self.me, text=repr(_open_descriptors()))]
        return [Warned(actor=self.me, text=f"{text} at {now_ns}")]


def work(text: str) -> Envelope:
    return Envelope(sender=ActorId("test"), dest=ActorId("node"), message=Work(text=text))


def _not_default() -> list[int]:
    return [n for n in signal.valid_signals() if signal.getsignal(n) not in (signal.SIG_DFL, None)]


def _open_descriptors() -> list[str]:
    links = []
    for entry in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            links.append(os.readlink(f"/proc/self/fd/{entry}").split(":[")[0])
        except FileNotFoundError:
            continue
    return links
