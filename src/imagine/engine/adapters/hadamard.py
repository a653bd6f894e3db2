"""LoHa: two low-rank products, multiplied element by element (Hyeon-Woo et al. 2022, https://arxiv.org/abs/2108.06098).

Their product is of the rank r², and itself a low-rank path: row by row, the factors' products with each other. Where
that is no narrower than the layer, and beside convolutions, the change is made anew at each call and let go behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Linear, functional

from ..execution.homes import home_of
from .layer import Affine, Parts, fits, in_place, needs, scale_of


class Hadamard:
    """A `SidePath` of (out, r) and (r, in), twice; with cores, `hada_t1` and `hada_t2` (r, r, …), of (r, out) and
    (r, in)."""

    def __init__(self, layer: Affine, parts: Parts, alpha: float | None) -> None:
        """`alpha` over the rank is what it is scaled by; None is the rank. Raises Misfit."""
        self._layer = layer
        self._factors = needs(parts, "hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", least=2)
        with_cores = not {"hada_t1", "hada_t2"}.isdisjoint(parts)
        self._cores = needs(parts, "hada_t1", "hada_t2") if with_cores else []
        self._scale = scale_of(alpha, len(self._factors[1]))
        self._check(layer.weight.shape)
        inner = len(self._factors[1]) * len(self._factors[3])
        self._narrow = isinstance(layer, Linear) and inner * sum(layer.weight.shape) < layer.weight.numel()

    def _check(self, shape: torch.Size) -> None:
        for which, (up, down) in enumerate((self._factors[:2], self._factors[2:]), 1):
            rank = len(down)
            if self._cores:
                fits(f"hada_w{which}_a", up, rank, shape[0])
                fits(f"hada_w{which}_b", down, rank, shape[1])
                fits(f"hada_t{which}", self._cores[which - 1], rank, rank, *shape[2:])
            else:
                fits(f"hada_w{which}_a", up, shape[0], rank)
                fits(f"hada_w{which}_b", down.flatten(1), rank, shape[1:].numel())

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        scale = self._scale * weight
        if not self._narrow:
            return in_place(self._layer, inputs, self._product(inputs.dtype, inputs.device)).mul_(scale)
        up, down, other_up, other_down = (factor.to(inputs) for factor in self._factors)
        between = functional.linear(inputs, (down[:, None] * other_down).flatten(0, 1)).mul_(scale)
        return functional.linear(between, (up[:, :, None] * other_up[:, None]).flatten(1))

    def change(self) -> Tensor:
        """What it does as a change of the layer's weights, in float32 and in their shape."""
        return self._product(torch.float32, home_of(self._layer)) * self._scale

    def _product(self, dtype: torch.dtype, device: torch.device) -> Tensor:
        up, down, other_up, other_down = (factor.to(device, torch.float32) for factor in self._factors)
        if self._cores:
            core, other = (each.to(device, torch.float32) for each in self._cores)
            made = _cored(core, up, down) * _cored(other, other_up, other_down)
        else:
            made = (up @ down.flatten(1)) * (other_up @ other_down.flatten(1))
        return made.reshape(self._layer.weight.shape).to(dtype)


def _cored(core: Tensor, up: Tensor, down: Tensor) -> Tensor:
    return torch.einsum("ir...,ip->pr...", torch.einsum("ij...,jr->ir...", core, down), up)
