"""`meshsim invariants`: what must hold in every run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshsim.oracle.invariants import INVARIANTS

Command = Callable[..., Any]

KNOWN = '\n[[known]]\ninvariant = "at-most-once"\nquirk = "{}"\nreason = "It says so again."\n'


@pytest.fixture
def scenarios(folder: Path) -> Path:
    """The shipped folder of this place: two scenarios that list what breaks an invariant."""
    text = (folder / "sc" / "kill-one.toml").read_text()
    (folder / "scenarios").mkdir()
    for name, quirk in (("again", "Q18"), ("anew", "Q20")):
        scenario = text.replace("kill-one", name) + KNOWN.format(quirk)
        (folder / "scenarios" / f"{name}.toml").write_text(scenario)
    return folder / "scenarios"


def test_every_invariant_is_a_row(meshsim: Command) -> None:
    """Also where no scenarios are."""
    said = meshsim("invariants")

    header, *rows = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert header.split("  ")[0] == "invariant"
    assert [row.split()[0] for row in rows] == list(INVARIANTS)
    for row, each in zip(rows, INVARIANTS.values(), strict=True):
        assert row.rsplit("  ", 1)[1].strip() == (", ".join(each.quirks) or "-")


def test_a_row_names_the_quirks_that_break_it(meshsim: Command, scenarios: Path) -> None:
    """Those that the invariant suspects, in its order, then those that only scenarios here know of."""
    (scenarios / "anew.toml").write_text((scenarios / "anew.toml").read_text().replace("Q20", "Q50"))
    rows = meshsim("invariants").out.splitlines()

    quirks = ", ".join([*INVARIANTS["at-most-once"].quirks, "Q50"])
    assert [row.rsplit("  ", 1)[1] for row in rows if row.startswith("at-most-once ")] == [quirks]


def test_one_invariant_says_all_that_there_is_to_say(meshsim: Command, scenarios: Path) -> None:
    """Sentence, needs, who breaks it where, and its own words."""
    said = meshsim("invariants", "at-most-once")

    assert said.code == 0
    assert said.out.splitlines()[:5] == [
        "at-most-once: Nobody hears the same failure twice.",
        "  needs: Somebody who hears of a failure.",
        "  broken by Q18 in again",
        "  broken by Q20 in anew",
        "  may be broken by Q21, in no scenario here",
    ]
    assert "  The same listener hears the same thing at most once." in said.out.splitlines()


def test_programs_read_the_same(meshsim: Command, scenarios: Path) -> None:
    """One object a line."""
    (line,) = map(json.loads, meshsim("invariants", "at-most-once", "--json").out.splitlines())
    lines = meshsim("invariants", "--json").out.splitlines()

    assert line["broken_by"] == {"Q18": ["again"], "Q20": ["anew"]}
    assert (line["schema"], line["id"]) == (1, "at-most-once")
    assert line["judged"].startswith("The same listener")
    assert [json.loads(each)["id"] for each in lines] == list(INVARIANTS)


def test_an_unknown_invariant_is_refused(meshsim: Command) -> None:
    """One line that names those that there are."""
    said = meshsim("invariants", "at-most-twice")

    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("meshsim: invariants: 'at-most-twice' is none; there are terminal-is-final, ")
    assert len(said.err.splitlines()) == 1
