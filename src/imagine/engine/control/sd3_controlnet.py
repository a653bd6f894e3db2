"""ControlNet of Stable Diffusion 3 and 3.5: the first blocks of such a transformer over again, or plain ones that see
no text, which see a map's latents beside the picture's (InstantX 2024; Stability AI 2024).

What it makes of the map alone is made once. Numbers and their order are those of diffusers' `SD3ControlNetModel`,
`StableDiffusion3ControlNetPipeline` and `StableDiffusion3ControlNetInpaintingPipeline` (0.42, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Identity, Module
from torch.nn.functional import conv2d

from ...messages import message
from ...words.errors import Unsupported
from ..execution.execution import Inputs
from .block_residuals import Behind, BlockResiduals
from .control_network import DOWNSCALE, NO_LAYERS, SeenMap, as_they_are, kept_of
from .controlnet import FileCheck

ForVae = Callable[[Tensor], Tensor]
POOLED = "pooled_projections"


def negative(pixels: Tensor) -> Tensor:
    """Stability's net for depth was trained on maps in which what is near is dark (ComfyUI turns them as well)."""
    return -as_they_are(pixels)


def bright(pixels: Tensor) -> Tensor:
    """Stability's net for edges was trained on values that were left in 0…255 and halved (`sd3_infer.py`)."""
    return pixels.clamp(min=0) * 255 * 0.5 + 0.5


class Places:
    """How a transformer embeds latents, for networks without an embedding of their own: its patches, at its places.

    Wherever that waits: only what is used of it comes along.
    """

    def __init__(self, embedding: Any) -> None:
        self._embedding = embedding

    def __repr__(self) -> str:
        """One for each embedding: networks are kept by it, and whoever has such a network has the embedding."""
        return f"Places({id(self._embedding)})"

    def __call__(self, latents: Tensor) -> Tensor:
        """(rows, C, h, w) to (rows, tokens, width)."""
        embedding, like = self._embedding, {"device": latents.device, "dtype": latents.dtype}
        patches, size = embedding.proj, embedding.patch_size
        made = conv2d(latents, patches.weight.to(**like), patches.bias.to(**like), stride=size).flatten(2).mT
        places: Tensor = embedding.cropped_pos_embed(*latents.shape[2:]).to(latents.device)
        return (made + places).to(latents.dtype)


class SD3ControlNet:
    """A `ControlNetwork` of an `SD3ControlNetModel`."""

    convolving = NO_LAYERS

    def __init__(
        self, module: Any, check: FileCheck, *, blocks: int, pooled: bool, shifted: bool, pixels: ForVae = as_they_are,
        places: Places | None = None,
    ) -> None:  # fmt: skip
        """Beside a transformer of so many `blocks`. `pooled`: it is told the pooled text, else zeros in its place.
        `shifted`: what encoding takes off latents is taken off the map's. `pixels`: what the VAE is to encode of a
        map's. `places`: how latents are embedded for it; None: it does so itself."""
        self.check, self.for_vae, self._module = check, pixels, module
        self._blocks, self._pooled, self._shifted, self._places = blocks, pooled, shifted, places
        self._encoder: Module = module.pos_embed_input
        self._masked = bool(module.config.extra_conditioning_channels)
        module.pos_embed_input = Identity()
        weight = module.controlnet_blocks[0].weight
        self._device, self._dtype = weight.device, weight.dtype

    @torch.inference_mode()
    def hint(self, seen: SeenMap, _kind: str) -> Tensor:
        """Raises Unsupported for a map that it has no places for."""
        latents = seen.latents
        assert latents is not None
        self._check_places(max(seen.pixels.shape[2:]))
        if not self._shifted:
            latents = latents + seen.shift
        if self._masked:
            latents = torch.cat([latents, kept_of(seen.pixels).to(latents)], 1)
        made: Tensor = self._encoder(latents.to(self._device, self._dtype))
        return made

    def _check_places(self, side: int) -> None:
        config = self._module.config
        most = (config.pos_embed_max_size or 0) * config.patch_size * DOWNSCALE
        if self._places is None and side > most:
            raise Unsupported(message("control.places", "control", value=side, most=most))

    def residuals(self, asked: Inputs, hint: Tensor, strength: float, _sided: bool, /) -> BlockResiduals:
        latents, timesteps, context, added = asked
        assert added is not None
        pooled = added[POOLED] if self._pooled else torch.zeros_like(added[POOLED])
        made: list[Tensor] = self._module(
            hidden_states=latents if self._places is None else self._places(latents),
            controlnet_cond=hint,
            conditioning_scale=strength,
            encoder_hidden_states=None if self._module.context_embedder is None else context,
            pooled_projections=pooled,
            timestep=timesteps,
            return_dict=False,
        )[0]
        # Behind the last block, which hands on no text, nothing is added.
        each = [made[int(block / (self._blocks / len(made)))] for block in range(self._blocks - 1)]
        return BlockResiduals((Behind("transformer_blocks", each),))
