"""The oldest glibc that everything in a folder runs on: the newest version of it that some library asks for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

_NEEDED = re.compile(rb"GLIBC_(\d+)\.(\d+)")


def oldest(paths: Iterable[Path]) -> tuple[int, int, str]:
    """Its two numbers, and a file that asks for it."""
    newest = (0, 0, "")
    for path in paths:
        if path.is_file() and not path.is_symlink() and _is_elf(path):
            listed = subprocess.run(["objdump", "-p", str(path)], capture_output=True, check=True).stdout
            for major, minor in _NEEDED.findall(listed):
                newest = max(newest, (int(major), int(minor), path.name))
    return newest


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"
