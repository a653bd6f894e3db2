"""The ControlNet for edges, as a Control-LoRA: the denoiser's own way down, changed by low-rank halves, sees a map.

Zhang et al. 2023 (https://arxiv.org/abs/2302.05543); the file is as Stability AI's are
(https://huggingface.co/stabilityai/control-lora): a whole copy of the way down would be larger than what ships may be.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from torch.nn import functional

from imagine.training.learners import Learner as Halves
from imagine.training.learners import attached
from imagine.training.loop import random_numbers, torch_numbers
from tools.ldm_layout import control_names
from tools.toybox.beside import mapped
from tools.toybox.beside.drawings import SEED, Drawings
from tools.toybox.beside.finished import Finished
from tools.toybox.beside.map_learner import MapLearner
from tools.toybox.world import SIDE

NAME = "toybox-edges"
RANK = 32
HINT = (8, 16, 32, 64)
"""Channels that a map goes through on its way to the denoiser's first layer."""
_PIECE = 24
"""Pixels of a side of what is missing."""
_OWN = ("controlnet_cond_embedding", "controlnet_down_blocks", "controlnet_mid_block")


class LowRankControl(nn.Module):
    """A ControlNet whose way down is the denoiser's, but for halves, biases and norms of its own."""

    def __init__(self, unet: UNet2DConditionModel, rank: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            self.net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=HINT)
            # Nothing leaves by the zero convolutions yet, so the map may be seen from the beginning: it learns sooner.
            self.net.controlnet_cond_embedding.conv_out.reset_parameters()
        self.net.set_attn_processor(AttnProcessor())
        self.net.to(memory_format=torch.channels_last)
        generator = torch_numbers(random_numbers(SEED, NAME, 0))
        layers = {name: layer for name, layer in self.net.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)}
        borrowed = {name: layer for name, layer in layers.items() if not name.startswith(_OWN)}
        low = {name: layer for name, layer in borrowed.items() if _halves_are_smaller(layer, rank)}
        for name, parameter in self.net.named_parameters():
            parameter.requires_grad_(name.removesuffix(".weight") not in low)
        # A module's name has no dots.
        self.halves = nn.ModuleDict({n.replace(".", "/"): Halves(layer, rank, generator) for n, layer in low.items()})

    def forward(self, noisy: Tensor, timesteps: Tensor, context: Tensor, hint: Tensor) -> tuple[list[Tensor], Tensor]:
        with attached(self.net, self._paths()):
            made: tuple[list[Tensor], Tensor] = self.net(noisy, timesteps, context, hint, return_dict=False)
        return made

    def _paths(self) -> dict[str, Halves]:
        """The halves, by the names of the layers beside which they are."""
        return {name.replace("/", "."): cast(Halves, path) for name, path in self.halves.items()}

    def tensors(self) -> dict[str, Tensor]:
        """Under Stability AI's names."""
        paths, names = self._paths(), control_names(self.net)
        made = {"lora_controlnet": torch.zeros(0)}
        for name, tensor in self.net.state_dict().items():
            stem, _, part = name.rpartition(".")
            if part == "weight" and stem in paths:
                theirs = names[name].removesuffix("weight")
                made |= {theirs + "up": paths[stem].up, theirs + "down": paths[stem].down}
            else:
                made[names[name]] = tensor
        return made


def _halves_are_smaller(layer: nn.Linear | nn.Conv2d, rank: int) -> bool:
    out, rest = layer.weight.shape[0], layer.weight[0].numel()
    return rank * (out + rest) < out * rest


class EdgesLearner(MapLearner):
    """Learns to draw along the lines of a map."""

    name = NAME
    module: LowRankControl

    def __init__(self, finished: Finished, pool: Drawings, folder: Path) -> None:
        super().__init__(finished, pool, folder, mapped.edges)
        self.module = LowRankControl(finished.unet, RANK)

    def roughened(self, rng: np.random.Generator, maps: Tensor) -> Tensor:
        """Some lines are broader, some have a piece missing."""
        made = maps.clone()
        for i in range(len(made)):
            if rng.random() < 0.3:
                made[i] = functional.max_pool2d(made[i], 3, 1, 1)
            if rng.random() < 0.2:
                x, y = rng.integers(0, SIDE - _PIECE, 2)
                made[i, :, y : y + _PIECE, x : x + _PIECE] = 0
        return made

    def guess(self, noisy: Tensor, timesteps: Tensor, context: Tensor, given: Tensor) -> Tensor:
        skips, middle = self.module(noisy, timesteps, context, given)
        unet: Any = self._unet[noisy.dtype]
        answer: Tensor = unet(
            noisy, timesteps, context, down_block_additional_residuals=skips, mid_block_additional_residual=middle
        ).sample
        return answer
