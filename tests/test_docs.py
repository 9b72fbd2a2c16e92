"""The generated pages are what they are made from, and every entry points at something that exists."""

from __future__ import annotations

import pytest

from docs.pages import PAGES, ROOT, missing, reference_tests, sections
from meshsim.faults.menu import MENU
from meshsim.model.tags import tag_of
from meshsim.report.fault_page import MENU_TITLE, menu_lines

#: Rows of 15.3 to 15.7, a name that stands for several tests once.
REFERENCE_TESTS = {"15.3": 8, "15.4": 9, "15.5": 24, "15.6": 21, "15.7": 17}


@pytest.mark.parametrize("page", PAGES)
def test_a_generated_page_is_up_to_date(page: str) -> None:
    """A table of the model that changes takes its diagram and its row along: `make docs`."""
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == PAGES[page]()


def test_every_section_has_a_module_and_something_that_holds_it() -> None:
    """A file that is renamed, or a section that nothing holds any more, is named here."""
    assert list(missing()) == []


def test_every_section_and_table_of_both_documents_is_there() -> None:
    """Numbered sections without subsections, and tables; counted once in the documents themselves."""
    assert {document: len(rows) for document, rows in sections().items()} == {"supervision": 128, "mesh_model": 93}


def test_every_test_of_the_reference_has_its_like() -> None:
    """Each name of 15.3 to 15.7 leads to a scenario or a test; that they exist is checked above."""
    tests = reference_tests()

    assert {section.split()[0]: len(rows) for section, rows in tests.items()} == REFERENCE_TESTS
    assert [name for rows in tests.values() for name, (_, held) in rows.items() if not held] == []


def test_the_page_about_faults_has_the_menu_and_a_green_row_for_each_kind() -> None:
    """Its rows come from runs (`make faults`); its menu from the code."""
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    table, _, menu = page.partition(MENU_TITLE)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if "](#" in line]

    assert MENU_TITLE + menu == "\n".join(menu_lines()) + "\n"
    assert [(row[0], row[1]) for row in rows] == [
        (f"[`{tag_of(kind)}`](#{tag_of(kind)})", entry.on) for kind, entry in MENU.items()
    ]
    assert {outcome for row in rows for outcome in row[2:4]} <= {"passed", "cannot"}
    # On the wall clock a machine may be too slow for a scenario, and says so.
    assert {row[4] for row in rows} <= {"passed", "cannot", "inconclusive"}
