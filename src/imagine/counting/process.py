"""The process that counts tokens: it knows the tokenizers and nothing else, and writes no file.

A fault in a native tokenizer ends this process and no other, and what a vocabulary takes goes with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..processes.answering import answer, settle
from ..processes.bounds import write_nothing
from ..processes.environment import prepare_libraries
from ..words.counting import MAX_FRAME, CountRequest, count_frame


def main(argv: Sequence[str] = ()) -> int:
    """Answers each request that comes on stdin, until there are no more; returns the exit status."""
    ends = settle(argv, "what counts")
    prepare_libraries()
    write_nothing()
    from .count import count

    answer(ends, MAX_FRAME, lambda body: count_frame(count(msgspec.msgpack.decode(body, type=CountRequest))))
    return 0
