"""Symbols that only a debugger reads, taken out of libraries: a fifth of torch's bytes.

What auditwheel has rewritten (`*.libs`) can't be loaded any more once `strip` has moved its segments: there they are
overwritten by zeros where they lie, which compress to nothing.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

_SYMBOLS, _LOADED = 2, 2  # SHT_SYMTAB, SHF_ALLOC


def strip(folder: Path) -> int:
    """Strips every library under `folder` but NVIDIA's; bytes saved."""
    tool = shutil.which("strip")
    if tool is None:
        raise SystemExit("strip is missing: install binutils")
    saved = 0
    for path in sorted(folder.rglob("*")):
        places = path.relative_to(folder).parts
        if path.is_symlink() or ".so" not in path.suffixes or "nvidia" in places:
            continue
        if any(place.endswith(".libs") for place in places):
            saved += blank(path)
            continue
        before = path.stat().st_size
        subprocess.run([tool, str(path)], check=True)
        saved += before - path.stat().st_size
    return saved


def blank(path: Path) -> int:
    """Overwrites the symbols of a 64-bit ELF library and their names; how many bytes those are.

    The layout is elf(5)'s: `e_shoff`, `e_shentsize` and `e_shnum` lie at 0x28, 0x3a and 0x3c.
    """
    blanked = 0
    with path.open("r+b") as file:
        head = file.read(64)
        if head[:6] != b"\x7fELF\x02\x01":
            return 0
        (begin,) = struct.unpack_from("<Q", head, 0x28)
        size, number = struct.unpack_from("<HH", head, 0x3A)
        file.seek(begin)
        table = file.read(size * number)
        sections = [_Section(*struct.unpack_from("<IIQQQQI", table, size * at)) for at in range(number)]
        for symbols in sections:
            if symbols.kind == _SYMBOLS:
                for section in (symbols, sections[symbols.link]):
                    if not section.flags & _LOADED:
                        file.seek(section.offset)
                        file.write(bytes(section.size))
                        blanked += section.size
    return blanked


class _Section(NamedTuple):
    """The beginning of an `Elf64_Shdr`."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
