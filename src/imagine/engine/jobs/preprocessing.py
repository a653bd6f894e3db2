"""A picture of which only a map is made: nothing is painted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image

from ...pictures import images
from ...pictures.masks import read_mask
from ...words.frames import MapWish
from ...words.preprocessors import options_of
from ..families.mapper import Mapper
from ..parts.slices import Slices, in_one
from .batch_key import BatchKey
from .canvas import Canvas
from .ledger import Ledger
from .placement import PixelSize, placement
from .undenoised import Undenoised
from .work import MadeMap


class Preprocessing(Undenoised[Mapper]):
    """A `Work` without evaluations."""

    step, steps = 0, 1

    def __init__(self, ledger: Ledger, mapper: Mapper, environment: Callable[[], dict[str, Any]]) -> None:
        super().__init__(ledger, mapper, environment)
        self._mask: Image.Image | None = None

    @property
    def wish(self) -> MapWish:
        wish = self.ledger.submit.mapping
        assert wish is not None, "no map is wanted"
        return wish

    @property
    def size(self) -> PixelSize:
        return self.ledger.params.width, self.ledger.params.height

    @property
    def canvas(self) -> Canvas:
        return Canvas(*self.size, self.size, self.size)

    @property
    def key(self) -> BatchKey:
        return BatchKey(self.model, (0, *self.size), "preprocessor")

    def remaining(self, _: float | None) -> float | None:
        return None

    def prepare(self) -> Slices[None]:
        return in_one(self._prepare)

    def _prepare(self) -> None:
        submit, params = self.ledger.submit, self.ledger.params
        picture = self.given()
        placed = placement(picture.size, self.size, params.resize)
        if submit.mask is not None:
            mask = read_mask(images.decode(submit.mask, field="mask"))
            self.ledger.warn(*mask.notes)
            self._mask = placed.lay(mask.values)
        self._source = placed.lay(picture)

    def develop(self) -> Slices[MadeMap]:
        return self.ledger.timing("mapping", self._mapped())

    def _mapped(self) -> Slices[MadeMap]:
        made = yield from self.own.map(self.source, self.wish.preprocess, self.wish.options, self._mask)
        return MadeMap(made, {"preprocessed": self._meta()})

    def _meta(self) -> dict[str, Any]:
        """What the map says of how it was made."""
        params, wish, model = self.ledger.params, self.wish, self.ledger.submit.model
        told: dict[str, Any] = {"preprocess": wish.preprocess, "img": params.img}
        if options := options_of(wish.preprocess, wish.options):
            told["options"] = options
        if params.mask is not None:
            told["mask"] = params.mask
        if model.digest:
            told |= {"model": model.name, "digest": model.digest}
        size = {"width": params.width, "height": params.height, "resize": params.resize}
        return told | size | {"environment": self._environment()}
