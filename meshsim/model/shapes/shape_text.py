"""Reading points and regions from their text forms.

The two grammars are the reference's and differ: blanks, escapes and errors are not the same.

Source: mesh_model.md 1.3 and 1.5.
"""

from __future__ import annotations

import re

from meshsim.model.shapes.extent import Extent, ExtentError, Point
from meshsim.model.shapes.region import Region
from meshsim.model.shapes.slice import Slice

#: The largest number that the reference's ranks and sizes can be.
_NUMBER_MAX = 2**64 - 1
_NUMBER = re.compile(r"\+?[0-9]+\Z")


class ShapeParseError(ExtentError):
    """A text that is not a point or a region."""


# --- points -----------------------------------------------------------------------------------------------------


def parse_point(text: str) -> Point:
    """The point written as `x=1/4,y=2/5`; an empty text is the point of no dimension.

    Blanks around tokens do not matter, and one between two items does for a comma.

    Raises:
        ShapeParseError: not a point.
        ExtentError: a coordinate outside its size.
    """
    return _PointReader(text).read()


class _PointReader:
    """Walks over the text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def read(self) -> Point:
        labels: list[str] = []
        coords: list[int] = []
        sizes: list[int] = []
        self._skip_blanks()
        while not self._ended():
            label = self._label()
            self._expect("=", f"after label '{label}'")
            coords.append(self._number("coordinate", label, "/,"))
            self._expect("/", f"after coordinate for dimension '{label}'")
            sizes.append(self._number("size", label, ","))
            labels.append(label)
            self._skip_blanks()
            if self._take(",") and self._ended():
                raise _point_error("trailing comma")
        extent = Extent(tuple(labels), tuple(sizes))
        return extent.point_of_rank(extent.rank_of_coords(tuple(coords)))

    def _label(self) -> str:
        if self._take_quote():
            return self._quoted()
        label = self._until("=,/")
        if not label:
            raise _point_error("missing label")
        return label

    def _quoted(self) -> str:
        """The rest of a quoted label. Escapes other than of a quote or a backslash stay as they are."""
        found = re.compile(r'((?:[^"\\]|\\.)*)"?', re.DOTALL).match(self._text, self._at)
        assert found is not None
        self._at = found.end()
        if not found[1]:
            raise _point_error("empty quoted label")
        return re.sub(r'\\(["\\])', r"\1", found[1])

    def _number(self, what: str, label: str, ends: str) -> int:
        token = self._until(ends)
        if not token:
            raise _point_error(f"missing {what} for dimension '{label}'")
        reason = _not_a_number(token)
        if reason:
            raise _point_error(f"invalid {what} '{token}' for dimension '{label}': {reason}")
        return int(token)

    def _expect(self, token: str, place: str) -> None:
        self._skip_blanks()
        if not self._take(token):
            raise _point_error(f"expected '{token}' {place}")

    def _take(self, token: str) -> bool:
        """Go past this token and the blanks behind it, if it is next."""
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        self._skip_blanks()
        return True

    def _take_quote(self) -> bool:
        found = self._text.startswith('"', self._at)
        self._at += found
        return found

    def _until(self, ends: str) -> str:
        start = self._at
        while not self._ended() and self._text[self._at] not in ends and not self._text[self._at].isspace():
            self._at += 1
        return self._text[start : self._at]

    def _skip_blanks(self) -> None:
        while not self._ended() and self._text[self._at].isspace():
            self._at += 1

    def _ended(self) -> bool:
        return self._at == len(self._text)


def _point_error(text: str) -> ShapeParseError:
    return ShapeParseError(f"failed to parse point: {text}")


# --- regions ----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r'\s*(?:(?P<mark>[+=,/])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^+=,/\s"]+)|(?P<open>"))', re.DOTALL
)
_MARKS = frozenset("+=,/")
_ESCAPED = {'\\"': '"', "\\\\": "\\", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
#: What the reference calls a number.
_NUMBER_TYPE = "usize"


class _Quoted(str):
    """A label that was quoted: never taken for a mark or a number."""

    __slots__ = ()


def parse_region(text: str) -> Region:
    """The region written as `offset+x=2/4,y=3/1`; inverse of its text, as long as no size is 0.

    Raises:
        ShapeParseError: not a region.
        SliceError: sizes and strides that cannot be.
    """
    return _RegionReader(_tokens(text)).read()


class _RegionReader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def read(self) -> Region:
        offset = 0
        if self._tokens[1:2] == ["+"] and self._tokens[0] not in _MARKS:
            offset = self._number()
            self._expect("+")
        labels: list[str] = []
        sizes: list[int] = []
        strides: list[int] = []
        while self._at < len(self._tokens) or labels:
            labels.append(self._label())
            self._expect("=")
            sizes.append(self._number())
            self._expect("/")
            strides.append(self._number())
            if self._at == len(self._tokens):
                break
            self._expect(",")
        return Region.over(tuple(labels), Slice.checked(offset, tuple(sizes), tuple(strides)))

    def _label(self) -> str:
        token = self._next("label")
        if token in _MARKS and not isinstance(token, _Quoted):
            raise _region_error(f"expected 'label' but got '{token}'")
        return str(token)

    def _number(self) -> int:
        token = self._next(_NUMBER_TYPE)
        if isinstance(token, _Quoted) or _not_a_number(token):
            raise _region_error(f"token '{token}' is not a '{_NUMBER_TYPE}'")
        return int(token)

    def _expect(self, mark: str) -> None:
        token = self._next(mark)
        if token != mark or isinstance(token, _Quoted):
            raise _region_error(f"expected '{mark}' but got '{token}'")

    def _next(self, expected: str) -> str:
        if self._at == len(self._tokens):
            raise _region_error(f"expected '{expected}' but got end of input")
        token = self._tokens[self._at]
        self._at += 1
        return token


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        assert found is not None, "every character begins some token"
        if found["open"]:
            raise _region_error("expected '\"' but got end of input")
        quoted = found["quoted"]
        if quoted is not None:
            tokens.append(_Quoted(re.sub(r"\\.", lambda m: _ESCAPED.get(m[0], m[0]), quoted, flags=re.DOTALL)))
        else:
            tokens.append(found["mark"] or found["bare"])
        at = found.end()
    return tokens


def _region_error(text: str) -> ShapeParseError:
    return ShapeParseError(f"parse error: {text}")


def _not_a_number(token: str) -> str | None:
    """Why a token is not an unsigned number, in the words of the reference's language; none if it is one."""
    if not _NUMBER.match(token):
        return "invalid digit found in string"
    return "number too large to fit in target type" if int(token) > _NUMBER_MAX else None
