"""The references of one picture: seen once, and laid out for each pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...words.frames import Submit
from ..execution.additions import Addition
from ..families.family import Conditioning, Family, Timeline
from ..parts.rows import Rows
from ..parts.slices import Slices
from ..references.beside_latents import NONE_SEEN, own_pictures, seen_pictures
from ..references.opened import OpenReferences
from ..references.references import NO_REFERENCES
from ..references.shown import NO_PICTURES, shown_pictures
from .canvas import Canvas, pixels_from_picture
from .passes import Encode


class Referring:
    """None are there before `open`."""

    def __init__(self, submit: Submit, files: OpenReferences) -> None:
        self._submit, self._files = submit, files
        self._references, self._shown, self._seen = NO_REFERENCES, NO_PICTURES, NONE_SEEN

    def open(self, family: Family, encode: Encode, *, sided: bool) -> Slices[Sequence[Message]]:
        """Have what the denoiser attends to, or is shown, ready, for guidance that has a negative side or not; gives
        what is to be told of it.

        Raises BadPicture, BadRequest, Unsupported, UnusableModel, ModelChanged.
        """
        self._references = yield from self._files.of(self._submit, family, sided=sided)
        if (seen_as := family.seen_as) is not None:

            def latents(picture: Image.Image) -> Slices[Tensor]:
                return encode(pixels_from_picture(picture))

            self._seen = yield from seen_pictures(self._submit, seen_as, latents)
        else:
            self._shown = yield from shown_pictures(self._submit, family.embedder)
        return self._seen.warnings

    def heard(self, family: Family) -> Slices[tuple[Image.Image, ...]]:
        """Those that prompts are heard beside, at whatever steps the denoiser sees them, as they are heard. Raises
        BadPicture, BadRequest, Unsupported."""
        pictures = list[Image.Image]()
        if family.heard_as is not None:
            for _, picture in own_pictures(self._submit):
                pictures.append(family.heard_as(picture))
                yield
        return tuple(pictures)

    def lay(self, canvas: Canvas, downscale: int, steps: int) -> Sequence[Message]:
        """Lay their masks out for a pass of so many of the user's steps; gives what is to be told of it."""
        self._references = self._references.laid(canvas, downscale)
        counting = [(group.name, group.holds) for group in self._references.groups]
        own = [picture.counts for picture in self._shown.pictures] + [seen.counts for seen in self._seen.pictures]
        counting += [(self._submit.params.model, counts) for counts in own]
        never = [name for name, counts in counting if not any(counts(at, steps) for at in range(steps))]
        return [message("image_adapter.no_step", "references", name=name, steps=steps) for name in never if steps]

    def told(self, prompts: Timeline, steps: int) -> Timeline:
        """A pass's conditioning with the pictures that the denoiser is shown at its steps."""
        words = any(group.words is not None for group in self._references.groups)
        if not self._shown.pictures and not self._seen.pictures and not words:
            return prompts
        parts: list[tuple[int, Conditioning]] = []
        before: tuple[Conditioning, Tensor | None, Rows, Tensor | None] | None = None
        for step in range(max(1, steps)):
            at = step, max(1, steps)
            here = prompts.at(step), self._shown.at(*at), self._seen.at(*at), self._references.words_at(*at)
            if before is not None and all(one is other for one, other in zip(here, before, strict=True)):
                parts[-1] = (step + 1, parts[-1][1])
            else:
                parts.append((step + 1, _showing(*here)))
            before = here
        return Timeline(parts)

    def at(self, step: int, steps: int) -> Sequence[Addition]:
        """What is there at one of the user's steps of the pass."""
        return self._references.at(step, steps)


def _showing(conditioning: Conditioning, told: Tensor | None, seen: Rows, words: Tensor | None) -> Conditioning:
    """With what the denoiser sees of pictures, or hears as words, on every side, and what it is told of them on all but
    the negative one."""

    def beside(rows: Rows) -> Rows:
        heard = rows if words is None else {**rows, "context": torch.cat([rows["context"], words], 1)}
        return {**heard, **seen}

    if seen or words is not None:
        negative = conditioning.negative
        conditioning = replace(
            conditioning, positive=beside(conditioning.positive), negative=negative and beside(negative),
            joined=tuple(map(beside, conditioning.joined)),
        )  # fmt: skip
    if told is None:
        return conditioning

    def showing(rows: Rows) -> Rows:
        return {**rows, "shown": told.to(rows["shown"])}

    return replace(
        conditioning, positive=showing(conditioning.positive), joined=tuple(map(showing, conditioning.joined))
    )
