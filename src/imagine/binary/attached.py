"""The attached half: brought along by a worker, unpacked by the first one of this version."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TextIO

from ..messages import in_english
from ..processes.runtime import FILE
from ..words.errors import ImagineError
from .index import Index, index_from, is_ours, is_right
from .unpack import unpack
from .versions import alone, remove_others

INDEX = "worker.index"
FOOTER = 64
MAGIC = b"imagine\1"
_ELSEWHERE = "set IMAGINE_RUNTIME to a folder of your own"
_FULL = (errno.ENOSPC, errno.EDQUOT)


def bring(output: TextIO) -> None:
    """Has what the engine imports unpacked, and on the import path. Raises ImagineError."""
    sys.path.append(str(provide(output)))


def provide(output: TextIO) -> Path:
    """The folder of this version's attached half, whole; tells `output` what takes time. Raises ImagineError."""
    return provide_in(Path(sys.executable).parents[1], os.environ.get(FILE), output)


def provide_in(folder: Path, binary: str | None, output: TextIO) -> Path:
    """As `provide`, for the version in `folder` of the file `binary`."""
    index = index_from((folder / "light" / INDEX).read_text(encoding="utf-8"))
    target = folder / "worker"
    try:
        if not _is_whole(index, target):
            with alone(folder / "worker.lock", lambda: _say(output, "another start is unpacking; waiting for it")):
                if not _is_whole(index, target):
                    _unpack(index, target, binary, output)
                    for name in remove_others(folder):
                        _say(output, f"removed {name}, an older version")
    except OSError as error:
        raise ImagineError(in_english(_why(error, index, folder))) from error
    return target


def _is_whole(index: Index, target: Path) -> bool:
    try:
        if not is_ours(target.lstat()):
            raise ImagineError(in_english(f"{target} belongs to another user, or others can write to it: remove it"))
    except FileNotFoundError:
        return False
    return all(is_right(entry, str(target)) for entry in index.entries)


def _unpack(index: Index, target: Path, binary: str | None, output: TextIO) -> None:
    if binary is None:
        raise ImagineError(in_english("this program is one half of imagine; start it by the file that you downloaded"))
    missing = sum(entry.size for entry in index.entries if not is_right(entry, str(target)))
    if shutil.disk_usage(target.parent).free < missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    begun = time.monotonic()
    with Path(binary).open("rb") as file:
        _seek(file, index, binary)
        unpack(index, file, target, _teller(output))
    _say(output, f"unpacked in {time.monotonic() - begun:.1f} s")


def _seek(file: BinaryIO, index: Index, binary: str) -> None:
    """To where the compressed bytes begin. Raises ImagineError where the file is another version's by now."""
    file.seek(-FOOTER, os.SEEK_END)
    footer = file.read(FOOTER)
    numbers = [int.from_bytes(footer[at : at + 8], "little") for at in range(8, FOOTER, 8)]
    file.seek(numbers[0])
    if footer[:8] != MAGIC or file.readline(256).decode("utf-8", "replace").rstrip("\n") != index.name:
        raise ImagineError(in_english(f"{binary} was replaced since this program was started: start it again"))
    file.seek(numbers[6])


def _teller(output: TextIO) -> Callable[[int, int], None]:
    """Says how far it is: in a terminal as it goes, in a log now and then."""
    in_terminal = output.isatty()
    step = 1 if in_terminal else 25
    last = -step

    def tell(done: int, size: int) -> None:
        nonlocal last
        percent = done * 100 // max(1, size) // step * step
        if percent == last:
            return
        last = percent
        line = f"unpacking, once for this version: {percent} %"
        if in_terminal:
            output.write(f"\r{line}" + ("\n" if percent == 100 else ""))
            output.flush()
        else:
            _say(output, line)

    return tell


def _say(output: TextIO, line: str) -> None:
    output.write(line + "\n")
    output.flush()


def _why(error: OSError, index: Index, folder: Path) -> str:
    if error.errno in _FULL:
        size = index.size / 1e6
        return f"there is no room to unpack in {folder.parent}: it takes {size:.0f} MB; make room, or {_ELSEWHERE}"
    return f"imagine can't unpack in {folder.parent}: {error}; {_ELSEWHERE}"
