"""The process that counts tokens: it knows the tokenizers and nothing else, and writes no file.

A fault in a native tokenizer ends this process and no other, and what a vocabulary takes goes with it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from ..processes.environment import die_with_parent, leave_signals_to_the_gateway, prepare_libraries, take_pipes
from ..words.counting import MAX_FRAME, CountRequest, count_frame


def main(argv: Sequence[str] = ()) -> int:
    """Answers each request that comes on stdin, until there are no more; returns the exit status."""
    if argv:
        raise SystemExit(f"what counts takes no arguments, not {' '.join(argv)!r}; it is started by 'imagine serve'")
    leave_signals_to_the_gateway()
    die_with_parent()
    requests, answers = take_pipes()
    prepare_libraries()
    _write_nothing()
    from .count import count

    with (
        os.fdopen(requests, "rb") as source,
        os.fdopen(answers, "wb", buffering=0) as target,
        contextlib.suppress(BrokenPipeError),  # nobody waits for the answer any more
    ):
        while body := _next(source):
            rest = memoryview(count_frame(count(msgspec.msgpack.decode(body, type=CountRequest))))
            while rest:
                rest = rest[target.write(rest) :]
    return 0


def _next(source: BinaryIO) -> bytes:
    """The next request's map; empty where there are no more, or only the half of one."""
    length = int.from_bytes(source.read(4), "big")
    assert length <= MAX_FRAME, "a gateway says what it said to say"
    body = source.read(length)
    return body if len(body) == length else b""


def _write_nothing() -> None:
    """No file from now on, where the system has such limits."""
    if sys.platform == "win32":
        return
    import resource

    for limit in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        with contextlib.suppress(OSError, ValueError):  # a lower one is set already
            resource.setrlimit(limit, (0, 0))
