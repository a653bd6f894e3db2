"""A process that answers its gateway's requests, one after another: how it begins, what is read and written, its end.

Each way a length of four bytes (big-endian) goes before what it is of.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from .environment import die_with_parent, leave_signals_to_the_gateway, take_pipes


class RequestPipes:
    """Where requests come from, and answers go to."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        """Both unbuffered."""
        self._source, self._target = source, target

    def next(self, most: int) -> bytes:
        """The next request, of so many bytes at most; empty where there are no more. Raises EOFError half-way."""
        length = int.from_bytes(self.read(4), "big")
        assert length <= most, "a gateway says what it said to say"
        return self.read(length)

    def read(self, size: int) -> bytes:
        """The next `size` bytes; empty where there are no more. Raises EOFError where they end half-way."""
        data, done = bytearray(size), 0
        with memoryview(data) as rest:
            while done < size:
                if not (count := self._source.readinto(rest[done:])):  # type: ignore[attr-defined] # a raw file has it
                    if done:
                        raise EOFError
                    return b""
                done += count
        return bytes(data)

    def write(self, data: bytes) -> None:
        """All of it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._target.write(rest) :]


def settle(argv: Sequence[str], what: str) -> tuple[int, int]:
    """Makes this process the gateway's alone, which ends with it; the descriptors that requests come from, and answers
    go to. `what` it is stands in the refusal of arguments, of which it takes none."""
    if argv:
        raise SystemExit(f"{what} takes no arguments, not {' '.join(argv)!r}; it is started by 'imagine serve'")
    leave_signals_to_the_gateway()
    die_with_parent()
    return take_pipes()


@contextlib.contextmanager
def opened(ends: tuple[int, int]) -> Iterator[RequestPipes]:
    """The pipes of such a process. The block ends in peace where the gateway is gone."""
    requests, answers = ends
    with (
        os.fdopen(requests, "rb", buffering=0) as source,
        os.fdopen(answers, "wb", buffering=0) as target,
        contextlib.suppress(BrokenPipeError, EOFError),  # the gateway is gone, or nobody waits for the answer any more
    ):
        yield RequestPipes(source, target)


def answer(ends: tuple[int, int], most: int, answered: Callable[[bytes], bytes]) -> None:
    """Answers each request, of `most` bytes at most, by what is `answered`, until there are no more."""
    with opened(ends) as pipes:
        while request := pipes.next(most):
            pipes.write(answered(request))
