"""A guard's answers: an encoder opened, meanings learned, texts compared with them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ..messages import message
from ..processes.bounds import limit_memory
from ..words.errors import UnusableModel
from ..words.guarding import (
    TOO_MUCH,
    CompareRequest,
    GuardReply,
    GuardRequest,
    LearnRequest,
    OpenRequest,
    fits,
    frame_of,
)
from .encoder import SentenceEncoder
from .nearness import Meanings

MEMORY = 2 * 2**30
"""Bytes of address space beside the weights: the libraries, a tokenizer, and what a batch makes."""
_COPIES = 3
"""How often an encoder's file may be there: mapped, and in twice the width as numbers to compute with."""
_MOST_TOKENS = 128
"""Of a text: what texts cost is known by their number."""
_NOT_OPEN = message("guard.not_open")


class GuardServer:
    """What the process knows."""

    def __init__(self) -> None:
        self._meanings: Meanings | None = None

    def answered(self, request: bytes) -> bytes:
        """The frame that answers a request."""
        try:
            made = frame_of(self._answer(msgspec.msgpack.decode(request, type=GuardRequest)))
            return made if fits(made) else frame_of(GuardReply(refused=TOO_MUCH))
        except UnusableModel as error:
            return frame_of(GuardReply(refused=error.note))
        except MemoryError:
            return frame_of(GuardReply(refused=message("guard.memory")))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # numpy says so of a strange file
            return frame_of(GuardReply(refused=message("unfit.unread", why=str(error)[:200] or type(error).__name__)))

    def _answer(self, request: GuardRequest) -> GuardReply:
        if isinstance(request, OpenRequest):
            return self._open(Path(request.path))
        if self._meanings is None:
            return GuardReply(refused=_NOT_OPEN)
        if isinstance(request, LearnRequest):
            return GuardReply(vectors=self._meanings.learn(request.meanings, request.vectors))
        assert isinstance(request, CompareRequest)
        return GuardReply(near=self._meanings.near(request.texts))

    def _open(self, path: Path) -> GuardReply:
        try:
            most = MEMORY + _COPIES * path.stat().st_size
        except OSError as error:
            raise UnusableModel(message("unfit.unread", why=error.strerror or str(error))) from error
        limit_memory(most)
        encoder = SentenceEncoder(path, _MOST_TOKENS)
        self._meanings = Meanings(encoder.embed, encoder.width)
        return GuardReply(digest=encoder.digest, memory=most)
