"""What a piece of work does, counted rather than timed: calls of our own functions, files, memory."""

from __future__ import annotations

import contextlib
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from unittest import mock

import imagine

T = TypeVar("T")
SOURCE = f"{Path(imagine.__file__).parent}/"


@contextlib.contextmanager
def own_calls() -> Iterator[Counter[str]]:
    """How often each of our functions is called in this thread, as `file:function`.

    Comprehensions aren't counted, which are calls in some versions of Python and none in others.
    """
    seen: Counter[str] = Counter()

    def note(frame: Any, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(SOURCE) and not code.co_name.startswith("<"):
            seen[f"{code.co_filename.removeprefix(SOURCE)}:{code.co_qualname}"] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(before)


_watching: list[Counter[str]] = []


@cache
def _hook() -> None:
    """One for all, since an audit hook can't be taken off."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if _watching and event in ("open", "os.scandir", "os.listdir"):
            for seen in _watching:
                seen[f"{event} {arguments[0]}"] += 1

    sys.addaudithook(note)


@contextlib.contextmanager
def files_opened() -> Iterator[Counter[str]]:
    """Which files and folders Python opens, in any thread, and what is put onto the disk."""
    _hook()
    seen: Counter[str] = Counter()
    _watching.append(seen)
    try:
        with mock.patch("os.fsync", side_effect=lambda _: seen.update(["fsync"])):
            yield seen
    finally:
        _watching.remove(seen)


def most_held(work: Callable[[], T]) -> tuple[T, int]:
    """What `work` gives, and the most bytes of Python's that it held beyond those before: copies, while they were."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        made = work()
        return made, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def listed(seen: Counter[str]) -> str:
    """For whoever sees a test fail: the most frequent first."""
    return "".join(f"\n{count:6}  {name}" for name, count in seen.most_common())
