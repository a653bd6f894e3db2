"""The files of a run: their names, that no other run takes; replaced only whole; the JSON beside; the contact sheet."""

from __future__ import annotations

import base64
import json
import os
import time
from io import BytesIO
from pathlib import Path
from typing import Any

from ..errors import ImagineError
from ..images import decode, encode, write_atomically

_SUFFIXES = (".png", ".json", ".jpg", ".jpeg", ".webp")
_TILE = 512


class Outputs:
    """Where the pictures of one run go. `asked` is what `-o` said: it overwrites; a time's name never does."""

    def __init__(self, asked: str | None, count: int, now: time.struct_time | None = None) -> None:
        self._count = count
        self._unfinished: set[Path] = set()
        self._finished: dict[int, bytes] = {}
        self._claim: Path | None = None
        self.base = _named(asked) if asked else self._free(time.strftime("%Y%m%d_%H%M%S", now or time.localtime()))

    def __enter__(self) -> Outputs:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def path(self, index: int) -> Path:
        """The PNG of picture `index`."""
        return _with(self.base, (f"-{index + 1}" if self._count > 1 else "") + ".png")

    def preview(self, index: int, data: bytes, media_type: str = "image/png") -> Path:
        """Put the picture as it is so far in its place."""
        path = self.path(index)
        self._unfinished.add(path)
        write_atomically(path, data if media_type == "image/png" else encode(decode(data, field="img")))
        return path

    def finish(self, index: int, data: bytes, meta: dict[str, Any]) -> list[Path]:
        """Put the finished picture, and the JSON that makes it again, in their places."""
        path = self.path(index)
        write_atomically(path, data)
        self._unfinished.discard(path)
        beside = path.with_name(path.name.removesuffix(".png") + ".json")
        saved = {"meta": meta, "out": base64.b64encode(data).decode("ascii")}
        write_atomically(beside, json.dumps(saved, ensure_ascii=False).encode("utf-8", "replace"))
        self._finished[index] = data
        return [path, beside]

    def sheet(self) -> Path | None:
        """All pictures on one; None for fewer than two."""
        if len(self._finished) < 2:
            return None
        path = _with(self.base, "-sheet.png")
        write_atomically(path, contact_sheet([self._finished[index] for index in sorted(self._finished)]))
        return path

    def close(self) -> None:
        """Take away the pictures that were never finished, and the claim to their name."""
        for path in self._unfinished:
            path.unlink(missing_ok=True)
        self._unfinished.clear()
        if self._claim is not None:
            self._claim.unlink(missing_ok=True)

    def _free(self, stem: str) -> Path:
        """`stem`, or with the first of -2, -3… whose files don't exist and which no other run has claimed."""
        number = 1
        while True:
            self.base = Path(stem if number == 1 else f"{stem}-{number}")
            pictures = [self.path(index) for index in range(self._count)]
            sheet = [_with(self.base, "-sheet.png")] if self._count > 1 else []
            beside = [path.with_suffix(".json") for path in pictures]
            if not any(path.exists() for path in [*pictures, *sheet, *beside]) and self._claims():
                return self.base
            number += 1

    def _claims(self) -> bool:
        """Is the base this run's from now on? Another may have begun in the same second. Raises ImagineError."""
        claim = _with(self.base.with_name("." + self.base.name), ".tmp")
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            return False
        except OSError as error:
            raise ImagineError(
                f"no picture can be written into {Path.cwd()}: {error.strerror}", field="output"
            ) from error
        self._claim = claim
        return True


def contact_sheet(pictures: list[bytes]) -> bytes:
    """A PNG of all `pictures` in rows, each at most 512 pixels a side."""
    from PIL import Image

    tiles = [decode(data, field="img").convert("RGB") for data in pictures]
    for tile in tiles:
        tile.thumbnail((_TILE, _TILE))
    columns = next(n for n in range(1, len(tiles) + 1) if n * n >= len(tiles))
    width, height = max(t.width for t in tiles), max(t.height for t in tiles)
    sheet = Image.new("RGB", (columns * width, -(-len(tiles) // columns) * height), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width, number // columns * height))
    data = BytesIO()
    sheet.save(data, "PNG")
    return data.getvalue()


def _named(asked: str) -> Path:
    path = Path(asked).expanduser()
    if path.suffix.lower() in _SUFFIXES:
        path = path.with_suffix("")
    if not path.name or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        message = f"output is {asked}; it must be a file name in a folder that exists and can be written to"
        raise ImagineError(message, field="output")
    return path


def _with(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)
