"""What the options of a pytest run ask of scenarios."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pytest

from meshsim.pytest_plugin import INI

#: Below this fresh seeds are drawn. Source: chosen here; short enough to be typed again.
_FRESH_SEEDS = 10**6
_SEED_FOR_WORKERS = "meshsim_seed"

#: Marker of items that start OS processes, and the group that pytest-xdist keeps on one worker.
PROCS = "procs"

#: What pytest takes as the name of a marker and in `-m`.
_MARK = re.compile(r"[A-Za-z0-9][\w.-]*\Z")
#: Folders of these names do not mark their scenarios: to pytest or its plugins the marks mean something else.
_MEANT_OTHERWISE = frozenset(
    {"filterwarnings", "parametrize", "skip", "skipif", "timeout", "usefixtures", "xdist_group", "xfail", PROCS}
)


class Settings(NamedTuple):
    """The options, checked."""

    folders: tuple[Path, ...]
    #: The first seed, if one was given or drawn, and how many in a row.
    seed: int | None
    seeds: int
    #: The seed was drawn: nobody has asked for this one.
    fresh: bool
    profile: str | None
    out: Path | None
    inconclusive: Literal["fail", "skip", "pass"]

    def seeds_of(self, own: Sequence[int]) -> list[int]:
        """The seeds to run with, given those that a scenario names."""
        return list(own) if self.seed is None else list(range(self.seed, self.seed + self.seeds))


SETTINGS = pytest.StashKey[Settings]()


def configure(config: pytest.Config) -> None:
    """Check the options, declare the markers, and see that scenario folders are collected.

    Raises:
        UsageError: an option cannot be; one line.
    """
    config.addinivalue_line("markers", f"{PROCS}: starts real OS processes")
    folders = tuple(config.getini(INI))
    for folder in folders:
        if not folder.is_dir():
            raise pytest.UsageError(f"{INI}: expected a folder, got {str(folder)!r}")
    settings = _settings(config, folders)
    config.stash[SETTINGS] = settings
    for suite in sorted({suite for folder in folders for suite in _suites_below(folder)}):
        declare(config, suite)
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        # Whoever names the folders wants them run; with paths on the command line only those are.
        given = [config.rootpath / argument for argument in config.args]
        config.args += [str(f) for f in folders if not any(f.is_relative_to(each) for each in given)]


def header(config: pytest.Config) -> str | None:
    """The line at the top of a run that is about scenarios."""
    settings = config.stash[SETTINGS]
    options = ("meshsim_seed", "meshsim_seeds", "meshsim_profile", "meshsim_out")
    given = any(str(argument).partition("::")[0].endswith(".toml") for argument in config.args)
    if not (settings.folders or given or any(config.getoption(option) is not None for option in options)):
        return None
    from meshsim.versions import version_of

    parts = [
        f"meshsim: {version_of('meshsim')}",
        f"profile {settings.profile or 'of each file'}",
        _seeds_text(settings),
        f"backend {config.getoption('meshsim_backend')}",
        f"inconclusive runs {settings.inconclusive}",
    ]
    return ", ".join(parts)


def tell_worker(node: object) -> None:
    """Give a worker of pytest-xdist the seed that was drawn: all have to collect the same items."""
    settings = node.config.stash[SETTINGS]  # type: ignore[attr-defined]  # a WorkerController of pytest-xdist
    if settings.fresh:
        node.workerinput[_SEED_FOR_WORKERS] = settings.seed  # type: ignore[attr-defined]


def suites_of(path: Path, config: pytest.Config) -> list[str]:
    """Names of the folders between a scenario folder and a file in it; of a file elsewhere that of its folder."""
    for folder in config.stash[SETTINGS].folders:
        if path.is_relative_to(folder):
            names = path.relative_to(folder).parts[:-1]
            break
    else:
        names = (path.parent.name,)
    return list(filter(_can_mark, names))


def declare(config: pytest.Config, suite: str) -> None:
    """Make a suite's marker known, once."""
    line = f"{suite}: scenarios in a folder of this name"
    if line not in config.getini("markers"):
        config.addinivalue_line("markers", line)


def _settings(config: pytest.Config, folders: tuple[Path, ...]) -> Settings:
    seed, seeds = config.getoption("meshsim_seed"), config.getoption("meshsim_seeds")
    if seeds is not None and seeds < 1:
        raise pytest.UsageError(f"--meshsim-seeds: expected at least 1, got {seeds}")
    fresh = seeds is not None and seed is None
    if fresh:
        given = getattr(config, "workerinput", {})
        seed = given[_SEED_FOR_WORKERS] if given else secrets.randbelow(_FRESH_SEEDS)
    if seed is not None:
        _check_seed(seed, seeds or 1)
    profile = config.getoption("meshsim_profile")
    if profile is not None:
        _check_profile(profile)
    out = config.getoption("meshsim_out")
    if out is not None:
        out = out.absolute()  # A test may change the working directory.
        _check_out(out)
    return Settings(folders, seed, seeds or 1, fresh, profile, out, config.getoption("meshsim_inconclusive"))


def _check_seed(seed: int, seeds: int) -> None:
    from meshsim.scenario.plan import SEED_MAX

    if not 0 <= seed <= SEED_MAX - (seeds - 1):
        raise pytest.UsageError(f"--meshsim-seed: expected a whole number from 0 to 2**63 - {seeds}, got {seed}")


def _check_profile(profile: str) -> None:
    from meshsim.model.quirks import PROFILES

    if profile not in PROFILES:
        raise pytest.UsageError(f"--meshsim-profile: expected one of {', '.join(PROFILES)}, got {profile!r}")


def _check_out(out: Path) -> None:
    from meshsim.run import OutputError, prepare

    try:
        prepare(out)
    except OutputError as error:
        raise pytest.UsageError(f"--meshsim-out: {error}") from None


def _suites_below(folder: Path) -> list[str]:
    parts = {name for path in folder.rglob("*.toml") for name in path.relative_to(folder).parts[:-1]}
    return sorted(filter(_can_mark, parts))


def _can_mark(name: str) -> bool:
    return _MARK.match(name) is not None and name not in _MEANT_OTHERWISE


def _seeds_text(settings: Settings) -> str:
    if settings.seed is None:
        return "seeds of each file"
    if settings.seeds == 1:
        return f"seed {settings.seed}"
    text = f"seeds {settings.seed} to {settings.seed + settings.seeds - 1}"
    if not settings.fresh:
        return text
    return f"{text} (again: --meshsim-seed {settings.seed} --meshsim-seeds {settings.seeds})"
