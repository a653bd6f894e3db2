"""Symbols of a library that auditwheel has rewritten: gone, and nothing has moved."""

import ctypes
import subprocess
from pathlib import Path

import pytest

from tests.binary.tiny import has_compiler
from tools.binary.strip import blank

SOURCE = "static int a_hidden_name(int x) { return x + 1; }\nint seen(int x) { return a_hidden_name(x) * 2; }\n"


@pytest.mark.skipif(not has_compiler(), reason="there is no C compiler to make a library with")
def test_a_library_without_symbols_is_as_large_and_still_loaded(tmp_path: Path) -> None:
    library = tmp_path / "library.so"
    (tmp_path / "library.c").write_text(SOURCE)
    subprocess.run(["cc", "-O0", "-shared", "-fPIC", "-o", library, tmp_path / "library.c"], check=True)
    before = library.read_bytes()
    blanked = blank(library)
    after = library.read_bytes()
    assert len(after) == len(before)
    assert 0 < sum(old != new for old, new in zip(before, after, strict=True)) <= blanked
    assert b"a_hidden_name" in before
    assert b"a_hidden_name" not in after
    assert ctypes.CDLL(str(library)).seen(20) == 42


def test_what_is_no_library_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "script.so").write_text("INPUT(libc.so.6)\n")
    assert blank(tmp_path / "script.so") == 0
    assert (tmp_path / "script.so").read_text() == "INPUT(libc.so.6)\n"
