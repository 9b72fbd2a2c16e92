"""Texts: a part, the whole, or a pattern."""

from __future__ import annotations

import re

from msgspec import UNSET, UnsetType


def text_fits(texts: tuple[str, ...], part: str | None, whole: str | UnsetType, pattern: str | UnsetType) -> bool:
    """Whether each key that is given holds for one of these texts."""
    return (
        (part is None or any(part in text for text in texts))
        and (whole is UNSET or whole in texts)
        and (pattern is UNSET or any(re.search(pattern, text) for text in texts))
    )


def is_asked(part: str | None, whole: str | UnsetType, pattern: str | UnsetType) -> bool:
    return part is not None or whole is not UNSET or pattern is not UNSET


def text_problem(part: str | None, whole: str | UnsetType, pattern: str | UnsetType) -> str:
    """What was expected of a text that does not have it."""
    words = [] if part is None else [f"{part!r} in it"]
    words += [] if whole is UNSET else [f"exactly {whole!r}"]
    words += [] if pattern is UNSET else [f"what matches {pattern!r}"]
    return " and ".join(words)
