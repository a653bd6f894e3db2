"""A picture that is only enlarged: nothing of it is painted. It goes strip by strip into its file."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from ...messages import message
from ...pictures.strip_file import StripFile
from ...words.errors import ImagineError
from ...words.recipe import Hires
from ..families.enlarger import Enlarger
from ..parts.slices import Slices, in_one
from ..parts.strips import Strip, bands, enlarged_size
from .batch_key import BatchKey
from .canvas import Canvas
from .ledger import Ledger
from .placement import PixelSize
from .undenoised import Undenoised
from .work import OnDisk


class Enlarging(Undenoised[Enlarger]):
    """A `Work` without evaluations."""

    def __init__(self, ledger: Ledger, enlarger: Enlarger, environment: Callable[[], dict[str, Any]]) -> None:
        super().__init__(ledger, enlarger, environment)
        self._rows = 0
        self._began: float | None = None

    @property
    def hires(self) -> Hires:
        hires = self.ledger.params.hires
        assert hires is not None, "nothing is to be enlarged"
        return hires

    @property
    def size(self) -> PixelSize:
        return enlarged_size(self.source.size, self.hires.scale)

    @property
    def canvas(self) -> Canvas:
        return Canvas(*self.size, self.size, self.size)

    @property
    def key(self) -> BatchKey:
        return BatchKey(self.model, (0, *self.source.size), "upscaler")

    @property
    def step(self) -> int:
        return self._rows * self.steps // self.size[1]

    @property
    def steps(self) -> int:
        return self.own.steps(self.source.size, self.size, tiled=self.ledger.tiled)

    def remaining(self, _: float | None) -> float | None:
        """By the seconds that passed for what is done."""
        if self._began is None or not self._rows:
            return None
        return (time.monotonic() - self._began) * (self.size[1] / self._rows - 1)

    def prepare(self) -> Slices[None]:
        return in_one(self._prepare)

    def _prepare(self) -> None:
        self._source = self.given()
        if (note := self.own.note(self.source.size, self.size)) is not None:
            self.ledger.warn(note)

    def develop(self) -> Slices[OnDisk]:
        return self.ledger.timing("upscaling", self._written())

    def _written(self) -> Slices[OnDisk]:
        """Begun anew, it overwrites what it wrote."""
        enlargement = self.ledger.submit.enlargement
        assert enlargement is not None, "it goes into a file"
        meta, self._rows, self._began = self._meta(enlargement.meta), 0, time.monotonic()
        try:
            with Path(enlargement.path).open("r+b") as file:
                file.truncate()
                png = StripFile(file, self.size, self.source.mode, meta)
                for strip in self.own.strips(self.source, self.size, tiled=self.ledger.tiled):
                    yield from () if strip is None else self._add(png, strip)
                    yield
                png.end()
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            raise ImagineError(message("upscaler.unwritten", why=why)) from error
        return OnDisk(meta, self.source)

    def _add(self, png: StripFile, strip: Strip) -> Slices[None]:
        for top, bottom in bands(len(strip)):
            png.write(Image.fromarray(strip[top:bottom]))
            self._rows += bottom - top
            yield

    def _meta(self, source: dict[str, Any]) -> dict[str, Any]:
        """The source's recipe, and what enlarged it: after others that did, where it was enlarged before."""
        model, params = self.ledger.submit.model, self.ledger.params
        done: dict[str, Any] = {"upscaler": model.name, "scale": self.hires.scale, "img": params.img}
        if model.digest:
            done["digest"] = model.digest
        done["environment"] = self._environment() | ({"tiles": True} if self.ledger.tiled else {})
        return source | {"upscaled": [*source.get("upscaled", []), done]}
