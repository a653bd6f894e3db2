"""Folders of our own: for this user alone whatever the umask says, and rid of what a killed process left in them."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from .writing import TEMPORARY

_ABANDONED = 3600.0
"""Seconds after which nobody can still be writing a file of ours."""
_PREFIXES = (TEMPORARY, ".models.json.")
"""Of today's, and of the releases that wrote a cache by itself."""


def make_own(folder: Path) -> Path:
    """Makes a folder, and those above it that aren't there, for this user alone; one that is there stays as it is.

    Raises OSError.
    """
    missing = [folder, *folder.parents]
    for each in reversed([path for path in missing if not path.exists()]):
        with contextlib.suppress(FileExistsError):  # another process was quicker
            each.mkdir()
            each.chmod(0o700)  # a mode given to mkdir is less the umask's
    return folder


def sweep(folder: Path, now: float | None = None) -> int:
    """Removes our temporary files that nobody has written to for an hour; how many. A folder may be unreadable.

    `now` is a Unix time: the clock's, where it isn't said.
    """
    swept, now = 0, time.time() if now is None else now
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIXES) and entry.name.endswith(".tmp"):
                with contextlib.suppress(OSError):  # another process sweeps too
                    if now - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED:
                        Path(entry.path).unlink()
                        swept += 1
    return swept
