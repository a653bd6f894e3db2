"""Every package that is required has its line in docs/dependencies.md, and no line is left over."""

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]
REQUIRED = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
PAGE = Path("docs/dependencies.md").read_text()
TABLES = {
    extra: [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    for extra, text in re.findall(r"<!-- dependencies(?:: ([a-z]+))? -->\n(.*?)<!-- end -->", PAGE, re.DOTALL)
}


def name_of(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]


@pytest.mark.parametrize("extra", sorted({*REQUIRED, *TABLES}))
def test_every_package_has_its_line(extra: str) -> None:
    assert [cells[0] for cells in TABLES.get(extra, [])] == sorted(map(name_of, REQUIRED.get(extra, [])), key=str.lower)


@pytest.mark.parametrize("extra", TABLES)
def test_every_line_says_what_for_instead_of_what_and_under_which_licence(extra: str) -> None:
    for cells in TABLES[extra]:
        assert len(cells) == 4, cells
        assert all(cells), cells


def test_what_runs_has_a_range() -> None:
    endless = [
        text for text in PROJECT["dependencies"] if ">=" not in text or ("<" not in text and "torch" not in text)
    ]
    assert endless == []
