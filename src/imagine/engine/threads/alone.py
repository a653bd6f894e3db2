"""Threads that work alone, among whom what there is to do is dealt.

Torch's own threads share each operation, and wait for each other at its end: that is right for operations of
milliseconds, and takes a hundred times as long as the work of small ones wherever another process wants a processor.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

T = TypeVar("T")


@contextmanager
def alone() -> Iterator[None]:
    """For the length of a block this thread works without torch's threads."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def stay_alone() -> None:
    """From now on this thread works without torch's threads."""
    torch.set_num_threads(1)


_BESIDE = min(torch.get_num_threads(), 8) - 1
"""Threads beside the one that deals: as many as there are processors for us, and no more than pay."""
_threads = ThreadPoolExecutor(max(1, _BESIDE), thread_name_prefix="dealt", initializer=stay_alone)


def start_threads() -> int:
    """Start them now; says how many there are with this one."""
    started = threading.Barrier(_BESIDE + 1)
    for _ in range(_BESIDE):
        _threads.submit(started.wait)
    started.wait()
    return _BESIDE + 1


def dealt(works: Sequence[Callable[[], T]]) -> list[T]:
    """What each of them gives, in their order; raises what the first that failed did. This thread takes part: whoever
    is done with one takes the next."""
    left, made, lock = list(enumerate(works)), dict[int, T](), threading.Lock()

    def take() -> None:
        while True:
            with lock:
                if not left:
                    return
                number, work = left.pop(0)
            made[number] = work()

    others = [_threads.submit(take) for _ in range(min(_BESIDE, len(works) - 1))]
    try:
        take()
    finally:
        begun = [other for other in others if not other.cancel()]  # nothing is left for those that haven't
        wait(begun)  # whatever fails mustn't leave others at work
    for other in begun:
        other.result()
    return [made[number] for number in range(len(works))]
