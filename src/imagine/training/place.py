"""The folder of one training: one process at a time, and nothing that another one learned is lost unasked."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ..messages import message
from ..words.errors import Unsupported
from .state import told


@contextlib.contextmanager
def alone_in(folder: Path, name: str) -> Iterator[None]:
    """Within, no other process trains in this folder. Raises Unsupported where one does, OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unsupported(message("train.busy", name=name)) from error
        yield
    finally:
        os.close(handle)


def refuse_another(checkpoint: Path, of: str, name: str) -> None:
    """Raises Unsupported where what was kept is of another training than the one that is `of` this."""
    about = told(checkpoint)
    if about is not None and about.get("of") != of:
        done = about.get("done")
        raise Unsupported(message("train.another", name=name, count=done if isinstance(done, int) else 0))
