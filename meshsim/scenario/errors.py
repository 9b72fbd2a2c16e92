"""What is wrong with a scenario, in one line: where, what was expected, what came, what is allowed."""

from __future__ import annotations

import datetime
import difflib
import json
import re
from collections.abc import Iterable
from functools import partial
from typing import Any

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_TEXT_LENGTH_MAX = 100
_ALLOWED_SHOWN_MAX = 22


class _NotGiven:
    """There is no value to show. A value itself may be None."""


NOT_GIVEN = _NotGiven()


class ScenarioError(ValueError):
    """A scenario cannot be used. `str()` is one line for the author of the file.

    `key` is the path of the key as it would be written in TOML, with list indices (`faults[0].at`); empty when
    the file as a whole is meant. `allowed` lists what may stand there instead. `word` is what was looked up in
    `allowed`, where that is not the value itself.
    """

    def __init__(
        self,
        key: str,
        message: str,
        *,
        value: object = NOT_GIVEN,
        allowed: Iterable[str] = (),
        word: str | None = None,
        file: str = "",
    ) -> None:
        super().__init__(key, message)
        self.file = file
        self.key = key
        self.message = message
        self.value = value
        self.allowed = tuple(allowed)
        self.word = value if word is None and isinstance(value, str) else word

    def in_file(self, file: str) -> ScenarioError:
        """The same error, with the file it was found in."""
        return ScenarioError(self.key, self.message, value=self.value, allowed=self.allowed, word=self.word, file=file)

    def __reduce__(self) -> tuple[object, ...]:
        state: dict[str, Any] = {"value": self.value, "allowed": self.allowed, "word": self.word, "file": self.file}
        return (partial(ScenarioError, self.key, self.message, **state), ())

    def __str__(self) -> str:
        where = "".join(f"{part}: " for part in (self.file, self.key) if part)
        got = "" if isinstance(self.value, _NotGiven) else f", got {shown(self.value)}"
        return one_line(f"{where}{self.message}{got}{self._nearest()}{self._allowed()}")

    def _nearest(self) -> str:
        if self.word is None:
            return ""
        near = difflib.get_close_matches(self.word[:100], self.allowed, n=1)
        return f"; did you mean {shown(near[0])}?" if near else ""

    def _allowed(self) -> str:
        if not self.allowed:
            return ""
        hidden = len(self.allowed) - _ALLOWED_SHOWN_MAX
        more = f" and {hidden} more" if hidden > 0 else ""
        return f" (allowed: {', '.join(self.allowed[:_ALLOWED_SHOWN_MAX])}{more})"


def shown(value: object) -> str:
    """A value as an author would recognise it from the file, cut when it is long."""
    match value:
        case str():
            text = json.dumps(value, ensure_ascii=False)
        case bool():
            text = "true" if value else "false"
        case None:
            text = "nothing"
        case dict():
            text = "a table"
        case list() | tuple():
            text = "an array" if value else "an empty array"
        case int() | float() | datetime.date() | datetime.time():
            text = str(value)
        case _:
            text = f"a {type(value).__name__}"
    return _cut(text)


def key_part(name: str) -> str:
    """One part of a key path: as it is when TOML allows it bare, quoted otherwise, cut when it is long."""
    text = name if _BARE_KEY.match(name) else json.dumps(name, ensure_ascii=False)
    return _cut(text)


def joined(key: str, name: str) -> str:
    """`key.name`, quoted where needed; `name` alone at the top of the file."""
    return f"{key}.{key_part(name)}" if key else key_part(name)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_LENGTH_MAX else f"{text[:_TEXT_LENGTH_MAX]}…"


def one_line(text: str) -> str:
    """`text` without line breaks, control characters and what no terminal can encode."""
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return printable.encode("utf-8", "backslashreplace").decode("utf-8")
