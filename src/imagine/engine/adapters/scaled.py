"""(IA)³: a layer's channels, of what goes in or of what comes out, made stronger or weaker (Liu et al. 2022,
https://arxiv.org/abs/2205.05638). LyCORIS writes by how much, peft by what factor."""

from __future__ import annotations

from torch import Tensor

from .layer import Affine, Parts, by_channel, fits, mapped, needs


class Scaled:
    """A `SidePath` of `weight` and `on_input`, or of `ia3_l` (out, 1) or (1, in); of convolutions (1, C, 1, 1)."""

    def __init__(self, layer: Affine, parts: Parts, _alpha: float | None) -> None:
        """Raises Misfit."""
        self._layer = layer
        if "ia3_l" in parts:
            factors = parts["ia3_l"]
            # Of convolutions peft writes both as (1, C, 1, 1): where as many go in as come out, these are meant.
            one = factors.shape[:1] == (1,)
            self._on_input = one and (factors.dim() == 2 or factors.numel() != layer.weight.shape[0])
            self._by, self._with_bias = factors.flatten() - 1, not self._on_input
        else:
            numbers, on_input = needs(parts, "weight", "on_input")
            fits("on_input", on_input.flatten(), 1)
            self._on_input = bool(on_input)
            self._by, self._with_bias = numbers.flatten(), False
        fits("weight", self._by, layer.weight.shape[int(self._on_input)])

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        by = by_channel(self._by.to(inputs), self._layer) * weight
        if self._on_input:
            return mapped(self._layer, inputs * by)
        answer = mapped(self._layer, inputs)
        if self._with_bias and self._layer.bias is not None:
            answer = answer + by_channel(self._layer.bias, self._layer)
        return answer * by
