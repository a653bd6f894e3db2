"""What a machine of a cluster says beside what its worker reports: which files it has or brings, and why its worker is
over."""

from __future__ import annotations

import msgspec

from ...messages import Message
from ...words.frames import AnyCommand, Load, Report, Score, Submit, decoded
from ...words.model import Model
from ..lent import Brought, Lent


class HeldFiles(msgspec.Struct, frozen=True, tag_field="type", tag="held", kw_only=True):
    """The files that the machine has, by the digests of their content."""

    digests: frozenset[str]


class LifeOver(msgspec.Struct, frozen=True, tag_field="type", tag="over", kw_only=True):
    """The last word: why the worker there is over, and whether another start would meet the same."""

    why: Message
    refused: bool = False


HostWord = Report | HeldFiles | Brought | LifeOver
GatewayWord = AnyCommand | Lent
_asked: msgspec.msgpack.Decoder[GatewayWord] = msgspec.msgpack.Decoder(GatewayWord)
_words: msgspec.msgpack.Decoder[HostWord] = msgspec.msgpack.Decoder(HostWord)


def word_from_bytes(body: bytes) -> HostWord:
    """What a frame's body says. Raises FrameError."""
    return decoded(_words, body)


def asked_from_bytes(body: bytes) -> GatewayWord:
    """What the gateway says in a frame's body. Raises FrameError."""
    return decoded(_asked, body)


def models_of(command: Submit | Load | Score) -> list[Model]:
    """The models that it takes, in its own order."""
    match command:
        case Submit():
            return command.models
        case Load():
            return [command.model]
        case Score():
            return [command.checker]
