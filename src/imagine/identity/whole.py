"""A process of its own that makes the SHA-256 of a whole file, and makes way for whatever else wants to run or read.

It is told a `Question` in JSON, one line, and says the digest in hexadecimal, and behind it that of what is behind the
header where that is asked for; nothing where there isn't that file, or it changes meanwhile. When its input ends, so
does it: nobody waits any more.
"""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import sys
import threading
from typing import NamedTuple

import msgspec

from .stamp import FileStamp, unchanged

_CHUNK = 4 * 2**20
_LEAST = 19
"""The niceness of what runs only where nothing else would."""
_LONGEST = 100_000
_LENGTH = 8
"""Bytes before a safetensors file's header that say how long it is."""


class Question(NamedTuple):
    """What is to be read."""

    file: FileStamp
    behind: bool = False
    """It is a safetensors file, of which what is behind its header is known by a digest of its own, too."""


def main() -> int:
    """Answers one question on stdin and stdout; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the gateway lets go of us
    if hasattr(os, "nice"):
        os.nice(_LEAST)
    line = sys.stdin.buffer.readline(_LONGEST)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        question = msgspec.json.decode(line, type=Question)
        digests = digests_of_file(question.file, question.behind)
    except (msgspec.DecodeError, OSError):
        return 1
    if digests:
        os.write(1, " ".join(digests).encode() + b"\n")
    return 0


def digests_of_file(file: FileStamp, behind: bool = False) -> list[str]:
    """The SHA-256 of the whole file, and of what is `behind` its header; none where it isn't, or doesn't stay, what has
    this stamp. Raises OSError."""
    # Not to wait for a FIFO's writer is decided at the opening.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(file.path, flags), "rb", buffering=0) as opened:
        if not (stat.S_ISREG(os.fstat(opened.fileno()).st_mode) and file.fits(os.fstat(opened.fileno()))):
            return []
        whole, rest, chunk, start = hashlib.sha256(), hashlib.sha256(), memoryview(bytearray(_CHUNK)), 0
        left = _LENGTH + int.from_bytes(opened.read(_LENGTH), "little")
        opened.seek(0)
        while length := opened.readinto(chunk):
            whole.update(chunk[:length])
            if behind:
                rest.update(chunk[max(0, left - start) : length])
            start += length
        told = [whole.hexdigest(), *([rest.hexdigest()] if behind else [])]
        return told if file.fits(os.fstat(opened.fileno())) and unchanged([file]) else []


def _end_with_input() -> None:
    """Nobody waits any more, whatever a slow disk is about to say."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
