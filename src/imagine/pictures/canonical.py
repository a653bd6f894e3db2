"""A picture's canonical bytes: its file without the C2PA manifest in it, which no two signatures make alike.

PNG has it in a chunk `caBX`, JPEG in segments APP11, WebP in a chunk `C2PA`. What is cut out is kept with its place,
and put back it gives the same file, byte by byte. Nothing is decoded; what isn't whole stays as it is.

Sources: https://spec.c2pa.org/specifications/specifications/2.2/specs/C2PA_Specification.html (embedding manifests into
PNG, JPEG and RIFF), ISO/IEC 19566-5 (JUMBF boxes in APP11).
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import containers

_APP11 = b"\xeb"
_JUMBF, _JUMBF_HEAD = b"JP", 16
"""The segment's name, and the bytes of it and of the box's head before the box's content."""
_C2PA_BOX = b"jumdc2pa"
"""A description box, and the first four bytes of the type that C2PA's own has."""
_RIFF_SIZE = slice(4, 8)


class Cut(NamedTuple):
    """Bytes that aren't canonical, and where in the canonical file they stood."""

    at: int
    data: bytes


class Halves(NamedTuple):
    """A file taken apart: its canonical bytes, and what was cut out of them, in order."""

    canonical: bytes
    cuts: tuple[Cut, ...]


def halves(data: bytes) -> Halves:
    """Of a PNG, JPEG or WebP; any other file, and one without a manifest, is canonical as it is."""
    spans = _spans(data)
    if not spans:
        return Halves(data, ())
    view, kept, cuts, begin = memoryview(data), bytearray(), list[Cut](), 0
    for start, end in spans:
        kept += view[begin:start]
        cuts.append(Cut(len(kept), bytes(view[start:end])))
        begin = end
    kept += view[begin:]
    return Halves(_sized(kept, -sum(end - start for start, end in spans)), tuple(cuts))


def canonical(data: bytes) -> bytes:
    """The file without its manifest."""
    return halves(data).canonical


def digest(data: bytes) -> str:
    """The SHA-256 of the canonical bytes: the same however often a picture is signed."""
    return hashlib.sha256(canonical(data)).hexdigest()


def joined(canonical: bytes, cuts: Sequence[Cut]) -> bytes:
    """The file that `halves` took apart."""
    if not cuts:
        return canonical
    view, whole, begin = memoryview(canonical), bytearray(), 0
    for cut in cuts:
        whole += view[begin : cut.at]
        whole += cut.data
        begin = cut.at
    whole += view[begin:]
    return _sized(whole, sum(len(cut.data) for cut in cuts))


def _sized(file: bytearray, change: int) -> bytes:
    """The file, whose RIFF head says how long it is by now."""
    if containers.sniff(bytes(file[:12])) == "webp":
        size = int.from_bytes(file[_RIFF_SIZE], "little") + change
        file[_RIFF_SIZE] = max(0, min(size, 2**32 - 1)).to_bytes(4, "little")
    return bytes(file)


def _spans(data: bytes) -> list[tuple[int, int]]:
    """Where a manifest's parts lie, in order; none where a file has more parts than a picture has."""
    finders = {"png": _in_png, "jpeg": _in_jpeg, "webp": _in_webp}
    kind = containers.sniff(data)
    with contextlib.suppress(containers.Fragmented):
        return list(finders[kind](data)) if kind else []
    return []


def _in_png(data: bytes) -> Iterator[tuple[int, int]]:
    return ((chunk.start, chunk.end) for chunk in containers.png_chunks(data) if chunk.kind == b"caBX")


def _in_webp(data: bytes) -> Iterator[tuple[int, int]]:
    for chunk in containers.webp_chunks(data):
        if chunk.kind == b"C2PA":
            yield chunk.start, min(chunk.end + len(chunk.body) % 2, len(data))


def _in_jpeg(data: bytes) -> Iterator[tuple[int, int]]:
    """The segments of C2PA's box: other boxes, such as a JPEG XT's, have other numbers."""
    numbers = set[bytes]()
    for segment in containers.jpeg_segments(data):
        body = bytes(segment.body[: _JUMBF_HEAD + 4 + len(_C2PA_BOX)])
        if segment.kind != _APP11 or body[:2] != _JUMBF:
            continue
        number = body[2:4]
        if body[_JUMBF_HEAD + 4 :] == _C2PA_BOX:
            numbers.add(number)
        if number in numbers:
            yield segment.start, segment.end
