"""ControlNets of Z-Image (alibaba-pai's "Fun", https://github.com/aigc-apps/VideoX-Fun, Apache-2.0): blocks beside the
denoiser's own, which see a map's tokens and what the denoiser begins with, and whose answers are added behind some of
its blocks. One network is for several kinds of maps, and sees for itself which it has.

Of its second generation some blocks see the picture before the prompt joins it, too; and it is told what of a picture
is kept, by a mask and by the latents of that.

Numbers, and behind which blocks they are added, are those of diffusers' `ZImageControlNetModel`,
`ZImageControlNetPipeline` and `ZImageControlNetInpaintPipeline` (0.42, Apache-2.0). Where it asks the denoiser's own
layers these are without adapters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..execution.execution import Inputs
from ..execution.homes import there
from ..execution.joined_tokens import JoinedTokens, filled, joined_tokens, refined, tokens
from .block_residuals import Behind, BlockResiduals
from .control_network import NO_LAYERS, SeenMap, as_they_are
from .controlnet import FileCheck

_HOLE = -1
"""A map's pixels where an inpainting network is to paint."""


class OwnLayers:
    """The denoiser whose layers such a network has beside its own."""

    def __init__(self, denoiser: Any) -> None:
        self.denoiser = denoiser

    def __repr__(self) -> str:
        """One for each denoiser: networks are kept by it, and whoever has such a network has the denoiser."""
        return f"OwnLayers({id(self.denoiser)})"


class ZImageControl:
    """A `ControlNetwork` of a `ZImageControlNetModel`."""

    convolving = NO_LAYERS

    def __init__(self, module: Any, check: FileCheck, *, own: OwnLayers, channels: int) -> None:
        """`channels` are those of latents."""
        self.check, self._module, self._denoiser = check, module, own.denoiser
        self._more = int(module.config.control_in_dim) - channels
        self._early: Sequence[Any] | None = {
            None: None, "control_layers": module.control_layers, "control_noise_refiner": module.control_noise_refiner,
        }[module.config.add_control_noise_refiner]  # fmt: skip
        """The blocks that see the picture before the prompt joins it, and add to what they see."""
        (self._embedder,) = module.control_all_x_embedder.values()

    def for_vae(self, pixels: Tensor) -> Tensor:
        """What is to be painted is grey, where it is told of that."""
        return as_they_are(pixels) * (pixels != _HOLE) if self._more else as_they_are(pixels)

    @torch.inference_mode()
    def hint(self, seen: SeenMap, _kind: str) -> Tensor:
        """Its tokens, (1, tokens, width)."""
        latents, weight = seen.latents, self._embedder.weight
        assert latents is not None
        if self._more:
            kept, nothing = (seen.pixels != _HOLE).all(1, keepdim=True), torch.zeros_like(latents)
            side = seen.pixels.shape[-1] // latents.shape[-1]
            told = kept[:, :, ::side, ::side].to(latents)
            each = [latents, torch.zeros_like(told), nothing] if kept.all() else [nothing, told, latents]
            latents = torch.cat(each, 1)
        made: Tensor = self._embedder(tokens(latents.to(weight.device, weight.dtype)))
        return made

    def residuals(self, asked: Inputs, hint: Tensor, strength: float, _sided: bool, /) -> BlockResiduals:
        with there(self._denoiser):
            joined = joined_tokens(self._denoiser, asked)
            seen = filled(hint, self._denoiser).expand(len(joined.picture), -1, -1)
            picture, seen = self._before_joining(joined, seen, strength)
        both, seen = (torch.cat([each, joined.text], 1) for each in (picture, seen))
        answers, _ = _answers(self._module.control_layers, seen, both, joined.mask, joined.turned, joined.when)
        behind = dict(zip(self._module.control_layers_places, answers, strict=True))
        count = len(self._denoiser.layers)
        each = [behind[place] * strength if place in behind else None for place in range(count)]
        return BlockResiduals((Behind("layers", each),))

    def _before_joining(self, joined: JoinedTokens, seen: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """The picture's tokens and the map's, both (rows, tokens, width), as they are before the prompt's join them."""
        own = self._denoiser.noise_refiner
        if self._early is None:
            return refined(joined.picture, joined, own), refined(seen, joined, self._module.control_noise_refiner)
        answers, seen = _answers(self._early, seen, joined.picture, None, joined.turned_picture, joined.when)
        picture = joined.picture
        for number, block in enumerate(own):
            picture = refined(picture, joined, [block])
            picture = picture + answers[number] * strength if number < len(answers) else picture
        return picture, seen


def _answers(
    blocks: Iterable[Any], seen: Tensor, beside: Tensor, mask: Tensor | None, turned: Tensor, when: Tensor
) -> tuple[list[Tensor], Tensor]:
    """What each block adds, and what the last hands on, all (rows, tokens, width); the first sees what is `beside`.

    Each hands on all answers before its own in one tensor, if it is given them: it is given none."""
    answers = []
    for number, block in enumerate(blocks):
        answer, seen = block(seen[None] if number else seen, beside, mask, turned, when)
        answers.append(answer)
    return answers, seen
