"""The process that compares texts: little memory, nothing to write to, and no library before it is ready for them.

A file that was made to cost, or a fault in a native tokenizer, ends this process and no other.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..processes.answering import answer, settle
from ..processes.bounds import write_nothing
from ..processes.environment import prepare_libraries
from ..words.guarding import MAX_FRAME


def main(argv: Sequence[str] = ()) -> int:
    """Answers each request that comes on stdin, until there are no more; returns the exit status."""
    ends = settle(argv, "a guard")
    prepare_libraries()
    write_nothing()
    from .serving import GuardServer

    answer(ends, MAX_FRAME, GuardServer().answered)
    return 0
