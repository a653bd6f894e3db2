"""A picture of which only a map is made: nothing is painted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...pictures import images
from ...pictures.masks import read_mask
from ...words.errors import BadRequest
from ...words.frames import MapWish
from ...words.preprocessors import options_of
from ..families.mapper import Mapper
from ..parts.part import spare
from ..parts.slices import Slices, in_one
from .batch_key import BatchKey
from .canvas import Canvas
from .ledger import Ledger
from .placement import PixelSize, placement
from .work import MadeMap, Take


class Preprocessing:
    """A `Work` without evaluations: once it is prepared, it is developed."""

    alone, bucket, area = True, 1, 0.0
    clean: Tensor | None = None
    step, steps = 0, 1

    def __init__(self, ledger: Ledger, mapper: Mapper, environment: Callable[[], dict[str, Any]]) -> None:
        """`environment`: what decides bits beside the recipe."""
        self.ledger, self.own = ledger, mapper
        self._environment = environment
        self._source: Image.Image | None = None
        self._mask: Image.Image | None = None

    @property
    def wish(self) -> MapWish:
        wish = self.ledger.submit.mapping
        assert wish is not None, "no map is wanted"
        return wish

    @property
    def prepared(self) -> bool:
        return self._source is not None

    @property
    def denoised(self) -> bool:
        return self.prepared

    @property
    def size(self) -> PixelSize:
        return self.ledger.params.width, self.ledger.params.height

    @property
    def canvas(self) -> Canvas:
        return Canvas(*self.size, self.size, self.size)

    @property
    def model(self) -> str:
        return self.ledger.models[0]

    @property
    def key(self) -> BatchKey:
        return BatchKey(self.model, (0, *self.size), "preprocessor")

    def remaining(self, _: float | None) -> float | None:
        return None

    def prepare(self) -> Slices[None]:
        return in_one(self._prepare)

    def _prepare(self) -> None:
        submit, params = self.ledger.submit, self.ledger.params
        if submit.img is None:
            raise BadRequest(message("value.missing", "img", allowed=message("allowed.text")))
        picture = images.decode(submit.img, field="img")
        placed = placement(picture.size, self.size, params.resize)
        if submit.mask is not None:
            mask = read_mask(images.decode(submit.mask, field="mask"))
            self.ledger.warn(*mask.notes)
            self._mask = placed.lay(mask.values)
        self._source = placed.lay(picture)

    def evaluate(self, _: Sequence[Preprocessing], bucket: int) -> Sequence[Take] | None:
        raise AssertionError(f"nothing is denoised, in a bucket of {bucket} or any other")

    def took(self, seconds: float) -> float | None:
        return seconds

    def spare(self) -> Message | None:
        return spare(self.own)

    def close(self) -> None:
        pass

    def develop(self) -> Slices[MadeMap]:
        return self.ledger.timing("mapping", self._mapped())

    def _mapped(self) -> Slices[MadeMap]:
        assert self._source is not None, "the picture is not prepared"
        made = yield from self.own.map(self._source, self.wish.preprocess, self.wish.options, self._mask)
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
