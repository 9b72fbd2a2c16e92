"""What the options of a pytest run ask of scenarios."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest

from meshsim.pytest_plugin import INI, SCALE_INI

if TYPE_CHECKING:
    from meshsim.run.pace import Pace

_SEED_FOR_WORKERS = "meshsim_seed"
#: As for `meshsim run`: the option counts more, the files less.
_SEED_VARIABLE = "MESHSIM_SEED"

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
    #: The seed to run with, or the one that `seeds` others are drawn from; None for those of the files.
    seed: int | None
    seeds: int | None
    #: The seed was drawn: nobody has asked for this one.
    fresh: bool
    profile: str | None
    out: Path | None
    inconclusive: Literal["fail", "skip", "pass"]
    #: Of runs on `live`; None when nobody has asked for any.
    pace: Pace | None

    def seeds_of(self, own: Sequence[int]) -> list[int]:
        """The seeds to run with, given those that a scenario names."""
        if self.seed is None:
            return list(own)
        if self.seeds is None:
            return [self.seed]
        from meshsim.scenario.streams import drawn_seeds

        return drawn_seeds(self.seeds, self.seed)


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
    option = "--meshsim-seed"
    if seed is None and os.environ.get(_SEED_VARIABLE):
        option, seed = _SEED_VARIABLE, os.environ[_SEED_VARIABLE]
    if seed is not None:
        seed = _checked_seed(option, str(seed))
    if seeds is not None and seeds < 1:
        raise pytest.UsageError(f"--meshsim-seeds: expected at least 1, got {seeds}")
    fresh = seeds is not None and seed is None
    if fresh:
        seed = _fresh_seed(config)
    profile = config.getoption("meshsim_profile")
    if profile is not None:
        _check_profile(profile)
    out = config.getoption("meshsim_out")
    if out is not None:
        out = out.absolute()  # A test may change the working directory.
        _check_out(out)
    return Settings(folders, seed, seeds, fresh, profile, out, config.getoption("meshsim_inconclusive"), _pace(config))


def _pace(config: pytest.Config) -> Pace | None:
    """The option, or the ini option, and the lateness that is allowed."""
    scale, late_max = config.getoption("meshsim_time_scale"), config.getoption("meshsim_late_max")
    option = "--meshsim-time-scale" if scale is not None else SCALE_INI
    scale = scale if scale is not None else config.getini(SCALE_INI)
    if not scale and late_max is None:
        return None  # Most pytest runs of an environment have nothing to do with meshsim, and import nothing of it.
    from meshsim.run.pace import Pace

    return Pace(
        time_scale=_checked_scale(option, scale) if scale else Pace().time_scale,
        late_max_ns=None if late_max is None else _checked_lateness("--meshsim-late-max", late_max),
    )


def _checked_scale(option: str, text: str) -> float:
    from meshsim.run.pace import SCALE_MAX, SCALE_MIN

    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not SCALE_MIN <= scale <= SCALE_MAX:
        raise pytest.UsageError(f"{option}: expected a number from {SCALE_MIN:g} to {SCALE_MAX:g}, got {text}")
    return scale


def _checked_lateness(option: str, text: str) -> int:
    from meshsim.units import DurationError, parse_duration

    try:
        late_ns = parse_duration(text)
    except DurationError as error:
        raise pytest.UsageError(f"{option}: {error}") from None
    if late_ns == 0:
        raise pytest.UsageError(f"{option}: expected more than 0s, got {text!r}")
    return late_ns


def _checked_seed(option: str, text: str) -> int:
    from meshsim.scenario.plan import SEED_MAX

    if not text.isdecimal() or int(text) > SEED_MAX:
        raise pytest.UsageError(f"{option}: expected a whole number from 0 to 2**63 - 1, got {text}")
    return int(text)


def _fresh_seed(config: pytest.Config) -> int:
    from meshsim.scenario.streams import DRAWN_SEED_MAX

    given: dict[str, int] = getattr(config, "workerinput", {})
    return given[_SEED_FOR_WORKERS] if given else secrets.randbelow(DRAWN_SEED_MAX)


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
    if settings.seeds is None:
        return f"seed {settings.seed}"
    return f"{settings.seeds} seeds drawn from {settings.seed}{_again(settings) if settings.fresh else ''}"


def _again(settings: Settings) -> str:
    return f" (again: --meshsim-seed {settings.seed} --meshsim-seeds {settings.seeds})"
