"""Pictures that a model is shown by an image encoder of its own: seen once, and told to its denoiser beside the
timestep, at those of a pass's steps at which they count.

Several are told as one: the mean of their embeddings by their strengths. A strength below 1 tells less of it, down to
zeros, which are what the denoiser is told of no picture at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ...messages import message
from ...words.errors import Unsupported
from ...words.frames import Submit
from ...words.recipe import Reference
from ..parts.picture_embedder import PictureEmbedder
from ..parts.slices import Slices
from .looks import picture_of, seeded
from .references import counts_at


@dataclass(frozen=True)
class ShownPicture:
    """One, as it was seen."""

    said: Reference
    embedding: Tensor
    """(1, width)"""
    noise: Tensor
    """Of the same shape, the seed's: a part of it is mixed in."""

    def counts(self, step: int, steps: int) -> bool:
        """At that of so many steps, from 0?"""
        return counts_at(self.said.start, self.said.end, step, steps)


@dataclass(frozen=True)
class ShownPictures:
    """Those of one picture in the making, in the recipe's order."""

    pictures: Sequence[ShownPicture] = ()
    embedder: PictureEmbedder | None = None

    def at(self, step: int, steps: int) -> Tensor | None:
        """What the denoiser is told at a step of a pass, from 0: (1, width), the same tensor where it is the same;
        None for no picture."""
        counting = tuple(number for number, each in enumerate(self.pictures) if each.counts(step, steps))
        if not counting:
            return None
        if counting not in self._known:
            self._known[counting] = self._told([self.pictures[number] for number in counting])
        return self._known[counting]

    @cached_property
    def _known(self) -> dict[tuple[int, ...], Tensor]:
        """By which pictures they are of."""
        return {}

    def _told(self, pictures: Sequence[ShownPicture]) -> Tensor:
        assert self.embedder is not None, "there are no pictures without"
        strengths = [each.said.strength for each in pictures]
        total = sum(strengths)
        shares = [(strength / total, each) for strength, each in zip(strengths, pictures, strict=True)]
        embedding = torch.stack([share * each.embedding for share, each in shares]).sum(0)
        amount = sum(share * each.said.noise for share, each in shares)
        return self.embedder.told(embedding, min(1.0, amount), pictures[0].noise) * (total / len(pictures))


NO_PICTURES = ShownPictures()


def shown_pictures(submit: Submit, embedder: PictureEmbedder | None) -> Slices[ShownPictures]:
    """The references of a job that its model attends to itself. Raises BadPicture, BadRequest, Unsupported."""
    pictures: list[ShownPicture] = []
    for number, (use, said) in enumerate(zip(submit.references, submit.params.references, strict=True)):
        if use.component is not None or not said.strength:
            continue
        field = f"references.{number}"
        if embedder is None:
            raise Unsupported(message("image_adapter.own", field))
        picture, how = picture_of(use, said, field)
        embedding = yield from embedder.see(picture, how)
        noise = seeded(submit.params.seed, number, 0, tuple(embedding.shape))
        pictures.append(ShownPicture(said, embedding, noise))
    return ShownPictures(pictures, embedder) if pictures else NO_PICTURES
