"""Weights in prompts: they multiply the embeddings of their tokens, after which the text has the mean it had.

AUTOMATIC1111's "original" emphasis
(https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/sd_emphasis.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..device.transfer import sent


def emphasise(embeddings: Tensor, weights: Sequence[float], *, first: int = 1) -> Tensor:
    """`embeddings` (1, tokens, width) with those from the place `first` on weighted, then scaled to keep their mean.

    Where every weight is 1 they come back untouched. A scale that no average of these weights explains is left out:
    then the mean is only what is left of numbers that cancel out, and says nothing about their size.
    """
    if all(weight == 1 for weight in weights):
        return embeddings
    rest = embeddings.shape[1] - first - len(weights)
    factors = torch.tensor([*[1.0] * first, *weights, *[1.0] * rest])
    before = embeddings.float()
    after = before * sent(factors, embeddings.device)[None, :, None]
    mean, weighted_mean = before.mean().item(), after.mean().item()
    least, most = max(0.1, min(1.0, *weights)), max(1.0, *weights)
    if weighted_mean * mean > 0 and least / 1.25 <= weighted_mean / mean <= most * 1.25:
        after = after * (mean / weighted_mean)
    return after.to(embeddings.dtype)
