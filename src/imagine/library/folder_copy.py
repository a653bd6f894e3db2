"""A folder that is copied whole before it has its name, over whatever a copy that was killed has left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from .partial import SUFFIX, lock


def copy_folder(path: Path, target: Path, bring: Callable[[str, str], object] = shutil.copy2) -> None:
    """Copies file by file into a hidden folder beside `target`, which no list of models shows, and gives it that name.
    Raises OSError, BlockingIOError where another is at it."""
    partial = target.with_name(f".{target.name}{SUFFIX}")
    partial.mkdir(exist_ok=True)
    held = os.open(partial, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0))
    try:
        if not lock(held):
            raise BlockingIOError(f"{target} is being copied already")
        for left in partial.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        shutil.copytree(path, partial, copy_function=bring, dirs_exist_ok=True)
        partial.rename(target)
    finally:
        os.close(held)
