"""What two servers say to each other where one works for the other, beside the frames that any worker speaks.

Over one WebSocket (`GET /worker`) goes a stream of the frames of `words/frames.py`, cut into messages as it comes. Both
begin with a `Hello`. The host then says which `Devices` it has, whenever that changes, and what it `Holdings` has; its
guest sends `Submit`, `Cancel`, `Load`, `Unload` and `Score`. Both say a `Beat` every second, so that silence is told.
"""

from __future__ import annotations

import msgspec

from ..messages import Message
from ..words.entry import Entry
from ..words.frames import Cancel, FrameError, JobReport, Load, Ready, Score, Stats, Submit, Unload, decoded

PROTOCOL = 1
"""Another number is another language: neither side tries to understand it."""
PATH = "/worker"
MAX_MESSAGE = 2**20
"""Bytes of one message of the WebSocket, of which a large frame takes several."""
MAX_ASKED = 64 * 2**20
"""Bytes of the largest frame that a host takes: as many as a request's body may have."""
MAX_SAID = 2**20
"""Bytes of a frame that a host says, beside a picture's own: of little that costs much memory once it is read."""
BEAT = 1.0
"""Seconds between two signs of life."""
SILENCE = 8.0
"""Seconds without a byte after which the other side counts as gone."""


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello", kw_only=True):
    """The first thing that either side says."""

    protocol: int
    version: str = ""
    """Of the program."""
    server: str = ""
    """A name that this server drew when it started, so that one which calls itself is told."""


class Refusal(msgspec.Struct, frozen=True, tag_field="type", tag="refusal", kw_only=True):
    """Why the connection ends."""

    why: Message


class Devices(msgspec.Struct, frozen=True, tag_field="type", tag="devices", kw_only=True):
    """The host's own devices that take jobs now. None: wait, or if it is `broken`, despair."""

    ready: tuple[Ready, ...] = ()
    broken: Message | None = None


class Holdings(msgspec.Struct, frozen=True, tag_field="type", tag="holdings", kw_only=True):
    """Which files the host has from now on, and which no longer, by the digests of their content."""

    came: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class ListedModels(msgspec.Struct, frozen=True, tag_field="type", tag="listed", kw_only=True):
    """Models that the host has, and what goes beside them, as it would list them, without where they lie."""

    entries: tuple[Entry, ...]
    is_first: bool = True
    """Does it begin anew? A long list comes in several."""
    is_last: bool = True
    """Is it whole with these?"""


class Beat(msgspec.Struct, frozen=True, tag_field="type", tag="beat", kw_only=True):
    """A sign of life."""


class _PictureIn(msgspec.Struct):
    """As much of a frame as weighs."""

    data: msgspec.Raw = msgspec.Raw()


FromHost = Hello | Refusal | Devices | Holdings | ListedModels | Beat | Stats | JobReport
FromGuest = Hello | Beat | Submit | Cancel | Load | Unload | Score

_picture_in: msgspec.msgpack.Decoder[_PictureIn] = msgspec.msgpack.Decoder(_PictureIn)
_from_host: msgspec.msgpack.Decoder[FromHost] = msgspec.msgpack.Decoder(FromHost)
_from_guest: msgspec.msgpack.Decoder[FromGuest] = msgspec.msgpack.Decoder(FromGuest)


def from_host(body: bytes) -> FromHost:
    """What a host says in a frame's body. Raises FrameError, before any of it is made that would take much memory."""
    check_weight(body, MAX_SAID)
    return decoded(_from_host, body)


def check_weight(body: bytes, most: int) -> None:
    """Raises FrameError for a frame of more than so many bytes beside those of the picture in it."""
    if len(body) - len(decoded(_picture_in, body).data) > most:
        raise FrameError(f"more than {most} bytes beside a picture")


def from_guest(body: bytes) -> FromGuest:
    """What a guest says. Raises FrameError."""
    return decoded(_from_guest, body)
