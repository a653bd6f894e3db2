"""The tables in the documentation are those that the code makes."""

import re

import pytest

from tools.document import DOCS, PAGES, TABLES, table, written


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_as_the_code_makes_it(page):
    assert page.read_text() == written(page.read_text()), "make docs"


def test_every_table_stands_somewhere():
    """In `docs/` once; the READMEs repeat some of them, and hold those in Russian."""
    placed = [name for page in DOCS.glob("*.md") for name in re.findall("<!-- table: (.*) -->", page.read_text())]
    assert sorted(placed) == sorted(name for name in TABLES if not name.endswith(" in russian"))


def test_both_readmes_hold_the_tables_of_commands_settings_and_endpoints():
    for page, suffix in (("README.md", ""), ("README.ru.md", " in russian")):
        placed = re.findall("<!-- table: (.*) -->", (DOCS.parent / page).read_text())
        assert placed == [f"{name}{suffix}" for name in ("commands", "endpoints", "settings")]


def test_a_table_that_is_out_of_date_is_seen():
    page = (DOCS / "api.md").read_text()
    assert "| 400 | BadRequest |" in page
    stale = page.replace("| 400 | BadRequest |", "| 422 | BadRequest |")
    assert written(stale) == page


def test_a_bar_in_a_cell_does_not_end_it():
    assert table(["a"], [["b|c"]]) == "| a |\n| --- |\n| b\\|c |\n"
