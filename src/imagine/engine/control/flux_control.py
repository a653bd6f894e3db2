"""ControlNets of FLUX.1: some of its blocks over again, which see a map beside the latents, and whose answers are added
behind the model's own blocks.

InstantX', Shakker Labs' and jasperai's see the map as the model's VAE encodes it, XLabs' by convolutions of their own;
unions are told the kind of map by one more token of text; alimama's, which paint, see where the map has a hole.
Numbers, and which answer goes behind which blocks, are those of diffusers' `FluxControlNetPipeline` (0.42, Apache-2.0),
but that each side of guidance is seen with its own text; the hole's are those of the pipeline that alimama published
(https://github.com/alimama-creative/FLUX-Controlnet-Inpainting).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...messages import message
from ...words.errors import BadRequest
from ...words.map_words import union_kinds
from ..execution.execution import Inputs
from ..execution.packing import packed, places
from .block_residuals import Behind, BlockResiduals
from .control_network import NO_LAYERS, SeenMap, as_they_are, kept_of
from .controlnet import FileCheck

_STEPS = 1000
"""The timestep of pure noise."""
_GUIDANCE = 3.5
"""What one that is told its guidance hears beside a model that has none to tell: what these were trained with."""
_KINDS = union_kinds("flux")


class FluxControl:
    """A `ControlNetwork` of a `FluxControlNetModel`."""

    convolving = NO_LAYERS

    def __init__(self, module: Any, check: FileCheck, *, blocks: Mapping[str, int], masked: bool) -> None:
        """`blocks`: how many the denoiser has, by the names of its lists. `masked`: it sees which latents of its map
        are kept."""
        self.check, self.module, self._masked = check, module, masked
        self._double, self._single = blocks["transformer_blocks"], blocks["single_transformer_blocks"]
        self._encoder, module.input_hint_block = module.input_hint_block, None
        weight = module.x_embedder.weight
        self._device, self._dtype = weight.device, weight.dtype

    def for_vae(self, pixels: Tensor) -> Tensor | None:
        return None if self._encoder is not None else as_they_are(pixels)

    @torch.inference_mode()
    def hint(self, seen: SeenMap, kind: str) -> tuple[Tensor, int | None]:
        """Its tokens, (1, tokens, width), and the number of its kind. Raises BadRequest for a union that knows none
        such."""
        mode = self._mode(kind) if self.module.union else None
        latents = seen.latents
        if self._encoder is not None:
            latents = self._encoder(as_they_are(seen.pixels).to(self._device, self._dtype))
        assert latents is not None, "encoded, where it has no encoder of its own"
        if self._masked:
            latents = torch.cat([latents, kept_of(seen.pixels).to(latents)], 1)
        return packed(latents.to(self._device, self._dtype)), mode

    def _mode(self, kind: str) -> int:
        modes = self.module.config.num_mode
        number = _KINDS.get(kind, modes)
        if number >= modes:
            known = ", ".join(name for name, place in _KINDS.items() if place < modes)
            raise BadRequest(message("control.union", "control", value=kind, names=known))
        return number

    def residuals(
        self, asked: Inputs, hint: tuple[Tensor, int | None], strength: float, _sided: bool, /
    ) -> BlockResiduals:
        (latents, timesteps, context, added), (tokens, mode) = asked, hint
        assert added is not None
        sides, (height, width), device = len(latents), latents.shape[2:], latents.device
        told = added.get("guidance", timesteps.new_full((sides,), _GUIDANCE))
        double, single = self.module(
            hidden_states=packed(latents),
            controlnet_cond=tokens,
            controlnet_mode=None if mode is None else torch.full((sides, 1), mode, device=device),
            conditioning_scale=strength,
            encoder_hidden_states=context,
            pooled_projections=added["pooled"],
            timestep=timesteps.to(latents.dtype) / _STEPS,
            img_ids=places(height, width, device),
            txt_ids=torch.zeros(context.shape[1], 3, device=device),
            guidance=told if self.module.config.guidance_embeds else None,
            return_dict=False,
        )
        repeats = self._encoder is not None  # as XLabs trained theirs
        return BlockResiduals(
            (
                Behind("transformer_blocks", _spread(double or (), self._double, repeats=repeats)),
                Behind("single_transformer_blocks", _spread(single or (), self._single, repeats=False)),
            )
        )


def _spread(answers: Sequence[Tensor], blocks: int, *, repeats: bool) -> Sequence[Tensor]:
    """Of few answers the one for each of the blocks: each for several that follow each other, or all of them again and
    again where it `repeats`."""
    if not answers:
        return ()
    several = -(-blocks // len(answers))
    return [answers[block % len(answers) if repeats else block // several] for block in range(blocks)]
