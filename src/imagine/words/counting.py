"""What a gateway and the process that counts tokens say to each other: a length of four bytes (big-endian) and a
msgpack map, each way."""

from __future__ import annotations

from typing import Literal

import msgspec

MAX_FRAME = 2**20
"""Bytes of a map: two prompts of the longest, in characters of four bytes."""
CountedVocabulary = Literal["clip", "t5", "qwen"]


class PromptHearing(msgspec.Struct, frozen=True):
    """How a model's text encoder reads a prompt."""

    vocabulary: CountedVocabulary
    size: int
    """Tokens of a chunk, or that it reads at most."""
    chunked: bool = False
    """What is longer is read in several chunks; else the rest isn't read."""
    small: bool = False
    """In small letters."""


class CountRequest(msgspec.Struct, frozen=True):
    """How long are these, as it reads them? Only in a prompt does `AND` join several."""

    hearing: PromptHearing
    prompt: str
    neg: str


class PromptCount(msgspec.Struct, frozen=True):
    """Of a prompt that is several, or changes on the way, the longest."""

    tokens: int
    chunks: tuple[int, ...]
    """Tokens of each, of which there is always one."""
    cut: int = 0
    """How many of them aren't read."""
    behind: tuple[str, ...] = ()
    """The words that each border stands before."""


class CountReply(msgspec.Struct, frozen=True):
    """The answer to one request."""

    prompt: PromptCount
    neg: PromptCount


def count_frame(said: CountRequest | CountReply) -> bytes:
    """The map, its length first."""
    body = msgspec.msgpack.encode(said)
    return len(body).to_bytes(4, "big") + body
