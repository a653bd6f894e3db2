"""The process that compares texts: little memory, nothing to write to, and no library before it is ready for them.

A file that was made to cost, or a fault in a native tokenizer, ends this process and no other.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

from ..processes.environment import die_with_parent, leave_signals_to_the_gateway, prepare_libraries, take_pipes
from ..words.guarding import MAX_FRAME


def main(argv: Sequence[str] = ()) -> int:
    """Answers each request that comes on stdin, until there are no more; returns the exit status."""
    if argv:
        raise SystemExit(f"a guard takes no arguments, not {' '.join(argv)!r}; it is started by 'imagine serve'")
    leave_signals_to_the_gateway()
    die_with_parent()
    requests, answers = take_pipes()
    prepare_libraries()
    write_nothing()
    from .serving import GuardServer

    guard = GuardServer()
    with (
        os.fdopen(requests, "rb", buffering=0) as source,
        os.fdopen(answers, "wb", buffering=0) as target,
        contextlib.suppress(BrokenPipeError, EOFError),  # the gateway is gone, or nobody waits for the answer any more
    ):
        while head := read_exactly(source, 4):
            length = int.from_bytes(head, "big")
            assert length <= MAX_FRAME, "a gateway says what it said to say"
            rest = memoryview(guard.answered(read_exactly(source, length)))
            while rest:
                rest = rest[target.write(rest) :]
    return 0


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """The next `size` bytes; empty where there are no more. Raises EOFError where they end half-way."""
    data = bytearray()
    while len(data) < size:
        if not (piece := source.read(size - len(data))):
            if data:
                raise EOFError
            return b""
        data += piece
    return bytes(data)


def write_nothing() -> None:
    """No file from now on; nothing of it where the system has no limits."""
    _limit(RLIMIT_FSIZE=0, RLIMIT_CORE=0)


def limit_memory(most: int) -> None:
    """No more than so many bytes of address space."""
    _limit(RLIMIT_AS=most)


def _limit(**most: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    for name, value in most.items():
        number = getattr(resource, name, None)
        with contextlib.suppress(OSError, ValueError):  # a lower one is set already, or macOS knows it by name only
            if number is not None:
                resource.setrlimit(number, (value, value))
