"""A diffusers pipeline with no family of its own, run whole: from the prompt to the picture, one step at a time.

Less clever than a family (no batches, no second pass, the pipeline's own sampler), but it works on the day a model is
published.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ...families.memory import Way
from ...messages import Message, message
from ...words.errors import Unsupported
from ..device.offload import Offload
from ..parts.autoencoder import Autoencoder, Coded, set_tiles
from ..parts.part import Part, Stage
from ..parts.slices import Slices
from .run import Run, arguments_of

_CPU = torch.device("cpu")
_WAYS: Mapping[str, Way] = {"whole": "all", "networks": "stages", "layers": "layers"}
_SAMPLERS = {"FlowMatchEulerDiscreteScheduler": "euler"}
_NATIVE = 512
"""Of a pipeline that doesn't tell the side of the squares it was trained on."""


class Whole:
    """A loaded pipeline. What previews and residency ask of a family, it answers too: it is a part of its own."""

    key = None

    def __init__(self, pipeline: Any, device: torch.device = _CPU, room: int | None = None) -> None:
        """`room` is how many bytes of the device it may take; None: not known."""
        self.name = type(pipeline).__name__
        self._pipeline = pipeline
        self._offload = Offload(pipeline, device, room)
        self._tiled = False
        config = getattr(getattr(pipeline, "vae", None), "config", None)
        self.downscale = int(getattr(pipeline, "vae_scale_factor", 8))
        self._latent_channels = getattr(config, "latent_channels", None)
        self._autoencoder = _autoencoder(pipeline, apart=self._offload.way != "whole")
        self._offload.apply(pipeline)

    @property
    def nbytes(self) -> int:
        return self._offload.nbytes

    @property
    def in_main(self) -> int:
        return self._offload.in_main

    def parts(self, stage: Stage) -> Sequence[Part]:  # noqa: ARG002 - whichever it is
        """All of it, for whatever stage."""
        return (self,)

    def executed(self) -> Mapping[str, Any]:
        """As a family's: diffusers runs it, as torch does by itself."""
        return {}

    @property
    def spared(self) -> bool:
        """As any part's."""
        return self._tiled or self._offload.way != "whole"

    @property
    def visits(self) -> bool:
        """It has ways of its own (`device/offload.py`), of which it may take the next one."""
        return False

    @property
    def way(self) -> Way:
        """How it is held, in the planner's words."""
        return _WAYS[self._offload.way]

    @property
    def warning(self) -> Message | None:
        """What whoever asks for its pictures is told; None where there is nothing."""
        return self._offload.warning

    @property
    def dtype(self) -> str:
        return str(self._pipeline.dtype).removeprefix("torch.")

    @property
    def multiple(self) -> int:
        """Sides are multiples of so many pixels: a latent's, and as transformers take latents two by two."""
        return self.downscale * (2 if hasattr(self._pipeline, "transformer") else 1)

    @property
    def native(self) -> int:
        """The side, in pixels, of the squares it was trained on."""
        side = getattr(self._pipeline, "default_sample_size", None)
        if isinstance(side, int):
            return side * self.downscale
        network = getattr(self._pipeline, "unet", None) or getattr(self._pipeline, "transformer", None)
        side = getattr(getattr(network, "config", None), "sample_size", None)
        return side * self.downscale if isinstance(side, int) and side > 1 else _NATIVE

    @property
    def sampler(self) -> str:
        """Our name of what it steps by, "" where that is none of ours."""
        return _SAMPLERS.get(type(self._pipeline.scheduler).__name__, "")

    def accepts(self, argument: str) -> bool:
        """Does a text-to-image run take this argument?"""
        return argument in arguments_of(self._pipeline)

    def run(self, wanted: Mapping[str, Any]) -> Run:
        """Begin one picture. `wanted` holds arguments of diffusers' pipelines; `image` and `mask_image` choose the
        pipeline's variant. Raises Unsupported where it has none.
        """
        pipeline = copy.copy(self._variant(wanted))
        self._offload.apply(pipeline)
        # A scheduler holds the state of one run.
        pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
        pipeline.set_progress_bar_config(disable=True)
        known = arguments_of(pipeline)
        return Run(
            pipeline,
            {name: value for name, value in wanted.items() if name in known},
            pauses=self._offload.device.type == "cpu",
            # What is moved in inference mode could not be moved outside of it again.
            inference=self._offload.way == "whole",
        )

    def encode_picture(self, pixels: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        """As a family's."""
        if self._autoencoder is None:
            raise Unsupported(message("preview.none", "preview"))
        return self._autoencoder.encoding(pixels, tiled=tiled)

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        """As a family's."""
        if self._autoencoder is None:
            raise Unsupported(message("preview.none", "preview"))
        return self._autoencoder.decoding(latents, tiled=tiled)

    def shows(self, latents: Tensor | None) -> bool:
        """Are these latents of its VAE, and so can be shown?"""
        return (
            latents is not None
            and self._autoencoder is not None
            and latents.dim() == 4
            and latents.shape[1] == self._latent_channels
        )

    def spare(self) -> Message | None:
        """Have networks on an accelerator only while they work, then single layers, and the VAE work in tiles."""
        if not self._tiled:
            self._tiled = True
            vae: Any = getattr(self._pipeline, "vae", None)
            if hasattr(vae, "enable_tiling"):
                vae.enable_tiling()
                set_tiles(vae, self.native // self.downscale)
            return self._lowered() or message("memory.tiles")
        return self._lowered()

    def restore(self) -> None:
        """A pipeline that was moved stays where it is until it is opened again."""

    def at_work(self) -> AbstractContextManager[None]:
        """Hooks bring what works."""
        return nullcontext()

    def _lowered(self) -> Message | None:
        """Have less of it on the device; says so, None where all was given."""
        was = self._offload.way
        if not self._offload.lower():
            return None
        if was == "whole":
            self._pipeline.to("cpu")
            self._autoencoder = _autoencoder(self._pipeline, apart=True)
        self._offload.apply(self._pipeline)
        return self._offload.warning

    def _variant(self, wanted: Mapping[str, Any]) -> Any:
        """The pipeline of these components that takes the pictures that are given."""
        needed = [name for name in ("image", "mask_image") if name in wanted]
        if all(self.accepts(name) for name in needed):
            return self._pipeline
        # Here, since they import every pipeline that they choose from: most of a second of each worker's start.
        from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

        made = AutoPipelineForInpainting if "mask_image" in needed else AutoPipelineForImage2Image
        try:
            # The dtype is said because diffusers would otherwise cast all to float32.
            return made.from_pipe(self._pipeline, torch_dtype=self._pipeline.dtype)
        except ValueError:
            field = "mask" if "mask_image" in needed else "img"
            raise Unsupported(message("whole.no_place", field, pipeline=self.name)) from None


def _autoencoder(pipeline: Any, *, apart: bool) -> Autoencoder | None:
    """The VAE of a pipeline, for previews: itself, or where hooks move it about a copy `apart`, in main memory.

    Previews decode beside the steps. A hook would make room for it by moving what a step is using.
    """
    vae = getattr(pipeline, "vae", None)
    config = getattr(vae, "config", None)
    scale, shift = getattr(config, "scaling_factor", None), getattr(config, "shift_factor", None)
    if scale is None:
        return None
    vae = copy.deepcopy(vae).float() if vae is not None and apart else vae
    return Autoencoder(vae, scale=scale, shift=shift or 0.0)
