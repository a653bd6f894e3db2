"""The folders of versions beside each other: locked while they are filled or run from, and removed when nobody does."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a file that is in use can't be removed either
    fcntl = None  # type: ignore[assignment, unused-ignore]

IN_USE = "in-use"
"""The file that the launcher holds a shared lock on for as long as the program that it became lives."""
_NAME = re.compile(r"\d[\w.]*-[0-9a-f]{12}")


@contextlib.contextmanager
def alone(path: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Holds the lock at `path`, which ends with its holder however that dies; `wait` is called before waiting."""
    with path.open("a") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                wait()
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove_others(current: Path) -> list[str]:
    """Removes the versions beside `current` that nobody runs; their names."""
    removed = []
    for folder in current.parent.iterdir():
        if folder == current or not _NAME.fullmatch(folder.name) or folder.is_symlink():
            continue
        with contextlib.suppress(OSError), (folder / IN_USE).open("r+") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for inside in folder.iterdir():
                if inside.name != IN_USE:
                    shutil.rmtree(inside) if inside.is_dir() else inside.unlink()
            (folder / IN_USE).unlink()  # last: until here a launcher waits for it
            folder.rmdir()
            removed.append(folder.name)
    return removed
