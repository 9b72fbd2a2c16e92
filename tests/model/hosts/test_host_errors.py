"""Error texts of a host, to the letter (supervision.md 9.1)."""

import pytest

from meshsim.model.hosts import host_errors, process
from meshsim.model.hosts.process import ExitStatus
from meshsim.model.ids import Name, ProcId

W = ProcId("unix:@host0,w_0-1a")


@pytest.mark.parametrize(
    ("text", "golden"),
    [
        (host_errors.already_exists(Name("w_0-1a")), "proc 'w_0-1a' already exists"),
        (
            host_errors.failed_to_spawn(W, "Too many open files (os error 24)"),
            "proc 'unix:@host0,w_0-1a' failed to spawn process: Too many open files (os error 24)",
        ),
        (
            host_errors.failed_to_configure(W, host_errors.TIMEOUT),
            "proc 'unix:@host0,w_0-1a' failed to configure process: Timeout",
        ),
        (
            host_errors.failed_to_configure(W, host_errors.terminal(process.classify(ExitStatus(code=1)))),
            "proc 'unix:@host0,w_0-1a' failed to configure process: "
            "Ready(Terminal(Stopped { exit_code: 1, stderr_tail: [] }))",
        ),
        (
            host_errors.terminal(process.classify(ExitStatus(signal=11, core_dumped=True))),
            "Ready(Terminal(Killed { signal: 11, core_dumped: true }))",
        ),
        (
            host_errors.terminal(process.callback_failed("gone")),
            'Ready(Terminal(Failed { reason: "bootstrap callback failed: gone" }))',
        ),
    ],
)
def test_what_a_host_says_of_a_proc_it_could_not_make(text, golden):
    assert text == golden
