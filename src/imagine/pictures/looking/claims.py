"""What a file says of itself unsigned: XMP, IPTC, EXIF, and the recipes that programs for pictures write.

Anybody can write any of it, and most programs drop it when they save. No XML parser, nothing inflated without end.

Sources: https://iptc.org/std/photometadata/specification/ (XMP and IIM), https://www.iptc.org/std/IIM/4.2/.
"""

from __future__ import annotations

import re
from html import unescape
from typing import NamedTuple

from ...words.errors import ImagineError
from .. import containers, exif, metadata

_SOURCE_TYPE = re.compile(r"cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})", re.IGNORECASE)
_TOOLS = tuple(
    re.compile(rf"""{name}\s*(?:=\s*["']([^"'<>]{{1,200}})["']|>\s*([^<>]{{1,200}})<)""")
    for name in ("AISystemUsed", "CreatorTool", "photoshop:Credit")
)
_OURS = 'xmlns:imagine="urn:imagine:1"'
_APP13 = b"\xed"
_PHOTOSHOP, _IIM = b"Photoshop 3.0\0", b"8BIM\x04\x04"
_IIM_TEXTS = re.compile(rb"\x1c\x02[\x41\x6e](..)", re.DOTALL)
"""Of records 2:65, the program that made it, and 2:110, the credit, their lengths."""


class Claims(NamedTuple):
    """Of one file."""

    program: str = ""
    model: str = ""
    source_type: str = ""
    camera: str = ""
    """Its maker and model, by EXIF."""
    recipe: bool = False
    """Does it carry how it was made, as programs that paint write it?"""
    read: tuple[str, ...] = ()


def claims_in(data: bytes) -> Claims:
    """What the file says; nothing where it makes no sense."""
    try:
        packet, block, credit = metadata.xmp_packet(data), containers.exif(data) or b"", _credit(data)
    except containers.Fragmented:
        return Claims()
    recipe = _recipe(data)
    found = _SOURCE_TYPE.search(packet)
    camera = exif.camera(block)
    tool = "Imagine" if recipe is not None and _OURS in packet else _tool(packet) or credit
    marks = {"xmp": packet, "iptc": credit, "exif": camera, "recipe": recipe is not None}
    return Claims(
        tool, "" if recipe is None else str(recipe.get("model", ""))[:200], found[1] if found else "", camera,
        recipe is not None, tuple(name for name, is_there in marks.items() if is_there),
    )  # fmt: skip


def _recipe(data: bytes) -> dict[str, object] | None:
    try:
        found = metadata.read_metadata(data)
    except ImagineError:
        return None
    return None if found is None else found.meta


def _tool(packet: str) -> str:
    for pattern in _TOOLS:
        if found := pattern.search(packet):
            return unescape(found[1] or found[2]).strip()
    return ""


def _credit(data: bytes) -> str:
    """What a JPEG's IPTC block says of the program, or of whom to credit."""
    for segment in containers.jpeg_segments(data) if containers.sniff(data) == "jpeg" else ():
        if segment.kind == _APP13 and bytes(segment.body[: len(_PHOTOSHOP)]) == _PHOTOSHOP:
            block = bytes(segment.body)
            for found in _IIM_TEXTS.finditer(block, max(0, block.find(_IIM))):
                length = int.from_bytes(found[1], "big")
                if 0 < length <= 200:
                    return block[found.end() : found.end() + length].decode("utf-8", "replace")
    return ""
