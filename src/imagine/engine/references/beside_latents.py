"""Pictures whose latents a denoiser sees beside those in the making, at those of a pass's steps at which they count.

How much of one it sees can't be said: it is there, or isn't. What is said of noise is mixed into its latents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...words.frames import Submit
from ...words.recipe import REFERENCE_STRENGTH, Reference
from ..parts.rows import REFERENCE, Rows
from ..parts.seen_sizes import SeenAs
from ..parts.slices import Slices
from .looks import picture_of, seeded
from .references import counts_at

EncodePicture = Callable[[Image.Image], Slices[Tensor]]
"""A picture to latents (1, C, h, w)."""


@dataclass(frozen=True)
class SeenPicture:
    """One, as it was seen."""

    said: Reference
    latents: Tensor
    """(1, C, h, w)"""

    def counts(self, step: int, steps: int) -> bool:
        """At that of so many steps, from 0?"""
        return counts_at(self.said.start, self.said.end, step, steps)


@dataclass(frozen=True)
class SeenPictures:
    """Those of one picture in the making, in the recipe's order."""

    pictures: Sequence[SeenPicture] = ()
    warnings: tuple[Message, ...] = ()

    def at(self, step: int, steps: int) -> Rows:
        """What the denoiser sees at a step of a pass, from 0: the same object where it is the same."""
        counting = tuple(number for number, each in enumerate(self.pictures) if each.counts(step, steps))
        rows = {f"{REFERENCE}{place}": self.pictures[number].latents for place, number in enumerate(counting)}
        return self._known.setdefault(counting, rows)

    @cached_property
    def _known(self) -> dict[tuple[int, ...], Rows]:
        """By which pictures they are."""
        return {}


NONE_SEEN = SeenPictures()


def own_pictures(submit: Submit) -> Iterator[tuple[int, Image.Image]]:
    """The references of a job that its model sees itself, RGB, with their numbers; each is decoded once it is asked
    for. Raises BadPicture, BadRequest, Unsupported."""
    both = enumerate(zip(submit.references, submit.params.references, strict=True))
    own = ((number, use, said) for number, (use, said) in both if use.component is None and said.strength)
    return ((number, picture_of(use, said, f"references.{number}")[0].convert("RGB")) for number, use, said in own)


def seen_pictures(submit: Submit, seen_as: SeenAs, encode: EncodePicture) -> Slices[SeenPictures]:
    """The references of a job that its model sees itself. Raises BadPicture, BadRequest, Unsupported."""
    pictures: list[SeenPicture] = []
    warnings: list[Message] = []
    for number, picture in own_pictures(submit):
        said = submit.params.references[number]
        latents = yield from encode(seen_as(picture))
        if said.noise:
            noise = seeded(submit.params.seed, number, 0, tuple(latents.shape)).to(latents)
            latents = torch.lerp(latents, noise, said.noise)
        if said.strength not in (1.0, REFERENCE_STRENGTH):
            warnings.append(message("reference.own_strength", "references", value=said.strength))
        pictures.append(SeenPicture(said, latents))
    return SeenPictures(pictures, tuple(warnings)) if pictures else NONE_SEEN
