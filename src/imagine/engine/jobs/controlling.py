"""The controls of one picture: their networks opened, their maps made once and laid out for each pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...pictures import images
from ...pictures.crops import flattened
from ...pictures.masks import HALF
from ...words.errors import BadRequest, Unsupported
from ...words.frames import Submit
from ...words.model import ControlUse
from ...words.preprocessors import NONE, PREPROCESSORS
from ...words.recipe import Control, Resize
from ..adapters.adapter import Beside
from ..adapters.shown_map import ShownMap
from ..control.control_network import ControlNetwork, SeenMap, as_they_are
from ..control.controls import LaidControl, additions_at
from ..control.open_controls import OpenControls
from ..execution.additions import Addition
from ..execution.packing import packed
from ..execution.wrapping import wrapped
from ..families.family import Family
from ..families.mapper import Mapper
from ..parts.slices import Slices
from .canvas import Canvas
from .passes import Encode
from .placement import edge_padded, placement


@dataclass(frozen=True)
class _Guide:
    """A control of the picture: its map, how that comes to a canvas, and the network that sees it."""

    control: Control
    network: ControlNetwork | None
    """None: the model's own denoiser does."""
    map: Image.Image
    """RGB, or RGBA where it is transparent what is to be painted."""
    resize: Resize


class Controlling:
    """None are there before `open`, and none is laid out before `lay`."""

    def __init__(self, submit: Submit, networks: OpenControls, mappers: Mapping[str, Mapper]) -> None:
        """`mappers` are those of the `submit`'s models that make maps, by their identity."""
        self._mappers = mappers
        self._uses = list(zip(submit.controls, submit.params.control, strict=True))
        self._networks = networks
        self._guides: list[_Guide] = []
        self._laid: list[LaidControl] = []
        self._shift = 0.0
        """What the model's VAE takes off latents."""
        self._model = submit.params.model
        self._own: Tensor | None = None
        self._seeing: Sequence[tuple[Beside, float]] = ()
        self._shown: tuple[ShownMap, ...] = ()

    def open(self, family: Family, canvas: Canvas, seeing: Sequence[tuple[Beside, float]]) -> Slices[None]:
        """Open them beside the picture's model, and make their maps, for the canvas of its first pass; but for those of
        no strength. `seeing` is what its adapters have the model's own denoiser see a map by.

        Raises BadPicture, BadRequest, Unsupported, UnusableModel, ModelChanged.
        """
        self._guides, self._seeing = [], seeing
        for number, (use, control) in enumerate(self._uses):
            if not control.strength:
                continue
            self._shift = family.latent_shift
            network = None
            if use.component is not None:
                network = yield from self._networks.network(use, control.model, family)
            elif not (family.takes_map or seeing):
                raise Unsupported(message("control.family", "control"))
            made, resize = yield from self._map(use, control, canvas, f"control.{number}.image")
            self._guides.append(_Guide(control, network, made, resize))

    def _map(self, use: ControlUse, control: Control, canvas: Canvas, field: str) -> Slices[tuple[Image.Image, Resize]]:
        """A control's map, and how it comes to a canvas. One that is given keeps its size, for a larger pass."""
        picture = images.decode(use.image, field=field)
        yield
        if control.preprocess == NONE:
            return flattened(picture), control.resize
        if use.preprocessor is None and not PREPROCESSORS[control.preprocess].alone:
            raise Unsupported(message("control.preprocess", "control", value=control.preprocess))
        mapper = Mapper(None) if use.preprocessor is None else self._mappers[use.preprocessor.identity]
        placed = placement(picture.size, canvas.inner, control.resize).lay(picture)
        mask = canvas.mask and canvas.mask.resize(canvas.inner, Image.Resampling.BOX)
        return (yield from mapper.map(placed, control.preprocess, control.options, mask)), "stretch"

    def lay(self, canvas: Canvas, encode: Encode, steps: int) -> Slices[Sequence[Message]]:
        """Lay the maps out for a pass of so many of the user's steps, and have their networks see them, some as the
        model's VAE has them encoded; gives what is to be told of it."""
        notes, self._laid, self._own, self._shown = list[Message](), [], None, ()
        for guide in self._guides:
            control = guide.control
            seen = SeenMap(_pixels(guide, canvas))
            if guide.network is None:
                self._own = yield from encode(as_they_are(seen.pixels))
                continue
            if (coded := guide.network.for_vae(seen.pixels)) is not None:
                seen = seen._replace(latents=(yield from encode(coded)), shift=self._shift)
            with wrapped(*guide.network.convolving) if canvas.wraps else nullcontext():
                hint = guide.network.hint(seen, control.type or control.preprocess)
            laid = LaidControl(guide.network, hint, control.strength, control.start, control.end)
            self._laid.append(laid)
            if steps and not any(laid.is_at(step, steps) for step in range(steps)):
                notes.append(message("control.no_step", "control", name=control.model, steps=steps))
            yield
        if self._seeing:
            self._shown = (ShownMap(self._seeing, packed(self.own_map)),)
        return notes

    @property
    def own_map(self) -> Tensor:
        """The latents, (1, C, h, w), of the map that the model's own denoiser sees in this pass. Raises BadRequest
        where there is none."""
        if self._own is None:
            raise BadRequest(message("control.own", "control", name=self._model))
        return self._own

    def at(self, step: int, steps: int, *, sided: bool) -> Sequence[Addition]:
        """What is there at one of the user's steps of the pass, which is `sided` where it has a negative prompt."""
        return (*self._shown, *additions_at(self._laid, step, steps, sided=sided))

    def check(self) -> None:
        """Raises ModelChanged where somebody wrote into their files while they were drawn with."""
        for guide in self._guides:
            if guide.network is not None:
                guide.network.check()


def _pixels(guide: _Guide, canvas: Canvas) -> Tensor:
    """The map as it is denoised, (1, 3, H, W) in 0…1; −1 where it is transparent."""
    placed = placement(guide.map.size, canvas.inner, guide.resize).lay(guide.map)
    placed = edge_padded(placed, 0, 0, canvas.work[0] - canvas.inner[0], canvas.work[1] - canvas.inner[1])
    values = torch.from_numpy(np.asarray(placed, np.float32)).permute(2, 0, 1)[None] / 255
    if placed.mode != "RGBA":
        return values.contiguous()
    return torch.where(values[:, 3:] * 255 < HALF, -1.0, values[:, :3]).contiguous()
