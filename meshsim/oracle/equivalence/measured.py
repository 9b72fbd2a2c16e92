"""Texts of the modelled system, with the numbers taken out that a run measured: no two runs on a wall clock have them
alike. What is left of a text must be the same to the letter.
"""

from __future__ import annotations

import re

from meshsim.units import S

#: What stands for a time in a text.
TIME = "<time>"

_UNITS_NS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": S, "m": 60 * S, "h": 3600 * S}
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)(?!\w)")
_MEASURED = re.compile(
    r"SystemTime \{ tv_sec: (?P<seconds>\d+), tv_nsec: (?P<rest>\d+) \}"
    r'|(?<=_ns":)(?P<plain>-?\d+)'
    r"|(?<![\w.])(?P<duration>\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?!\w)(?: \d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?!\w))*)"
)
#: What counts how much a process has done so far: the port that it opened last, the messages of a stream, the name that
#: it made last and that is nothing but a draw. A poll more or less moves them, and they mean nothing else.
_COUNTED = re.compile(r'(?<="reply":\[")(?P<actor>[^"]*)",\d+|(?<=seq":)\d+|(?<![\w-])_[1-9A-HJ-NP-Za-km-z]{12}(?!\w)')


def measured(text: str) -> tuple[str, tuple[int, ...]]:
    """The text with a mark for each time in it, and these times in their order, nanoseconds."""
    times: list[int] = []

    def take(match: re.Match[str]) -> str:
        if match["seconds"] is not None:
            times.append(int(match["seconds"]) * S + int(match["rest"]))
        elif match["plain"] is not None:
            times.append(int(match["plain"]))
        else:
            times.append(
                sum(round(float(value) * _UNITS_NS[unit]) for value, unit in _PIECE.findall(match["duration"]))
            )
        return TIME

    return _MEASURED.sub(take, _COUNTED.sub(_without_count, text)), tuple(times)


def _without_count(match: re.Match[str]) -> str:
    return "#" if match["actor"] is None else f'{match["actor"]}",#'
