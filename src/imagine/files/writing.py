"""Files that are whole or absent, whatever stops the one who writes them."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

TEMPORARY = ".imagine-"
"""What the names of files that are being written begin with; what a kill leaves of them can be swept by it."""


def write_atomically(path: Path, data: bytes, *, mode: int = 0o666, durable: bool = True) -> None:
    """Write `data` to `path`: whenever this is stopped, the old file is there or the whole new one.

    A new file's mode is `mode` less the umask's. Without `durable` nothing waits for the disk, and where the power
    fails there may be neither. Nothing is left behind on failure. Raises OSError.
    """
    write_together({path: data}, mode=mode, durable=durable)


def write_together(files: Mapping[Path, bytes], *, mode: int = 0o666, durable: bool = True) -> None:
    """As `write_atomically` for several: none is replaced before all of them are on the disk."""
    staged: dict[Path, Path] = {}
    try:
        for path, data in files.items():
            temporary = path.with_name(f"{TEMPORARY}{os.urandom(8).hex()}.tmp")
            staged[temporary] = path
            _write(temporary, data, mode, durable)
        for temporary, path in staged.items():
            temporary.replace(path)
    except BaseException:
        for temporary in staged:
            temporary.unlink(missing_ok=True)
        raise
    for folder in {path.parent for path in files} if durable else ():
        sync_folder(folder)


def _write(path: Path, data: bytes, mode: int, durable: bool) -> None:
    """A new file, whose bytes are on the disk if it is to be `durable`. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def name_anew(path: Path, target: Path) -> None:
    """Renames a file to what nothing is called yet, whoever else may give that name at the same moment.

    Stopped on the way, it has both names. Raises FileExistsError where the name is taken; OSError.
    """
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:  # a folder, or a disk without second names: there one has to look first
        if target.exists() or target.is_symlink():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        path.rename(target)
    else:
        path.unlink()


def sync_folder(folder: Path) -> None:
    """Put the renaming itself on disk, where the system can: Windows and some network mounts can't."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
