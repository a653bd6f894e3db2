"""Bodies that are packed on the way: what comes in is unpacked within bounds, what goes out is packed where it pays."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from aiohttp import web

from ...messages import message
from ...words.errors import BadRequest

CODINGS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""What bodies may be packed by, with zlib's word for it."""
STEP = 2**20
"""Bytes that are unpacked at once, in a few milliseconds: a small body can be a thousand times as large."""
_WORTH_IT = 1400
"""Bytes below which an answer fills one packet anyway."""
_TEXTS = ("application/json", "text/html", "text/javascript", "text/plain")


class Unpacking:
    """One body on its way in. Raises BadRequest for what isn't packed as `coding` says."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._stream = zlib.decompressobj(CODINGS[coding])

    def more(self, piece: bytes) -> Iterator[bytes]:
        """What `piece` adds, in steps of at most `STEP` bytes."""
        step = b"-"
        while step and not self._stream.eof:
            try:
                step = self._stream.decompress(piece, STEP)
            except zlib.error as error:
                raise self._garbled() from error
            piece = self._stream.unconsumed_tail
            if step:
                yield step
        if piece or self._stream.unused_data:  # something behind the end
            raise self._garbled()

    def end(self) -> None:
        """Nothing more comes."""
        if not self._stream.eof:
            raise self._garbled()

    def _garbled(self) -> BadRequest:
        return BadRequest(message("body.garbled", coding=self._coding))


def pack(request: web.Request, response: web.StreamResponse) -> None:
    """Lets the text that answers a GET go out packed, to who takes that.

    Pictures stay as they are: in base64, gzip spares a quarter, and takes longer than a local network does.
    """
    if request.method != "GET" or not isinstance(response, web.Response) or response.content_type not in _TEXTS:
        return
    add_vary(response, "Accept-Encoding")
    if (response.content_length or 0) >= _WORTH_IT and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        response.enable_compression(web.ContentCoding.gzip)


def add_vary(response: web.StreamResponse, name: str) -> None:
    """Tells caches that the answer depends on that header of the request too."""
    known = [each.strip() for each in response.headers.get("Vary", "").split(",") if each.strip()]
    if name not in known:
        response.headers["Vary"] = ", ".join([*known, name])


def _takes_gzip(accepted: str) -> bool:
    """Does an `Accept-Encoding` name gzip, with a weight other than 0?"""
    for part in accepted.lower().split(","):
        coding, _, weight = (each.strip() for each in part.partition(";"))
        if coding in ("gzip", "*"):
            return weight.removeprefix("q=").strip("0.") != "" if weight else True
    return False
