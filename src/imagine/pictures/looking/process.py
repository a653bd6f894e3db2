"""The process that looks at untrusted pictures: little memory, little time for each, nothing to write to.

A decoder's fault, or a picture made to cost, ends this process and no other.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Sequence

import msgspec
from PIL import ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from ...messages import message
from ...processes.answering import RequestPipes, opened, settle
from ...processes.bounds import limit_memory, write_nothing
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
    ends = settle(argv, "a decoder")
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # each of its threads takes address space, should anything use it
    limit_memory(MEMORY)
    write_nothing()
    give_memory_back()
    with opened(ends) as pipes:
        kept = KeptSources()
        while head := pipes.next(MAX_HEAD):
            serve(head, pipes, kept)
    return 0


def serve(head: bytes, pipes: RequestPipes, kept: KeptSources) -> None:
    """Answers the request that begins so."""
    request = msgspec.msgpack.decode(head, type=AskedApart)
    limit_time()
    try:
        result, copy = answered(request, pipes.read(request.size), kept)
    except BadPicture as error:
        result, copy = LookResult(refused=error.note), b""
    except MemoryError:
        result, copy = LookResult(refused=message("picture.too_costly", request.field)), b""
    for part in (head_of(result), copy):
        pipes.write(part)


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
