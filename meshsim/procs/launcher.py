"""The runner's side of the zygote: start it, talk to it, have it end everything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import dill

import meshsim
from meshsim.drive.backend import BackendError
from meshsim.model.boot import Program
from meshsim.procs.child import NodeType
from meshsim.procs.peer import Peer
from meshsim.procs.transport import ChannelClosedError, ChannelTimeoutError
from meshsim.procs.wire import REPLIES, Farewell, Load, Refused

#: In the environment of every process of a run: how leftovers are found (`/proc/PID/environ`).
RUN_MARKER = "MESHSIM_RUN"


class Zygote(Peer):
    """A running zygote (`meshsim.procs.zygote`)."""

    def __init__(self, *, run_id: str, scratch: Path, deadline_s: float) -> None:
        """Start it. It takes nothing but `load` and `close` at first.

        Raises:
            BackendError: the machine has no more processes or descriptors to give.
        """
        with ExitStack() as undo:
            try:
                ours, theirs = socket.socketpair()
                undo.callback(ours.close)
                with theirs:
                    output = os.memfd_create("zygote")
                    undo.callback(os.close, output)
                    self._popen = _popen(theirs.fileno(), output, run_id, scratch)
            except OSError as error:
                raise BackendError(f"the zygote cannot be started: {error}") from error
            undo.pop_all()
        super().__init__("the zygote", self._popen.pid, ours, output, deadline_s)

    def load(self, node_type: NodeType, program: Program, *, live: bool = False) -> None:
        """Send it the code of all nodes, and wait until it can fork.

        Raises:
            BackendError: the program cannot be pickled or loaded, or the zygote does not start in time.
        """
        try:
            # recurse: functions of `__main__` bring the globals they use.
            code = dill.dumps((node_type, program), recurse=True)
        except Exception as error:  # Pickling runs whatever code the program's classes have.
            raise BackendError(f"the program cannot be pickled: {type(error).__name__}: {error}") from error
        load = Load(path=[str(entry) for entry in sys.path], code=code, live=live)
        reply = self.ask(load, REPLIES, "the request to load the program")
        if isinstance(reply, Refused):
            raise BackendError(
                f"the program cannot be loaded in a fresh interpreter: {reply.reason}; "
                "actor classes must come from modules that can be imported"
            )

    def close(self) -> None:
        """Have it kill and wait for all that came from it, and end; it is killed when it does not.

        Raises:
            BackendError: it failed, or did not end in time: processes of the run may be left.
        """
        with suppress(ChannelClosedError, ChannelTimeoutError):  # It is gone, or stuck; waiting will tell.
            self.channel.send(Farewell())
        self.channel.finish()
        try:
            code = self._popen.wait(self.deadline_s)
            if code != 0:
                raise BackendError(f"the zygote ended with {code}{self.tail()}")
        except subprocess.TimeoutExpired:
            raise BackendError(f"the zygote did not end within {self.deadline_s:g}s{self.tail()}") from None
        finally:
            self._popen.kill()
            self._popen.wait()
            self.release()


def _popen(connection: int, output: int, run_id: str, scratch: Path) -> subprocess.Popen[bytes]:
    # -P: the folder that the runner happens to be in is searched only if the runner's own path says so.
    command = [sys.executable, "-P", "-m", "meshsim.procs.zygote", str(connection), str(scratch)]
    return subprocess.Popen(
        command,
        pass_fds=[connection],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env=_environment(run_id),
        # Out of reach of the terminal's Ctrl-C, and one session for the whole run: the kernel would continue a
        # stopped process group whose new parent, after its host's death, were of another session.
        start_new_session=True,
    )


def _environment(run_id: str) -> dict[str, str]:
    """This process's environment with the marker, and with this very meshsim first on the module path."""
    root = str(Path(meshsim.__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, RUN_MARKER: run_id}
