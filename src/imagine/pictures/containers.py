"""The outermost structure of PNG, JPEG and WebP files: their chunks, walked without decoding a pixel.

Made for untrusted bytes: nothing is copied before it is asked for, nothing is inflated, a walk ends where the file
stops making sense, and where there are more parts than a picture has.

Sources: https://www.w3.org/TR/png-3/#5DataRep, https://www.w3.org/Graphics/JPEG/itu-t81.pdf (annex B),
https://developers.google.com/speed/webp/docs/riff_container
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Literal, NamedTuple

PictureFormat = Literal["png", "jpeg", "webp"]

MAX_PARTS = 16_384
"""Chunks or segments of one file: of 64 MB in the 8 KiB that libpng writes at a time, half as many. Each costs memory
and a microsecond or more, however little it holds, here and in whatever decodes the file."""
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_PIXELS = frozenset([b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"iCCP", b"IEND"])
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers, which hold the size; the three left out are tables."""
_JPEG_BARE = frozenset([0x01, *range(0xD0, 0xD9)])
"""Markers without a length."""
_JPEG_FILL = re.compile(rb"\xff+")
"""Before a marker's own byte, as many as an encoder likes."""
_JPEG_END, _JPEG_SCAN, _JPEG_APP1, _JPEG_APP2, _JPEG_COMMENT = 0xD9, 0xDA, 0xE1, 0xE2, 0xFE


class Fragmented(ValueError):
    """A file of more than `MAX_PARTS` parts: none that a program writes."""


class ContainerChunk(NamedTuple):
    """One chunk: its type (a JPEG's marker is one byte), its content, and where the whole of it lies in the file."""

    kind: bytes
    body: memoryview
    start: int
    end: int


def sniff(data: bytes) -> PictureFormat | None:
    """Which of the three `data` begins as, by its first bytes alone."""
    if data.startswith(PNG_MAGIC):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "webp"
    return None


def chunks(data: bytes) -> Iterator[ContainerChunk]:
    """The chunks of a file of any of the three, as its own walker yields them; none of another file."""
    walkers = {"png": png_chunks, "jpeg": jpeg_segments, "webp": webp_chunks}
    kind = sniff(data)
    return walkers[kind](data) if kind else iter(())


def png_chunks(data: bytes) -> Iterator[ContainerChunk]:
    """Each whole chunk, up to the one named IEND. Checksums are not looked at. Raises Fragmented."""
    view, start = memoryview(data), len(PNG_MAGIC)
    for _ in range(MAX_PARTS):
        if start + 12 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if end > len(data):
            return
        yield ContainerChunk(kind, view[start + 8 : end - 4], start, end)
        if kind == b"IEND":
            return
        start = end
    raise Fragmented


def jpeg_segments(data: bytes) -> Iterator[ContainerChunk]:
    """Each whole segment up to the head of the first scan. Raises Fragmented."""
    view, at = memoryview(data), 2
    for _ in range(MAX_PARTS):
        fill = _JPEG_FILL.search(data, at)
        if fill is None or fill.end() >= len(data) - 2:
            return
        marker, at = data[fill.end()], fill.end() + 1
        if marker == 0 or marker in _JPEG_BARE:
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if marker == _JPEG_END or length < 2 or at + length > len(data):
            return
        yield ContainerChunk(bytes([marker]), view[at + 2 : at + length], at - 2, at + length)
        if marker == _JPEG_SCAN:
            return
        at += length
    raise Fragmented


def webp_chunks(data: bytes) -> Iterator[ContainerChunk]:
    """Each whole chunk of the file; those inside an animation's frames are not walked. Raises Fragmented."""
    view, start = memoryview(data), 12
    for _ in range(MAX_PARTS):
        if start + 8 > len(data):
            return
        kind, length = struct.unpack_from("<4sI", data, start)
        end = start + 8 + length
        if end > len(data):
            return
        yield ContainerChunk(kind, view[start + 8 : end], start, end)
        start = end + length % 2
    raise Fragmented


class Outline(NamedTuple):
    """What there is to know of a picture's file before a pixel of it is decoded."""

    kind: PictureFormat
    width: int
    height: int
    """In pixels, before rotation; the greatest where a hostile file says several, 0 where none."""
    ended: bool
    """Are the parts there that a whole file has: of a PNG its end, of a JPEG a scan?"""
    exif: bytes
    """A TIFF; empty where there is none."""
    pixels: bytes
    """The file without what isn't needed for its first picture: texts (which may inflate without end), EXIF, further
    frames, thumbnails, and whatever lies between its parts."""


def outline(data: bytes) -> Outline | None:
    """What one walk over an untrusted file tells; None for none of the three kinds. Raises Fragmented."""
    kind = sniff(data)
    if kind is None:
        return None
    width = height = 0
    block: bytes | None = None
    ended = kind == "webp"
    kept, begin, end = bytearray(), 0, len(PNG_MAGIC) if kind == "png" else 2
    for chunk in chunks(data):
        across, down = _dimensions(chunk)
        width, height = max(width, across), max(height, down)
        block = _exif_in(chunk) if block is None else block
        ended |= chunk.kind in (b"IEND", bytes([_JPEG_SCAN]))
        if kind != "webp" and _matters(chunk):
            if chunk.start != end:
                kept += memoryview(data)[begin:end]
                begin = chunk.start
            end = chunk.end
    pixels = bytes(kept + memoryview(data)[begin:]) if begin else data
    return Outline(kind, width, height, ended, block or b"", pixels)


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, as `Outline` has them; 0 where the file tells none. Raises Fragmented."""
    layout = outline(data)
    return (0, 0) if layout is None else (layout.width, layout.height)


def _dimensions(chunk: ContainerChunk) -> tuple[int, int]:
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


def _matters(part: ContainerChunk) -> bool:
    """Is this chunk of a PNG, or segment of a JPEG, needed to decode, or a part of the colour profile?"""
    if len(part.kind) > 1:
        return part.kind in _PNG_PIXELS
    if part.kind[0] == _JPEG_APP2:
        return bytes(part.body[:12]) == b"ICC_PROFILE\0"
    return part.kind[0] not in (_JPEG_APP1, _JPEG_COMMENT)


def exif(data: bytes) -> bytes | None:
    """The EXIF block (a TIFF) that a file carries, or None. Raises Fragmented."""
    return next((block for chunk in chunks(data) if (block := _exif_in(chunk)) is not None), None)


def _exif_in(chunk: ContainerChunk) -> bytes | None:
    if chunk.kind == bytes([_JPEG_APP1]) and bytes(chunk.body[:6]) == b"Exif\0\0":
        return bytes(chunk.body[6:])
    if chunk.kind in (b"eXIf", b"EXIF"):
        return bytes(chunk.body).removeprefix(b"Exif\0\0")
    return None


def xmp(data: bytes) -> bytes | None:
    """The XMP packet that a JPEG or WebP carries, or None. Raises Fragmented."""
    for chunk in chunks(data):
        if chunk.kind == bytes([_JPEG_APP1]) and bytes(chunk.body[:29]) == b"http://ns.adobe.com/xap/1.0/\0":
            return bytes(chunk.body[29:])
        if chunk.kind == b"XMP ":
            return bytes(chunk.body)
    return None
