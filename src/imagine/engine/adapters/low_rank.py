"""LoRA and LoCon: up · down · x, of few channels between (Hu et al. 2021, https://arxiv.org/abs/2106.09685).

Beside a convolution `down` convolves as the layer does, or `mid` between two maps of single pixels (Tucker's form, of
LyCORIS, https://arxiv.org/abs/2309.14859). The product of the two is made beside convolutions in groups alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Conv2d, functional

from .layer import Affine, Parts, by_channel, fits, in_place, needs, scale_of


class LowRank:
    """A `SidePath` of `down` (r, in, …), `up` (out, r, …), of some `mid` (r, r, …) and `up_bias` (out,)."""

    def __init__(self, layer: Affine, parts: Parts, alpha: float | None) -> None:
        """`alpha` over the rank is what it is scaled by; None is the rank. Raises Misfit."""
        down, up = needs(parts, "down", "up", least=2)
        self._layer, self._mid, self._bias = layer, parts.get("mid"), parts.get("up_bias")
        self._down, self._up = _folded(down, layer, stands_in=self._mid is None), up.flatten(1)
        self._scale = scale_of(alpha, len(down))
        self._check(len(down), layer.weight.shape)

    def _check(self, rank: int, shape: torch.Size) -> None:
        taken = shape[1:] if self._mid is None else shape[1:2]
        fits("down", self._down, rank, *taken)
        fits("up", self._up, shape[0], rank)
        if self._mid is not None:
            fits("mid", self._mid, rank, rank, *shape[2:])
        if self._bias is not None:
            fits("up bias", self._bias, shape[0])

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        up, scale = self._up.to(inputs), self._scale * weight
        if isinstance(self._layer, Conv2d) and self._layer.groups > 1:  # of a channel or few: nothing narrower is there
            made = in_place(self._layer, inputs, self.change()).mul_(weight)
        elif isinstance(self._layer, Conv2d):
            made = functional.conv2d(self._narrow(inputs).mul_(scale), up[:, :, None, None])
        else:
            made = functional.linear(self._narrow(inputs).mul_(scale), up)
        if self._bias is not None:
            made += by_channel(self._bias.to(inputs), self._layer) * weight
        return made

    def _narrow(self, inputs: Tensor) -> Tensor:
        """Of the rank's channels."""
        if self._mid is None:
            return in_place(self._layer, inputs, self._down)
        down = self._down.to(inputs)
        if not isinstance(self._layer, Conv2d):
            return functional.linear(functional.linear(inputs, down), self._mid.to(inputs))
        return in_place(self._layer, functional.conv2d(inputs, down[:, :, None, None]), self._mid)

    def change(self) -> Tensor:
        """What it does as a change of the layer's weights, in float32 and in their shape."""
        down, up = self._down.float(), self._up.float()
        if self._mid is not None:
            up = torch.einsum("ij...,pi->pj...", self._mid.float(), up)
            return torch.einsum("pj...,jr->pr...", up, down) * self._scale
        return (up @ down.flatten(1)).reshape(self._layer.weight.shape) * self._scale


def _folded(down: Tensor, layer: Affine, *, stands_in: bool) -> Tensor:
    """`down` as the layer's own weights have it where it stands in for them, else as a map of channels."""
    single = down.shape[2:].numel() == 1
    if stands_in and isinstance(layer, Conv2d):
        return down[:, :, None, None] if down.dim() == 2 else down
    return down.flatten(1) if single else down
