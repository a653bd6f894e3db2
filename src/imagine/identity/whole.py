"""A process of its own that makes the SHA-256 of a whole file, and makes way for whatever else wants to run or read.

It is told a `FileStamp` in JSON, one line, and says the digest in hexadecimal; nothing where there isn't that file, or
it changes meanwhile. When its input ends, so does it: nobody waits any more.
"""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import sys
import threading

import msgspec

from .stamp import FileStamp, unchanged

_CHUNK = 4 * 2**20
_LEAST = 19
"""The niceness of what runs only where nothing else would."""
_LONGEST = 100_000


def main() -> int:
    """Answers one question on stdin and stdout; returns the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the gateway lets go of us
    if hasattr(os, "nice"):
        os.nice(_LEAST)
    line = sys.stdin.buffer.readline(_LONGEST)
    threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        digest = digest_of_file(msgspec.json.decode(line, type=FileStamp))
    except (msgspec.DecodeError, OSError):
        return 1
    if digest is not None:
        os.write(1, digest.encode() + b"\n")
    return 0


def digest_of_file(file: FileStamp) -> str | None:
    """The SHA-256 of the whole file; None where it isn't, or doesn't stay, what has this stamp. Raises OSError."""
    # Not to wait for a FIFO's writer is decided at the opening.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(file.path, flags), "rb", buffering=0) as opened:
        if not (stat.S_ISREG(os.fstat(opened.fileno()).st_mode) and file.fits(os.fstat(opened.fileno()))):
            return None
        sha256, chunk = hashlib.sha256(), memoryview(bytearray(_CHUNK))
        while length := opened.readinto(chunk):
            sha256.update(chunk[:length])
        return sha256.hexdigest() if file.fits(os.fstat(opened.fileno())) and unchanged([file]) else None


def _end_with_input() -> None:
    """Nobody waits any more, whatever a slow disk is about to say."""
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
