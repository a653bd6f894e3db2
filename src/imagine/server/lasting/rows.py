"""What the book holds of an order, as bytes: how it is asked for, what is to be done, what became of its pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

import msgspec

from ...messages import Message
from ...words.events import Failed, Finished
from ...words.frames import Submit
from ...words.keys import USUAL, Priority
from ...words.recipe import GenerationParams

_SHORT = 64
"""Bytes that aren't worth a row of their own."""
_INPUT = 1
"""The code of msgpack's extension for what lies in `inputs`."""


class PictureAsked(msgspec.Struct, frozen=True, kw_only=True):
    """One picture of an order: the job that makes it, and its recipe."""

    job: str
    params: GenerationParams


class OrderAbout(msgspec.Struct, frozen=True, kw_only=True):
    """An order beside its jobs: what whoever reads it is to be told, and in which form."""

    key: str | None
    """The name of the key that it was asked with."""
    pictures: list[PictureAsked]
    warnings: list[Message] = []
    output: dict[str, Any] = {}
    """`server.orders.output.Output`."""
    streams: bool = False
    progress: bool = False
    deadline: float | None = None
    """When it is taken back unless it has ended, in Unix seconds."""


class PictureRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one picture. A finished one's bytes lie in the file of that `name`."""

    report: Finished | Failed
    name: str = ""
    stored: str = ""
    """The name that it is kept under beside, where an address was asked for."""


DeliveryState = Literal["waiting", "delivered", "failed", "stopped"]
"""Of a message: `failed` once it was tried often enough, `stopped` where its receiver wants none any more."""


class Webhook(NamedTuple):
    """Whom an order's maker wants told of which events."""

    url: str
    origin: str
    """Which server that is on: of one, only so many are told at a time."""
    events: tuple[str, ...]
    shape: str
    """The name of the dialect in which it is told."""
    base: str
    """The address of this server as that client knows it."""


class Happened(NamedTuple):
    """What a message tells of: an event of an order, and of which picture, -1 for its own; when, in Unix seconds."""

    event: str
    place: int
    since: float


class WebhookMessage(NamedTuple):
    """A message, and what became of it so far."""

    happened: Happened
    attempts: int
    state: DeliveryState
    told: Message | None
    """Why the last attempt came to nothing."""
    at: float | None
    due: float | None


class WebhookTold(NamedTuple):
    """An order's webhook, and its messages so far."""

    webhook: Webhook
    deliveries: tuple[WebhookMessage, ...]


class OrderRow(NamedTuple):
    """An order as it stands in the book; times are in Unix seconds."""

    number: int
    id: str
    owner: str
    client: str
    state: str
    """`queued` until it has ended, then `succeeded`, `failed` or `cancelled`; `expired` once nothing else is left."""
    created: float
    ended: float | None
    expires: float | None
    size: int
    """Pictures."""
    lost: int
    about: OrderAbout | None
    failure: Failed | None
    pictures: Mapping[int, PictureRow] = {}
    called: WebhookTold | None = None
    priority: Priority = USUAL
    turn: float = 0.0
    """Where it stands among its owner's; the least is next."""


class KeyedBy(NamedTuple):
    """An Idempotency-Key, and what came with it."""

    path: str
    key: str
    fingerprint: bytes


class PackedJobs(NamedTuple):
    """Jobs as they are written: their input pictures are apart, each once."""

    jobs: bytes
    inputs: dict[bytes, bytes]


def packed(jobs: list[Submit]) -> PackedJobs:
    """The jobs of one order, to be written."""
    inputs: dict[bytes, bytes] = {}
    built = msgspec.to_builtins(jobs, builtin_types=(bytes,))
    return PackedJobs(msgspec.msgpack.encode(_apart(built, inputs)), inputs)


def unpacked(jobs: bytes, inputs: Mapping[bytes, bytes]) -> list[Submit]:
    """The jobs as they were. Raises msgspec.ValidationError where a release wrote them that meant something else."""

    def found(_: int, digest: memoryview) -> bytes:
        return inputs[bytes(digest)]

    return msgspec.convert(msgspec.msgpack.decode(jobs, ext_hook=found), list[Submit], builtin_types=(bytes,))


def _apart(value: Any, inputs: dict[bytes, bytes]) -> Any:
    """The value, in which a name stands for each long run of bytes."""
    match value:
        case bytes() if len(value) > _SHORT:
            digest = hashlib.sha256(value).digest()
            inputs[digest] = value
            return msgspec.msgpack.Ext(_INPUT, digest)
        case dict():
            return {name: _apart(each, inputs) for name, each in value.items()}
        case list() | tuple():
            return [_apart(each, inputs) for each in value]
    return value


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """Made when the first book is read: none of it is of use before."""
    return msgspec.msgpack.Decoder(kind)


def about_from(data: bytes) -> OrderAbout:
    """What `bytes_of` wrote. Raises msgspec.MsgspecError, as the others."""
    about: OrderAbout = _decoder(OrderAbout).decode(data)
    return about


def picture_from(data: bytes) -> PictureRow:
    """Likewise."""
    row: PictureRow = _decoder(PictureRow).decode(data)
    return row


def failure_from(data: bytes) -> Failed:
    """Likewise."""
    failed: Failed = _decoder(Failed).decode(data)
    return failed


bytes_of = msgspec.msgpack.Encoder().encode
