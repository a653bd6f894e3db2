"""How the work that a text takes grows with its length, told by a processor's time, however busy that is."""

import gc
import time
from collections.abc import Callable
from functools import partial

_TIMES = 16
_TRIES = 6


def grows_with_length(work: Callable[[str], object], text_of: Callable[[int], str], size: int) -> None:
    """Holds `work` to taking some 16 times as long for a text 16 times as long as one of `size` parts.

    Work that grows with the square takes up to 256 times as long in every try; what else the machine did, in a few.
    """
    ratios = []
    for more in range(_TRIES):  # each of other texts, so that nothing is remembered of the one before
        short, long = text_of(size + more), text_of(_TIMES * (size + more))
        ratios.append(spent(partial(work, long)) / spent(partial(work, short)))
        if ratios[-1] < 3 * _TIMES:
            return
    raise AssertionError(f"a text of {_TIMES} times the length took {ratios} times as long")


def spent(work: Callable[[], object]) -> float:
    """Seconds of a processor that this thread takes for it, without what looks for garbage."""
    gc.disable()
    try:
        begun = time.thread_time()
        work()
        return time.thread_time() - begun
    finally:
        gc.enable()
