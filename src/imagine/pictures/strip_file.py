"""A PNG written strip by strip: a picture that is too large to be held whole, compressed as `images.encode` does."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from . import containers, metadata

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {"RGB": 2, "RGBA": 6}
_MEMORY = 9
"""What Pillow has zlib take."""
_PIECE = 2**20


class StripFile:
    """A PNG of `size` and `mode` (RGB or RGBA) that carries `meta`, in a file that is open for writing.

    Its rows come from top to bottom; `end` completes it.
    """

    def __init__(self, file: BinaryIO, size: tuple[int, int], mode: str, meta: dict[str, Any] | None) -> None:
        self._file, self._width = file, size[0]
        self._deflate = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, 15, _MEMORY, zlib.Z_RLE)
        self._above: Image.Image | None = None
        file.write(_SIGNATURE)
        head = b"".join(side.to_bytes(4, "big") for side in size) + bytes([8, _COLOUR_TYPES[mode], 0, 0, 0])
        self._chunk(b"IHDR", head)
        for kind, data in _texts(metadata.png_text(meta)):
            self._chunk(kind, data)

    def write(self, strip: Image.Image) -> None:
        """The next rows."""
        self._data(self._deflate.compress(_filtered(self._above, strip)))
        self._above = strip.crop((0, strip.height - 1, self._width, strip.height))

    def end(self) -> None:
        """All rows are there."""
        self._data(self._deflate.flush())
        self._chunk(b"IEND", b"")

    def _data(self, data: bytes) -> None:
        for at in range(0, len(data), _PIECE):
            self._chunk(b"IDAT", data[at : at + _PIECE])

    def _chunk(self, kind: bytes, data: bytes) -> None:
        self._file.write(len(data).to_bytes(4, "big") + kind)
        self._file.write(data)
        self._file.write(zlib.crc32(data, zlib.crc32(kind)).to_bytes(4, "big"))


def _texts(info: PngInfo) -> Iterator[tuple[bytes, bytes]]:
    for kind, data, *_ in info.chunks:
        yield kind, data


def _filtered(above: Image.Image | None, strip: Image.Image) -> bytes:
    """The rows behind PNG's filters, each chosen as Pillow chooses, which looks at the row above it."""
    whole = strip
    if above is not None:
        whole = Image.new(strip.mode, (strip.width, strip.height + 1))
        whole.paste(above, (0, 0))
        whole.paste(strip, (0, 1))
    file = io.BytesIO()
    whole.save(file, "PNG", compress_level=0)
    stored = b"".join(body for kind, body, _, _ in containers.png_chunks(file.getvalue()) if kind == b"IDAT")
    rows = zlib.decompress(stored)
    return rows if above is None else rows[len(rows) // whole.height :]
