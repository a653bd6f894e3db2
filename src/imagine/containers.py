"""The outermost structure of PNG, JPEG and WebP files: their chunks, walked without decoding a pixel.

Made for untrusted bytes: nothing is copied before it is asked for, nothing is inflated, a walk ends where the file
stops making sense, and takes time linear in the file's length.

Sources: https://www.w3.org/TR/png-3/#5DataRep, https://www.w3.org/Graphics/JPEG/itu-t81.pdf (annex B),
https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["png", "jpeg", "webp"]

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = frozenset([b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"iCCP", b"IEND"])
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers, which hold the size; the three left out are tables."""
_JPEG_BARE = frozenset([0x01, *range(0xD0, 0xD9)])
"""Markers without a length."""
_JPEG_APP1, _JPEG_APP2, _JPEG_COMMENT = 0xE1, 0xE2, 0xFE


class Chunk(NamedTuple):
    """One chunk: its type (a JPEG's marker is one byte), its content, and where the whole of it lies in the file."""

    kind: bytes
    body: memoryview
    start: int
    end: int


def sniff(data: bytes) -> Kind | None:
    """Which of the three `data` begins as, by its first bytes alone."""
    if data.startswith(PNG_MAGIC):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    return None


def chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks of a file of any of the three, as its own walker yields them; none of another file."""
    walkers = {"png": png_chunks, "jpeg": jpeg_segments, "webp": webp_chunks}
    kind = sniff(data)
    return walkers[kind](data) if kind else iter(())


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """Each whole chunk, up to the one named IEND. Checksums are not looked at."""
    view, start = memoryview(data), len(PNG_MAGIC)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if end > len(data):
            return
        yield Chunk(kind, view[start + 8 : end - 4], start, end)
        if kind == b"IEND":
            return
        start = end


def jpeg_segments(data: bytes) -> Iterator[Chunk]:
    """Each whole segment before the first scan."""
    view, at = memoryview(data), 2
    while True:
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) and data[at] == 0xFF:
            at += 1
        if not 0 <= at < len(data) - 2:
            return
        marker, at = data[at], at + 1
        if marker == 0 or marker in _JPEG_BARE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if marker in (0xD9, 0xDA) or length < 2 or at + length > len(data):
            return
        yield Chunk(bytes([marker]), view[at + 2 : at + length], at - 2, at + length)
        at += length


def webp_chunks(data: bytes) -> Iterator[Chunk]:
    """Each whole chunk of the file; those inside an animation's frames are not walked."""
    view, start = memoryview(data), 12
    while start + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, start)
        end = start + 8 + length
        if end > len(data):
            return
        yield Chunk(kind, view[start + 8 : end], start, end)
        start = end + length % 2


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, before rotation; the greatest where a hostile file says several, 0 where none."""
    found = [(0, 0), *map(_dimensions, chunks(data))]
    return max(width for width, _ in found), max(height for _, height in found)


def _dimensions(chunk: Chunk) -> tuple[int, int]:
    """Width and height as this chunk says them, or (0, 0)."""
    kind, body = chunk.kind, chunk.body
    if len(kind) == 1:
        if kind[0] in _JPEG_FRAMES and len(body) >= 6:
            height, width = struct.unpack_from(">HH", body, 1)
            return width, height
    elif kind == b"IHDR" and len(body) >= 8:
        width, height = struct.unpack_from(">II", body)
        return width, height
    elif kind == b"VP8X" and len(body) >= 10:
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    elif kind == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    elif kind == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0


def pixels_only(data: bytes) -> bytes:
    """A PNG or JPEG without what isn't needed for its first picture: texts (which may inflate without end), EXIF,
    further frames, thumbnails. Other files come back as they are."""
    kind = sniff(data)
    if kind == "png":
        return PNG_MAGIC + b"".join(data[c.start : c.end] for c in png_chunks(data) if c.kind in _PNG_PIXELS)
    if kind == "jpeg":
        segments = list(jpeg_segments(data))
        scans = segments[-1].end if segments else 2
        return b"".join([data[:2], *[data[c.start : c.end] for c in segments if _matters(c)], data[scans:]])
    return data


def _matters(segment: Chunk) -> bool:
    """Is this JPEG segment needed to decode, or a part of the colour profile?"""
    marker = segment.kind[0]
    if marker == _JPEG_APP2:
        return bytes(segment.body[:12]) == b"ICC_PROFILE\0"
    return marker not in (_JPEG_APP1, _JPEG_COMMENT)


def exif(data: bytes) -> bytes | None:
    """The EXIF block (a TIFF) that a file carries, or None."""
    for chunk in chunks(data):
        if chunk.kind == bytes([_JPEG_APP1]) and bytes(chunk.body[:6]) == b"Exif\0\0":
            return bytes(chunk.body[6:])
        if chunk.kind in (b"eXIf", b"EXIF"):
            return bytes(chunk.body).removeprefix(b"Exif\0\0")
    return None


def xmp(data: bytes) -> bytes | None:
    """The XMP packet that a JPEG or WebP carries, or None."""
    for chunk in chunks(data):
        if chunk.kind == bytes([_JPEG_APP1]) and bytes(chunk.body[:29]) == b"http://ns.adobe.com/xap/1.0/\0":
            return bytes(chunk.body[29:])
        if chunk.kind == b"XMP ":
            return bytes(chunk.body)
    return None
