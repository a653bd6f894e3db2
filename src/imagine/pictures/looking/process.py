"""The process that looks at untrusted pictures: little memory, little time for each, nothing to write to.

A decoder's fault, or a picture made to cost, ends this process and no other.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

import msgspec
from PIL import ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from ...messages import message
from ...processes.environment import die_with_parent, leave_signals_to_the_gateway, take_pipes
from ...words.errors import BadPicture
from . import origins
from .look import MAX_HEAD, LookRequest, LookResult, head_of, look
from .origins import AskedApart, InspectRequest, SignRequest
from .sources import KeptSources

MEMORY = 2**30
"""Bytes of address space: three times what the largest picture that is taken needs, its copies counted."""
SECONDS = 10
"""Of a processor, for one picture: the largest takes about two."""
_M_MMAP_THRESHOLD = -3  # malloc.h
_PAGES_FROM = 2**20
_LOADED = (ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
"""Imported before anything is forbidden."""


def main(argv: Sequence[str] = ()) -> int:
    """Answers each request that comes on stdin, until there are no more; returns the exit status."""
    if argv:
        raise SystemExit(f"a decoder takes no arguments, not {' '.join(argv)!r}; it is started by 'imagine serve'")
    leave_signals_to_the_gateway()
    die_with_parent()
    requests, answers = take_pipes()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each of its threads takes address space, should anything use it
    limit()
    give_memory_back()
    with (
        os.fdopen(requests, "rb", buffering=0) as source,
        os.fdopen(answers, "wb", buffering=0) as target,
        contextlib.suppress(BrokenPipeError, EOFError),  # the gateway is gone, or nobody waits for the answer any more
    ):
        kept = KeptSources()
        while head := read_exactly(source, 4):
            serve(head, source, target, kept)
    return 0


def serve(head: bytes, source: BinaryIO, target: BinaryIO, kept: KeptSources) -> None:
    """Answers the request whose length is `head`."""
    length = int.from_bytes(head, "big")
    assert length <= MAX_HEAD, "a gateway says what it said to say"
    request = msgspec.msgpack.decode(read_exactly(source, length), type=AskedApart)
    limit_time()
    try:
        result, copy = answered(request, read_exactly(source, request.size), kept)
    except BadPicture as error:
        result, copy = LookResult(refused=error.note), b""
    except MemoryError:
        result, copy = LookResult(refused=message("picture.too_costly", request.field)), b""
    for part in (head_of(result), copy):
        rest = memoryview(part)
        while rest:
            rest = rest[target.write(rest) :]


def answered(request: AskedApart, data: bytes, kept: KeptSources) -> tuple[LookResult, bytes]:
    """What is asked for, and the bytes that go with it. Raises BadPicture."""
    match request:
        case LookRequest():
            return look(request, data)
        case InspectRequest():
            return origins.inspect(request, data)
        case SignRequest():
            return origins.sign(request, data, kept)
    return origins.identity()


def read_exactly(source: BinaryIO, size: int) -> bytes:
    """The next `size` bytes; empty where there are no more. Raises EOFError where they end half-way."""
    data, done = bytearray(size), 0
    with memoryview(data) as rest:
        while done < size:
            if not (count := source.readinto(rest[done:])):  # type: ignore[attr-defined] # a raw file has it
                if done:
                    raise EOFError
                return b""
            done += count
    return bytes(data)


def limit() -> None:
    """No more memory than a picture needs, no files, no processes; nothing of it where the system has no limits."""
    if sys.platform == "win32":
        return
    import resource

    for name, most in (("RLIMIT_AS", MEMORY), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)):
        number = getattr(resource, name, None)
        with contextlib.suppress(OSError, ValueError):  # a lower one is set already, or macOS knows it by name only
            if number is not None:
                resource.setrlimit(number, (most, most))


def give_memory_back() -> None:
    """Has what a picture took returned when it is freed. glibc keeps what is smaller than the largest freed so far."""
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, _PAGES_FROM)


def limit_time() -> None:
    """From now on, so many seconds: this process is killed when they are used up."""
    if sys.platform == "win32":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + SECONDS
    if hard == resource.RLIM_INFINITY or soft < hard:
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it: the gateway's own clock remains
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
