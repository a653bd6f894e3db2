"""OFT and BOFT: what comes out of a layer, turned (Qiu et al. 2023, https://arxiv.org/abs/2306.07280; Liu et al. 2023,
https://arxiv.org/abs/2311.06243), by Cayley's transform R = (I + Q)(I − Q)⁻¹ of the file's skew-symmetric blocks.

OFT turns each block of channels by Rᵀ. BOFT turns by R, in stages that bring other channels together each time (a
butterfly). Rᵀ · W · x is Rᵀ of the layer's own answer: no weight is touched, and what is added is what was turned, less
what it was. At a weight other than 1 OFT goes that far on a straight line, and BOFT in each of its stages, as LyCORIS.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Conv2d

from ...messages import message
from .layer import Affine, Misfit, Parts, fits, mapped, needs, scale_of

_LEAST = 1e-8
"""What a norm is taken to be more, before it is compared."""


class Rotated:
    """A `SidePath` of `oft_blocks` (k, n, n), or (stages, k, n, n), for a layer of k·n channels that come out; with
    `rescale` (k·n, …) each is made longer, too."""

    def __init__(self, layer: Affine, parts: Parts, alpha: float | None) -> None:
        """`alpha`, times how many channels come out, bounds the norm of Q; nothing does where it is 0 or None. Raises
        Misfit."""
        (blocks,) = needs(parts, "oft_blocks" if "oft_blocks" in parts else "oft_diag", least=3)
        out, size = layer.weight.shape[0], max(blocks.shape[-1], 1)
        self._layer, self._in_stages = layer, blocks.dim() > 3
        fits("oft_blocks", blocks, *blocks.shape[:1] if self._in_stages else (), out // size, size, size)
        fits("oft_blocks", blocks[..., 0].flatten(-2), *blocks.shape[:-3], out)
        self._turns = _turns(blocks, scale_of(alpha or 0.0, 1) * out) - torch.eye(size, device=blocks.device)
        self._longer: Tensor | None = None
        if "rescale" in parts:
            self._longer = parts["rescale"].float().flatten() - 1
            fits("rescale", self._longer, out)
        self._check_stages(out, size)

    def _check_stages(self, out: int, size: int) -> None:
        """Each but the first takes channels together from blocks twice as far apart."""
        if self._in_stages and (size % 2 or out % (2 ** (len(self._turns) - 1) * size)):
            raise Misfit(message("lora.part_shape", part="oft_blocks", shape=str([size]), expected=str([out])))

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        answer = mapped(self._layer, inputs)
        answer = answer.movedim(1, -1) if isinstance(self._layer, Conv2d) else answer
        turns = self._turns.to(inputs.device)
        if self._in_stages:
            added = self._lengthened(answer, _in_stages(answer, turns * weight), weight).to(inputs.dtype)
        else:
            added = self._lengthened(answer, _turned(answer, turns), 1.0).to(inputs.dtype) * weight
        return added.movedim(-1, 1) if isinstance(self._layer, Conv2d) else added

    def _lengthened(self, answer: Tensor, added: Tensor, weight: float) -> Tensor:
        if self._longer is None:
            return added
        return added + self._longer.to(answer.device) * weight * (added + answer)


def _turns(blocks: Tensor, bound: float) -> Tensor:
    """R for each block, in float32."""
    skew = blocks.float() - blocks.float().transpose(-1, -2)
    norm = float(torch.linalg.vector_norm(skew)) + _LEAST
    if 0 < bound < norm:
        skew = skew * (bound / norm)
    identity = torch.eye(blocks.shape[-1], device=blocks.device)
    return torch.linalg.solve(identity - skew, identity + skew, left=False)


def _turned(answer: Tensor, turns: Tensor) -> Tensor:
    """R − I transposed, of (…, channels)."""
    parts = torch.unflatten(answer, -1, turns.shape[:2])
    return torch.einsum("knm,...kn->...km", turns.to(answer.dtype), parts).flatten(-2).float()


def _in_stages(answer: Tensor, turns: Tensor) -> Tensor:
    """What all stages together add to (…, channels). In float32: most of what is turned stays as it was."""
    whole = answer.float()
    for stage, each in enumerate(turns):
        apart = 2**stage * each.shape[-1] // 2
        beside = torch.unflatten(whole, -1, (-1, 2, apart)).transpose(-2, -1).flatten(-3)
        added = torch.einsum("kij,...kj->...ki", each, torch.unflatten(beside, -1, each.shape[:2])).flatten(-2)
        whole = whole + torch.unflatten(added, -1, (-1, apart, 2)).transpose(-2, -1).flatten(-3)
    return whole - answer.float()
