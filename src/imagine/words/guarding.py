"""What a gateway and its guard say to each other: a length of four bytes (big-endian) and a msgpack map, each way."""

from __future__ import annotations

import msgspec

from ..messages import Message, message

MAX_FRAME = 2**26
"""Bytes of a map: the longest are the vectors of what texts are compared with."""
TOO_MUCH = message("guard.too_much")
"""Why what is longer isn't said."""


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """Sentences that stand for one thing, and whose meanings aren't it though they may be near.

    `own`: it is the owner's, so that what is near it among the others is it as well.
    """

    name: str
    examples: tuple[str, ...]
    against: tuple[str, ...] = ()
    own: bool = False


class OpenRequest(msgspec.Struct, frozen=True, kw_only=True, tag="open"):
    """Open the sentence encoder at `path`, a safetensors file in its folder."""

    path: str


class LearnRequest(msgspec.Struct, frozen=True, kw_only=True, tag="learn"):
    """These are the meanings from now on; `vectors` are those of examples that are known already, as float32."""

    meanings: tuple[Meaning, ...]
    vectors: dict[str, bytes] = {}


class CompareRequest(msgspec.Struct, frozen=True, kw_only=True, tag="compare"):
    """How near are these texts to each meaning?"""

    texts: tuple[str, ...]


GuardRequest = OpenRequest | LearnRequest | CompareRequest


class Nearness(msgspec.Struct, frozen=True, array_like=True):
    """How near a text is to a meaning, by cosine: to its nearest example, and by how much nearer than to any other."""

    similarity: float
    margin: float


class GuardReply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to one request: why it can't be answered, or what it asked for."""

    refused: Message | None = None
    digest: str = ""
    """Of the opened encoder: vectors that it made are of use to no other."""
    memory: int = 0
    """Bytes of address space that the process may have from now on."""
    vectors: dict[str, bytes] = {}
    """Of all examples that were learned, as float32."""
    near: tuple[tuple[Nearness, ...], ...] = ()
    """Of each text, to each of the meanings."""


def frame_of(said: GuardRequest | GuardReply) -> bytes:
    """The map, its length first."""
    body = msgspec.msgpack.encode(said)
    return len(body).to_bytes(4, "big") + body


def fits(frame: bytes) -> bool:
    """May it be sent?"""
    return len(frame) <= 4 + MAX_FRAME
