"""What a `Work` without evaluations is, whatever it makes of its picture: once it is prepared, it is developed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...pictures import images
from ...words.errors import BadRequest
from ..families.loaded_model import LoadedModel
from ..parts.part import spare
from .ledger import Ledger
from .work import Take

Own = TypeVar("Own", bound=LoadedModel)


class Undenoised(Generic[Own]):
    """The half of one that doesn't depend on what is made."""

    alone, bucket, area, painted = True, 1, 0.0, 1.0
    clean: Tensor | None = None

    def __init__(self, ledger: Ledger, own: Own, environment: Callable[[], dict[str, Any]]) -> None:
        """`own` is its model; `environment`: what decides bits beside the recipe."""
        self.ledger, self.own, self._environment = ledger, own, environment
        self._source: Image.Image | None = None

    @property
    def source(self) -> Image.Image:
        assert self._source is not None, "the picture is not prepared"
        return self._source

    @property
    def prepared(self) -> bool:
        return self._source is not None

    @property
    def denoised(self) -> bool:
        return self.prepared

    @property
    def model(self) -> str:
        return self.ledger.models[0]

    def given(self) -> Image.Image:
        """The picture that came. Raises BadRequest where none did, BadPicture."""
        data = self.ledger.submit.img
        if data is None:
            raise BadRequest(message("value.missing", "img", allowed=message("allowed.text")))
        return images.decode(data, field="img")

    def evaluate(self, _: Sequence[Undenoised[Own]], bucket: int) -> Sequence[Take] | None:
        raise AssertionError(f"nothing is denoised, in a bucket of {bucket} or any other")

    def took(self, seconds: float) -> float | None:
        return seconds

    def spare(self) -> Message | None:
        return spare(self.own)

    def close(self) -> None:
        pass
