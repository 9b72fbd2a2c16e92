"""Values in the debug form of the modelled system's language, as some of its message texts embed them."""

from __future__ import annotations

from meshsim.units import S

_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})


def debug_text(text: str) -> str:
    """Quoted, with quotes and line breaks escaped."""
    return f'"{text.translate(_ESCAPES)}"'


def debug_option(text: str | None) -> str:
    return "None" if text is None else f"Some({debug_text(text)})"


def debug_instant(at_ns: int) -> str:
    """A wall-clock time: seconds and nanoseconds since the epoch."""
    seconds, nanoseconds = divmod(at_ns, S)
    return f"SystemTime {{ tv_sec: {seconds}, tv_nsec: {nanoseconds} }}"
