"""The command as a whole: help, version, doctor, starting up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshsim.procs import capabilities
from meshsim.versions import version_of

Command = Callable[..., Any]

OPTIONS = {
    "run": ("--backend", "--seed", "--variant", "--profile", "--out", "--report", "--json"),
    "list": ("--json",),
    "check": ("PATHS",),
    "show": ("--seed", "--variant", "--profile", "--json"),
    "trace": ("--node", "--actor", "--type", "--since", "--until", "--grep", "--limit", "--json"),
    "diff": ("LEFT", "RIGHT"),
    "report": ("--out", "--timelines"),
    "campaign": ("--time", "--rounds", "--strategy", "--jobs", "--ledger", "--scheduler", "report"),
    "quirks": ("PATH", "--run", "--backend", "--out", "--json"),
    "schema": (),
    "doctor": ("--json",),
}


def real(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meshsim", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(capabilities.__file__).parents[2]), **env},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", OPTIONS)
def test_the_help_of_each_command_names_its_options(meshsim: Command, command: str) -> None:
    """Everything a command can do is found without the manual."""
    said = meshsim(command, "--help")

    assert (said.code, said.err) == (0, "")
    assert [option for option in OPTIONS[command] if option not in said.out] == []
    assert said.out.isascii()


def test_the_help_lists_the_commands_and_exit_codes(meshsim: Command) -> None:
    """CI scripts branch on exit codes: they are part of the interface."""
    said = meshsim("--help")

    assert [command for command in OPTIONS if f"\n  {command}" not in said.out] == []
    assert "Exit codes: 0 passed, 1 violated, 2 bad input or usage, 3 inconclusive" in " ".join(said.out.split())


def test_help_loads_neither_simulator_nor_drawing(folder: Path) -> None:
    """`meshsim --help` answers at once: what is heavy is imported by the command that needs it."""
    program = (
        "import sys; from meshsim.cli import main; main(['--help']); "
        "print([m for m in ('simpy', 'matplotlib', 'numpy', 'jinja2', 'multiprocess', 'dill') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(capabilities.__file__).parents[2])},
        timeout=60,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_printed(meshsim: Command) -> None:
    """The first thing a bug report needs."""
    assert meshsim("--version") == (0, f"meshsim {version_of('meshsim')}\n", "")


def test_doctor_prints_every_capability(meshsim: Command) -> None:
    """Whoever cannot run on real processes learns what is missing."""
    said = meshsim("doctor")

    assert [c.name for c in capabilities.probe() if c.name not in said.out] == []
    assert said.code == 0
    assert said.out.endswith("lockstep: ready\nlive: ready\n")


def test_doctor_names_what_is_missing_and_ends_with_3(meshsim: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container without pidfd: simulation works, real processes do not, and the doctor says why."""
    lacking = capabilities.Capability("pidfd_open", ok=False, detail="Function not implemented", needed_for="deaths")
    monkeypatch.setattr(capabilities, "probe", lambda: [lacking])

    said = meshsim("doctor")

    assert said.code == 3
    assert "pidfd_open  missing  Function not implemented  deaths" in said.out.splitlines()
    assert said.out.splitlines()[-2:] == [
        "lockstep: this machine lacks what is marked as missing",
        "live: this machine lacks what is marked as missing",
    ]


def test_doctor_tells_what_live_alone_lacks(meshsim: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes can be stepped there, and cannot run freely."""
    lacking = capabilities.Capability("epoll of a pidfd", ok=False, detail="no", needed_for="deaths", only="live")
    monkeypatch.setattr(capabilities, "probe", lambda: [lacking])

    said = meshsim("doctor")

    assert said.code == 3
    assert said.out.splitlines()[-2:] == ["lockstep: ready", "live: this machine lacks what is marked as missing"]


def test_doctor_speaks_json(meshsim: Command) -> None:
    """CI images are checked by scripts."""
    lines = [json.loads(line) for line in meshsim("doctor", "--json").out.splitlines()]

    assert [line["name"] for line in lines] == [c.name for c in capabilities.probe()]


def test_the_real_command_ends_with_its_exit_code_and_no_traceback(folder: Path) -> None:
    """From a shell: good input, bad input, and a locale that knows ASCII only."""
    good = real("check", "sc", cwd=folder)
    bad = real("run", "nosuch", cwd=folder)
    ascii_only = real("show", "sc", cwd=folder, PYTHONIOENCODING="ascii", LC_ALL="C", NO_COLOR="1")

    assert (good.returncode, good.stdout, good.stderr) == (0, "ok  sc/kill-one.toml  1 plan\n", "")
    assert (bad.returncode, bad.stdout, bad.stderr) == (2, "", "meshsim: nosuch: no such file or folder\n")
    assert (ascii_only.returncode, ascii_only.stderr) == (0, "")


def test_a_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    """`meshsim schema | head -1` closes the pipe: no traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "meshsim", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(capabilities.__file__).parents[2]), "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        code = process.wait(timeout=60)

    assert (code, err) == (141, b"")
