"""Names of resources as text: fresh ones with a suffix, reserved ones without, and what is no name.

A mesh, a proc or an actor has a `Name`: `{base}-{12 base-58 digits}`, or the base alone when it is reserved. Bases have
no dash, so the first dash of a text is where the suffix begins. `meshsim.model.ids` draws fresh names.

Source: supervision.md 1.3, mesh_model.md 7.
"""

from __future__ import annotations

from meshsim.model.ids import ALPHABET, InvalidNameError, Name, checked_base, short_uuid

MISSING = "invalid name: missing name"


class InvalidUuidError(ValueError):
    """A text is no short uuid; the text is the reference's."""


def reserved_name(base: str) -> Name:
    """A name without suffix: of services and agents, one of its kind on each proc.

    Raises:
        InvalidNameError: no base, see `checked_base`.
    """
    return Name(checked_base(base))


def parse_name(text: str) -> tuple[str, int | None]:
    """Base and number of a name; a reserved name has no number.

    Raises:
        InvalidNameError: the base is none, or nothing stands before or after the dash.
        InvalidUuidError: the suffix is no short uuid.
    """
    base, dash, suffix = text.partition("-")
    if not base or (dash and not suffix):
        raise InvalidNameError(MISSING)
    return checked_base(base), parse_short_uuid(suffix) if dash else None


def standalone_uuid(number: int) -> str:
    """A short uuid where it stands alone: with a `_`, because its first digit could not begin a name."""
    return f"_{short_uuid(number)}"


def parse_short_uuid(text: str) -> int:
    """The number of a short uuid; `_` and `-` in it count for nothing.

    Raises:
        InvalidUuidError: a character is no digit.
    """
    number = 0
    for character in text.replace("_", "").replace("-", ""):
        digit = ALPHABET.find(character)
        if digit < 0:
            raise InvalidUuidError(f"invalid character '{character}' in ShortUuid")
        number = number * len(ALPHABET) + digit
    return number
