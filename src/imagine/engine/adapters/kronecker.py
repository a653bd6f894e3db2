"""LoKr: the Kronecker product of a small matrix and a smaller layer (LyCORIS, https://arxiv.org/abs/2309.14859).

kron(w1, w2) · x is w1 · X · w2ᵀ, with x's channels as the rows and columns of X: two products far smaller than the
layer's, and the large one is never made. The second factor may convolve.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Conv2d, functional

from ...messages import message
from .fused import FusedRows
from .layer import Affine, Misfit, Parts, fits, in_place, needs, scale_of


class Kronecker:
    """A `SidePath` of w1 (a, b) and w2 (c, d, …), each whole or as a product, for a layer of a·c by b·d channels."""

    def __init__(self, layer: Affine, parts: Parts, alpha: float | None, rows: FusedRows | None = None) -> None:
        """`alpha` over the rank of a factor that is a product is what it is scaled by; 1 where neither is one. With
        `rows` the layer is some of those of a larger one, whose product it is. Raises Misfit."""
        self._layer, self._rows, shape = layer, rows, layer.weight.shape
        if rows is not None:
            if isinstance(layer, Conv2d):
                raise Misfit(message("lora.fused", part="lokr_w1"))
            shape = torch.Size((rows.of, *shape[1:]))
        self._first = _Factor(parts, "lokr_w1", shape[2:2])
        self._second = _Factor(parts, "lokr_w2", shape[2:])
        rank = self._second.rank or self._first.rank
        self._scale = 1.0 if rank is None else scale_of(alpha, rank)
        height, columns = self._first.whole().flatten(1).shape
        if not height or not columns:
            raise Misfit(message("lora.rank"))
        fits("lokr_w2", self._second.whole(), shape[0] // height, shape[1] // columns, *shape[2:])
        made, expected = [shape[0] // height * height, shape[1] // columns * columns], list(shape[:2])
        if made != expected:
            said = {"shape": str(made), "expected": str(expected)}
            raise Misfit(message("lora.part_shape", part="lokr_w1 × lokr_w2", **said))

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        first = self._first.whole().flatten(1).to(inputs) * (self._scale * weight)
        second, columns = self._second.whole().to(inputs), first.shape[1]
        if not isinstance(self._layer, Conv2d):
            parts = functional.linear(torch.unflatten(inputs, -1, (columns, -1)), second)
            return self._product(first, parts)
        made = in_place(self._layer, torch.unflatten(inputs, 1, (columns, -1)).flatten(0, 1), second)
        return torch.einsum("ab,nbchw->nachw", first, torch.unflatten(made, 0, (-1, columns))).flatten(1, 2)

    def _product(self, first: Tensor, parts: Tensor) -> Tensor:
        """Of the first factor and what the second made of each part, (…, b, c): of the rows that are wanted, those
        blocks alone in which they lie."""
        if self._rows is None:
            return torch.matmul(first, parts).flatten(-2)
        each, pieces = parts.shape[-1], list[Tensor]()
        for start, end in self._rows.ends:
            block = start // each
            made = torch.matmul(first[block : -(-end // each)], parts).flatten(-2)
            pieces.append(made[..., start - block * each : end - block * each])
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces, -1)

    def change(self) -> Tensor:
        """What it does as a change of the layer's weights, in float32 and in their shape."""
        first, second = self._first.whole().float().flatten(1), self._second.whole().float()
        first = first.reshape(*first.shape, *[1] * (second.dim() - 2))
        whole = torch.kron(first, second.contiguous()) * self._scale
        return whole if self._rows is None else self._rows.of_all(whole)


class _Factor:
    """One that is there whole, or as a product of low rank, with a core between for some that convolve."""

    def __init__(self, parts: Parts, name: str, sides: torch.Size) -> None:
        """`sides` of what it convolves."""
        self._core, self._sides = parts.get(name.replace("w", "t")), sides
        self._whole = needs(parts, name, least=2)[0] if name in parts else None
        self.rank: int | None = None
        if self._whole is None:
            self._up, self._down = needs(parts, f"{name}_a", f"{name}_b", least=2)
            self.rank = len(self._down)
            if not self.rank:
                raise Misfit(message("lora.rank"))
            self._check(name)

    def _check(self, name: str) -> None:
        up, down, core, rank = self._up, self._down, self._core, len(self._down)
        if core is None:
            fits(f"{name}_a", up.flatten(1), len(up), rank)
        else:
            fits(f"{name}_a", up, rank, up.shape[-1])
            fits(name.replace("w", "t"), core, rank, rank, *self._sides)
        if self._sides.numel() and down.numel() % (rank * (1 if core is not None else self._sides.numel())):
            raise Misfit(message("lora.part_shape", part=f"{name}_b", shape=str(list(down.shape)), expected=str(rank)))

    def whole(self) -> Tensor:
        """(rows, columns, …)"""
        if self._whole is not None:
            return self._whole
        if self._core is not None:
            return torch.einsum("ir...,ip->pr...", torch.einsum("ij...,jr->ir...", self._core, self._down), self._up)
        made = self._up.flatten(1) @ self._down.flatten(1)
        return made.reshape(len(self._up), -1, *self._sides)
