from typing import get_args

import pytest

from meshsim.model.quirks import DEFAULT_PROFILE, PROFILES, QUIRKS, SWITCHES, ProfileName, turned_off


def test_the_table_holds_every_quirk_of_the_index_once():
    """supervision.md 16 has Q1 to Q63; what mesh_model.md 11.11 adds has names, and what exploring found."""
    named = ["overlay_merge_defect", "port_equality_flag", "error_removes_port", "dead_client_cached_forever"]
    named.append("stopped_asker_hears_silence")
    assert list(QUIRKS) == [*(f"Q{number}" for number in range(1, 64)), *named]
    assert [quirk.id for quirk in QUIRKS.values()] == list(QUIRKS)


def test_every_quirk_is_a_sentence_with_a_source():
    """Sentences are printed in verdicts and reports."""
    assert [quirk.id for quirk in QUIRKS.values() if not quirk.sentence.endswith(".") or not quirk.section] == []


def test_every_quirk_can_be_turned_off_and_says_what_happens_then():
    """A behaviour, in a sentence that is printed."""
    assert [quirk.id for quirk in QUIRKS.values() if not quirk.off.endswith(".")] == []
    assert tuple(QUIRKS) == SWITCHES


def test_profiles_have_the_names_that_files_and_commands_take():
    """A profile that cannot be asked for would be no profile."""
    assert get_args(ProfileName) == tuple(PROFILES)
    assert PROFILES[DEFAULT_PROFILE] == ("overlay_merge_defect",)
    assert PROFILES["fixed"] == SWITCHES


def test_single_switches_go_before_the_profile():
    """In both directions, in the order of the table whatever the order they are written in."""
    one, other = SWITCHES[:2]

    assert turned_off("2026-03", {other: False, one: False}) == (one, other, "overlay_merge_defect")
    assert turned_off("2026-03", {"overlay_merge_defect": True}) == ()
    assert turned_off("fixed", {other: True}) == tuple(quirk for quirk in SWITCHES if quirk != other)
    assert turned_off("fixed", {other: False}) == SWITCHES


def test_a_profile_that_does_not_exist_turns_nothing_off():
    """It is an error, before anything runs."""
    with pytest.raises(KeyError):
        turned_off("1999", {})
