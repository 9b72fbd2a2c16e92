"""Projects with scenarios, and a pytest of their own: in this process, or as a user has it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from xml.etree.ElementTree import Element, parse

import pytest

import meshsim.pytest_plugin

# What is imported for the first time while a pytest runs within a test is forgotten with it, and would be imported a
# second time by other tests: classes of the same name that are not the same. So everything is there before.
for _module in pkgutil.walk_packages(meshsim.__path__, "meshsim."):
    if _module.name != "meshsim.__main__":
        importlib.import_module(_module.name)

KILL_ONE = """\
name = "kill-one"
seeds = [7]
horizon = "8s"
backends = ["sim", "lockstep"]
config = { supervision_poll_frequency = "2s" }

[topology]
procs = [{ name = "workers", per_host = { gpus = 2 } }]
actors = [{ name = "trainer", procs = "workers" }]

[[faults]]
kind = "signal"
target = "workers[1]"
at = "5s"
signal = "SIGKILL"

[[expect]]
kind = "hears"
listener = "client"
mesh = "trainer"
rank = 1
status = "Failed"
times = 1
within = "3s"
"""

#: Set for a pytest that shall have no plugins but those it is given.
NO_OTHERS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"

#: A host and a client, in simulation, and nothing that happens.
QUIET = """\
name = "quiet"
seeds = [0]
horizon = "1s"
backends = ["sim"]
"""

#: An actor of the project's own on each of two workers.
OWN = """\
name = "own"
seeds = [0]
horizon = "3s"
backends = ["sim", "lockstep"]

[topology]
procs = [{ name = "workers" }]
actors = [{ name = "trainer", procs = "workers", actor = "mine:Mine" }]
"""

_ACTOR = """\
import os
import signal

from meshsim.model.actors.plain import TestActor
from meshsim.model.commands import SetTimer
from meshsim.model.events import Started, TimerFired


class Mine(TestActor):
    def handle(self, event, now_ns):
        if isinstance(event, Started):
            return self.begin()
        if isinstance(event, TimerFired):
            return []
        return super().handle(event, now_ns)

    def begin(self):
{body}
"""


class Project:
    """A folder whose scenarios are in `sc`."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.path = pytester.path
        (self.path / "sc").mkdir()
        self.write("pytest.ini", "[pytest]\nmeshsim_scenarios = sc\naddopts = --strict-markers --strict-config\n")

    def write(self, name: str, text: str) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def scenario(self, text: str, folder: str = "fast", **changes: str) -> None:
        """A file in a suite, with other values for some keys: `scenario(KILL_ONE, times="3")`."""
        for key, value in changes.items():
            (before,) = (line for line in text.splitlines() if line.startswith(f"{key} ="))
            text = text.replace(before, f"{key} = {value}")
        name = text.split('"')[1]
        self.write(f"sc/{folder}/{name}.toml", text)

    def actor(self, *body: str) -> None:
        """The class of `OWN`: what it does, and returns, when it starts."""
        self.write("mine.py", _ACTOR.format(body="\n".join(f"        {line}" for line in body)))

    def pytest(self, *words: str) -> pytest.RunResult:
        """Run in this process, with the plugin of this checkout."""
        return self._pytester.runpytest_inprocess(*words, plugins=[meshsim.pytest_plugin])

    def pytest_process(self, *words: str) -> pytest.RunResult:
        """Run in a process of its own, with whatever plugins there are."""
        with pytest.MonkeyPatch.context() as patched:
            patched.delenv(NO_OTHERS)
            return self._pytester.runpytest_subprocess(*words)

    def collected(self, *words: str) -> list[str]:
        """Ids of what would run, in order."""
        return [line for line in self.pytest("--collect-only", "-q", *words).stdout.lines if "::" in line]

    def junit(self, *words: str) -> dict[str, Element]:
        """The test cases that a run writes, by name."""
        self.pytest("--junitxml", "junit.xml", *words)
        return {case.get("name", ""): case for case in parse(self.path / "junit.xml").iter("testcase")}


def properties(case: Element) -> dict[str, str]:
    return {each.get("name", ""): each.get("value", "") for each in case.iter("property")}
