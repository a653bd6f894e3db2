"""Which files of the heavy half wait: modules that nothing needs to draw, and the libraries of packages that do."""

import pytest

from tools.binary.needed import rest

FILES = frozenset({
    "sums/__init__.pyc", "sums/_fast.cpython-311-x86_64-linux-gnu.so", "sums/table.json", "sums.libs/libblas-1.so",
    "science/__init__.pyc", "science/_fit.cpython-311-x86_64-linux-gnu.so", "science.libs/libblas-2.so",
    "science/about.json", "other_name.libs/libz.so", "plain/__init__.py",
})  # fmt: skip


@pytest.mark.parametrize(
    ("needed", "waits"),
    [
        ({"sums", "sums._fast", "science", "science._fit", "plain"}, set()),
        (
            {"sums", "sums._fast", "science"},
            {"science/_fit.cpython-311-x86_64-linux-gnu.so", "science.libs/libblas-2.so", "plain/__init__.py"},
        ),
    ],
)
def test_libraries_wait_with_the_extensions_that_load_them(needed: set[str], waits: set[str]) -> None:
    assert rest(FILES, frozenset(needed)) == waits
