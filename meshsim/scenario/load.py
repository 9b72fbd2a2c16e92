"""Reading scenario files: from a path to checked scenarios, or one clear line about what is wrong."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import msgspec

from meshsim.scenario.check import check
from meshsim.scenario.decode import decode
from meshsim.scenario.errors import ScenarioError, shown
from meshsim.scenario.matrix import Value, variant_label, variants, with_settings
from meshsim.scenario.schema import Scenario

#: Largest scenario file that is read.
FILE_BYTES_MAX = 1 << 20

#: tomllib remembers every prefix of a dotted key: `a.a.a…` of half a megabyte takes all memory. The sum over all
#: lines of the square of their dots bounds that at some 100 MB; a line of prose with 3,000 sentences passes.
_DOTS_SQUARED_MAX = 10_000_000

#: Python reads these without a limit, and then refuses to print them. Decimal ones it does not read.
_LONG_NUMBER = re.compile(r"\b0[xob][0-9a-fA-F_]{1000}")

_TOML_PLACE = re.compile(r"(?P<what>.*?) \(at (?P<place>line \d+, column \d+|end of document)\)$", re.DOTALL)


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A checked scenario, the file it came from, and the values of the file's matrix it stands for."""

    scenario: Scenario
    #: Relative path of the file, with `/`.
    source: str
    variant: dict[str, Value] = {}

    @property
    def label(self) -> str:
        """Name of the scenario and of the variant: `late-exit`, `late-exit[at=2s]`."""
        return f"{self.scenario.name}{_bracketed(self.variant)}"


def discover(paths: Iterable[Path]) -> list[Path]:
    """Scenario files: those given, and every `*.toml` below a folder given, sorted; each file once.

    Raises:
        ScenarioError: a path does not exist, or no scenario file is found.
    """
    found: dict[Path, None] = {}
    given = list(paths)
    for path in given:
        if path.is_dir():
            below = sorted(file for file in path.rglob("*.toml") if file.is_file())
            if not below:
                raise ScenarioError("", "no scenario file (*.toml) in this folder", file=str(path))
            found.update(dict.fromkeys(below))
        elif os.path.lexists(path):
            found[path] = None
        else:
            raise ScenarioError("", "no such file or folder", file=str(path))
    if not found:
        raise ScenarioError("", "no scenario files given")
    return list(found)


def load_scenarios(path: Path, settings: Mapping[str, Sequence[Value]] | None = None) -> list[Loaded]:
    """The scenarios of one file: one, or one for each combination of its matrix, in file order.

    `settings` are keys of a matrix that is put over the file's own.

    Reading executes nothing. Everything that can be known without running is checked.

    Raises:
        ScenarioError: the first thing that is wrong, in one line.
    """
    file = str(path)
    loaded: list[Loaded] = []
    place = file
    try:
        raw = _parsed(_read(path))
        for variant, data in variants(with_settings(raw, settings) if settings else raw):
            place = file + _bracketed(variant)
            scenario = decode(data)
            if scenario.name != path.stem:
                raise ScenarioError("name", f"expected the name of the file, {shown(path.stem)}", value=scenario.name)
            check(scenario)
            loaded.append(Loaded(scenario=scenario, source=_source(path), variant=variant))
            place = file
    except ScenarioError as error:
        raise error.in_file(place) from None
    return loaded


def _bracketed(variant: dict[str, Value]) -> str:
    return f"[{variant_label(variant)}]" if variant else ""


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if S_ISREG(mode):
            with path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ScenarioError("", f"cannot be read: {reason}") from None
    if not S_ISREG(mode):
        raise ScenarioError("", f"is {'a folder' if S_ISDIR(mode) else 'not a file'}, expected a scenario file")
    if len(data) > FILE_BYTES_MAX:
        raise ScenarioError("", f"larger than {FILE_BYTES_MAX >> 20} MiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ScenarioError("", f"not UTF-8: byte 0x{data[error.start]:02x} in line {line}") from None


def _parsed(text: str) -> dict[str, Any]:
    if not text.strip():
        raise ScenarioError("", "empty: expected at least name and horizon")
    if sum(line.count(".") ** 2 for line in text.splitlines()) > _DOTS_SQUARED_MAX:
        raise ScenarioError("", "not a scenario: keys with thousands of dots")
    if _LONG_NUMBER.search(text):
        raise ScenarioError("", "not TOML: a number with too many digits")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_PLACE.match(str(error))
        problem = f"{match['place']}: {match['what']}" if match else str(error)
        raise ScenarioError("", f"not TOML: {problem}") from None
    except RecursionError:
        raise ScenarioError("", "not a scenario: nested too deeply") from None
    except ValueError:  # Python refuses to convert integers of more than some thousand digits.
        raise ScenarioError("", "not TOML: a number with too many digits") from None


def _source(path: Path) -> str:
    """The path as given, or from here: never absolute, and good for running the file again from here."""
    return path.as_posix() if not path.is_absolute() else Path(os.path.relpath(path)).as_posix()
