"""A picture in the making: all that the engine asks of one, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, Self

from PIL import Image
from torch import Tensor

from ...messages import Message
from ..families.loaded_model import LoadedModel
from ..parts.slices import Slices
from .batch_key import BatchKey
from .canvas import Canvas
from .ledger import Ledger
from .placement import PixelSize

Take = Callable[[], bool]
"""Has a picture take its evaluation's answer; says whether one of the user's steps was completed."""


class OnDisk(NamedTuple):
    """A finished picture that lies in the file that was named for it."""

    meta: dict[str, Any]
    """What it carries."""
    source: Image.Image
    """What is to be seen in it, at the size that it was enlarged from."""


class MadeMap(NamedTuple):
    """A finished map: no recipe makes it."""

    picture: Image.Image
    meta: dict[str, Any]
    """What it carries."""


class Work(Protocol):
    """The engine has it `prepare`, then `evaluate` until it is `denoised`, then `develop`, which gives the picture or
    begins a second pass. Knows no other, and never loops.
    """

    ledger: Ledger
    """What is asked, and what was spent."""

    @property
    def prepared(self) -> bool:
        """It can be evaluated. What is said below holds from then on, save `area`, `spare` and `close`."""

    @property
    def denoised(self) -> bool:
        """No evaluation is left, of this pass."""

    @property
    def area(self) -> float:
        """Pixels of the largest picture that its VAE works on, next or later; 0 where that is none yet."""

    @property
    def own(self) -> LoadedModel:
        """That of `params.model`."""

    @property
    def model(self) -> str:
        """The identity of the model of the next evaluation."""

    @property
    def key(self) -> BatchKey:
        """Those of equal keys can be evaluated together."""

    @property
    def alone(self) -> bool:
        """Never together with others, whatever their keys."""

    @property
    def bucket(self) -> int:
        """The bucket of the next evaluation of one that is `alone`."""

    @property
    def canvas(self) -> Canvas:
        """Of the pass that runs."""

    @property
    def size(self) -> PixelSize:
        """The requested size, without what a second pass adds; where that paints nothing, the result's."""

    @property
    def clean(self) -> Tensor | None:
        """The clean latents that the last evaluation predicted, which a preview shows; None where there are none."""

    @property
    def step(self) -> int:
        """How many of the user's steps are done, both passes counted."""

    @property
    def steps(self) -> int:
        """The user's steps, both passes counted."""

    @property
    def painted(self) -> float:
        """How much of the denoising of this pass is done, 0…1."""

    def remaining(self, seconds: float | None) -> float | None:
        """Seconds to the end of its last step, at so many for an evaluation; None where that isn't known."""

    def prepare(self) -> Slices[None]:
        """Encode prompts and pictures, and set the first pass up.

        Raises BadRequest or Unsupported, naming the field.
        """

    def evaluate(self, together: Sequence[Self], bucket: int) -> Sequence[Take] | None:
        """An evaluation of all of `together`, which are of this one's key and begin with it, padded to `bucket`.

        For each what has it take its answer: one that fails in that harms no other. None when memory ran out, and
        nothing was taken.
        """

    def took(self, seconds: float) -> float | None:
        """What the evaluation took whose last turn took so long; None while it goes on."""

    def develop(self) -> Slices[Image.Image | OnDisk | MadeMap | None]:
        """The picture; None when it was the first of two passes, and the second is set up."""

    def spare(self) -> Message | None:
        """Have its models give memory back; says what was done, None when nothing is left to give."""

    def close(self) -> None:
        """Nobody wants its picture any more."""
