"""ControlNets of Qwen-Image (InstantX 2025): some of its blocks over again, which see a map beside the latents, and
whose answers are added behind the model's own blocks, each behind several that follow each other.

Of one picture it hears the prompt alone: what it adds to that goes to the negative side as well. One that paints sees
where the map has a hole. Numbers are those of diffusers' `QwenImageControlNetModel`, `QwenImageControlNetPipeline` and
`QwenImageControlNetInpaintPipeline` (0.42, Apache-2.0).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..execution.execution import Inputs
from ..execution.packing import packed
from ..execution.two_streams import two_streams
from .block_residuals import Behind, BlockResiduals
from .control_network import NO_LAYERS, SeenMap, as_they_are, kept_of
from .controlnet import FileCheck


class QwenImageControl:
    """A `ControlNetwork` of a `QwenImageControlNetModel`."""

    convolving = NO_LAYERS

    def __init__(self, module: Any, check: FileCheck, *, blocks: int, masked: bool) -> None:
        """Beside a denoiser of so many `blocks`. `masked`: it sees which latents of its map are kept."""
        self.check, self._module, self._blocks, self._masked = check, module, blocks, masked

    def for_vae(self, pixels: Tensor) -> Tensor:
        return as_they_are(pixels)

    @torch.inference_mode()
    def hint(self, seen: SeenMap, _kind: str) -> Tensor:
        """Its tokens, (1, tokens, width)."""
        latents, embedder = seen.latents, self._module.controlnet_x_embedder
        assert latents is not None
        if self._masked:
            latents = torch.cat([latents, kept_of(seen.pixels).to(latents)], 1)
        made: Tensor = embedder(packed(latents).to(embedder.weight.device, embedder.weight.dtype))
        return made

    def residuals(self, asked: Inputs, hint: Tensor, strength: float, sided: bool, /) -> BlockResiduals:
        own, module = _prompts(asked) if sided else asked, self._module
        streams = two_streams(module, own, [own.latents])
        streams = streams._replace(picture=streams.picture + hint)
        behind = streams.through(module.transformer_blocks)
        made = [add(each) * strength for add, each in zip(module.controlnet_blocks, behind, strict=True)]
        if sided and len(own.latents) > 1:  # a single one stands for all sides
            made = [torch.cat([each[:1], each]) for each in made]
        several = -(-self._blocks // len(made))
        each = [made[block // several] for block in range(self._blocks)]
        return BlockResiduals((Behind("transformer_blocks", each),))


def _prompts(asked: Inputs) -> Inputs:
    """Without the row of the negative prompt."""
    latents, timesteps, context, added = asked
    told = None if added is None else {name: each[1:] for name, each in added.items()}
    return Inputs(latents[1:], timesteps[1:], context[1:], told)
