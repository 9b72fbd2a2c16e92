"""What runs where: the words of commands, against what a scenario names."""

from __future__ import annotations

from typing import Any

import pytest

from meshsim.run.choosing import backends_for, in_order
from meshsim.scenario import plan
from meshsim.scenario.decode import decode


@pytest.mark.parametrize(
    ("named", "wanted", "expected"),
    [
        (None, "both", ("sim", "lockstep")),
        (None, "all", ("sim", "lockstep", "live")),
        (None, "live", ("live",)),
        (None, "sim", ("sim",)),
        (["lockstep"], "both", ("lockstep",)),
        (["lockstep"], "all", ("lockstep", "live")),
        (["lockstep"], "live", ("live",)),
        (["sim"], "live", ()),
        (["sim"], "all", ("sim",)),
        (["sim"], "lockstep", ()),
        (["live", "sim"], "both", ("sim", "live")),
        (["live", "sim"], "all", ("sim", "live")),
        (["live"], "live", ("live",)),
        (["live"], "lockstep", ()),
    ],
)
def test_what_is_for_lockstep_is_for_live_and_a_file_may_name_it(
    named: list[str] | None, wanted: str, expected: tuple[str, ...]
) -> None:
    """Nothing runs by the wall clock unless the file or the command says so."""
    keys: dict[str, Any] = {} if named is None else {"backends": named}

    assert backends_for(plan(decode({"name": "a", "horizon": "1s", **keys}), 0), wanted) == expected


def test_simulation_is_first_as_the_others_are_compared_with_it() -> None:
    assert in_order(["live", "lockstep", "sim", "live"]) == ("sim", "lockstep", "live")


def test_nobody_decides_on_live() -> None:
    """A scenario with decisions runs where they are taken."""
    takes = {"kind": "takes", "node": "client", "actor": "client[0]", "queue": "work"}
    decided = plan(decode({"name": "a", "horizon": "1s", "decisions": [takes]}), 0)

    assert backends_for(decided, "all") == ("sim", "lockstep")
    assert backends_for(decided, "live") == ()
