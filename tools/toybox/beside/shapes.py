"""The T2I-Adapter for filled shapes: a small network sees a silhouette once, and adds to the denoiser's way down.

Mou et al. 2023 (https://arxiv.org/abs/2302.08453); the file is as TencentARC's are
(https://github.com/TencentARC/T2I-Adapter).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import T2IAdapter
from torch import Tensor

from tools.ldm_layout import t2i_names
from tools.toybox.beside import mapped
from tools.toybox.beside.drawings import SEED, Drawings
from tools.toybox.beside.finished import Finished
from tools.toybox.beside.map_learner import MapLearner
from tools.toybox.models import UNET_CONFIG

NAME = "toybox-shapes"
_INVERTED = 0.3
"""How many silhouettes are black on white."""


def build_adapter() -> T2IAdapter:
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        return T2IAdapter(3, UNET_CONFIG["block_out_channels"], num_res_blocks=2, downscale_factor=8)


def tensors(module: Any) -> dict[str, Tensor]:
    """Under TencentARC's names."""
    names = t2i_names(module)
    return {names[name]: tensor for name, tensor in module.state_dict().items()}


class ShapesLearner(MapLearner):
    """Learns to fill a shape."""

    name = NAME

    def __init__(self, finished: Finished, pool: Drawings, folder: Path) -> None:
        super().__init__(finished, pool, folder, mapped.silhouette)
        self.module = build_adapter().to(memory_format=torch.channels_last)

    def roughened(self, rng: np.random.Generator, maps: Tensor) -> Tensor:
        """Some are black on white."""
        inverted = torch.from_numpy(rng.random(len(maps)) < _INVERTED).view(-1, 1, 1, 1)
        return torch.where(inverted, 1 - maps, maps)

    def guess(self, noisy: Tensor, timesteps: Tensor, context: Tensor, given: Tensor) -> Tensor:
        features = self.module(given.contiguous(memory_format=torch.channels_last))
        unet: Any = self._unet[noisy.dtype]
        answer: Tensor = unet(noisy, timesteps, context, down_intrablock_additional_residuals=[*features]).sample
        return answer
