"""The name under which a tagged struct is written: in traces, scenario files and tables."""

from __future__ import annotations

import msgspec


def tag_of(struct: msgspec.Struct | type[msgspec.Struct]) -> str:
    """The tag of a struct or of its class, e.g. `stop_actors`. Every struct of a union has one."""
    tag = struct.__struct_config__.tag
    assert isinstance(tag, str), f"{struct!r} has no tag"
    return tag
