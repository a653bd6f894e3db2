"""Cold files into the page cache while their networks are built, rather than page by page when they first run.

The kernel reads ahead by itself when it is told to (`posix_fadvise`): measured as fast as any other way, with nothing
copied (`bench/results/load-cpu.md`). A file that is in the cache already is left alone.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

PIECE = 2**28
_SAMPLES = 64


class ReadAhead:
    """Has those of the files at `paths` read in the background that are cold, in that order; `wait` returns when all of
    them was asked for.

    Begun before the files are mapped, whose first pages would make them look warm. What is no regular file is left
    alone.
    """

    def __init__(self, *paths: str) -> None:
        sizes = {path: Path(path).stat().st_size for path in paths if Path(path).is_file()}
        self._cold = [path for path, nbytes in sizes.items() if nbytes and is_cold(path, nbytes)]
        self._nbytes = sum(sizes[path] for path in self._cold)
        self._done = 0
        self._stopped = False
        self._thread: threading.Thread | None = None
        if self._cold:
            self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)
            self._thread.start()

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *_: object) -> None:
        """Lets the thread end with the piece it is at."""
        self._stopped = True

    @property
    def cold(self) -> bool:
        return self._thread is not None

    @property
    def fraction(self) -> float:
        """0…1 of what is cold was asked for."""
        return min(1.0, self._done / self._nbytes) if self._thread is not None else 1.0

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; whether all of it was asked for."""
        if self._thread is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _read(self) -> None:
        for path in self._cold:
            with Path(path).open("rb", buffering=0) as file:
                for start in range(0, Path(path).stat().st_size, PIECE):
                    if self._stopped:
                        return
                    os.posix_fadvise(file.fileno(), start, PIECE, os.POSIX_FADV_WILLNEED)
                    self._done += PIECE


def is_cold(path: str, nbytes: int) -> bool:
    """Whether much of the file is not in the page cache; False where the system can't tell."""
    if not hasattr(os, "RWF_NOWAIT"):
        return False
    byte = bytearray(1)
    missing = 0
    with Path(path).open("rb", buffering=0) as file:
        for sample in range(_SAMPLES):
            try:
                os.preadv(file.fileno(), [byte], (2 * sample + 1) * nbytes // (2 * _SAMPLES), os.RWF_NOWAIT)
            except BlockingIOError:
                missing += 1
            except OSError:
                return False  # a file system without the flag
    return missing * 8 > _SAMPLES
