from meshsim.model.quirks import QUIRKS


def test_the_table_holds_every_quirk_of_the_index_once():
    """supervision.md 16 has Q1 to Q63."""
    assert list(QUIRKS) == [f"Q{number}" for number in range(1, 64)]
    assert [quirk.id for quirk in QUIRKS.values()] == list(QUIRKS)


def test_a_quirk_is_modelled_or_says_what_is_missing():
    """An author who names one as known finding must be able to trust the table."""
    assert [quirk.id for quirk in QUIRKS.values() if quirk.modelled == bool(quirk.reason)] == []


def test_every_quirk_is_a_sentence_with_a_source():
    """Sentences are printed in verdicts and reports."""
    assert [quirk.id for quirk in QUIRKS.values() if not quirk.sentence.endswith(".") or not quirk.section] == []


def test_quirks_of_parts_that_do_not_exist_yet_are_not_modelled():
    """Allocation, slices, comm actors, in-process hosts, piped output and the supervision sink come later."""
    assert [quirk.id for quirk in QUIRKS.values() if not quirk.modelled] == [
        "Q3",
        "Q17",
        "Q33",
        "Q34",
        "Q35",
        "Q42",
        "Q44",
        "Q45",
        "Q46",
        "Q62",
    ]
