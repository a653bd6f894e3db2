"""Full differences, of a layer's weights and of its bias, and of norms': the layer's own work, done with these."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import GroupNorm, RMSNorm, functional

from .layer import Affine, Norm, Parts, by_channel, in_place, needs, shaped


class FullDifference:
    """A `SidePath` of `diff` in the shape of the layer's weights, `diff_b` of its bias, or either."""

    def __init__(self, layer: Affine, parts: Parts, _alpha: float | None) -> None:
        """Raises Misfit."""
        self._layer, shape = layer, layer.weight.shape
        self._weight = shaped("diff", parts["diff"], shape) if "diff" in parts else None
        self._bias = shaped("diff_b", parts["diff_b"], shape[:1]) if "diff_b" in parts else None

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        if self._weight is not None:
            return in_place(self._layer, inputs, self._weight, self._bias).mul_(weight)
        assert self._bias is not None
        return by_channel(self._bias.to(inputs), self._layer) * weight

    def change(self) -> Tensor:
        """What it does as a change of the layer's weights, in float32 and in their shape."""
        return torch.zeros_like(self._layer.weight).float() if self._weight is None else self._weight.float()


class NormDifference:
    """The same of a norm, `w_norm` and `b_norm` or `diff` and `diff_b`: what is normed, by these instead."""

    def __init__(self, layer: Norm, parts: Parts, _alpha: float | None) -> None:
        """Raises Misfit."""
        self._layer, shape = layer, layer.weight.shape
        names = [("diff", "diff_b") if {"diff", "diff_b"} & parts.keys() else ("w_norm", "b_norm")][0]
        gain, bias = (shaped(name, parts[name], shape) if name in parts else None for name in names)
        self._gain, self._bias = torch.zeros_like(layer.weight) if gain is None else gain, bias

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        layer, gain = self._layer, self._gain.to(inputs)
        bias = None if self._bias is None else self._bias.to(inputs)
        if isinstance(layer, GroupNorm):
            return functional.group_norm(inputs, layer.num_groups, gain, bias, layer.eps).mul_(weight)
        return functional.layer_norm(inputs, layer.normalized_shape, gain, bias, layer.eps).mul_(weight)


class NormReplacement:
    """A `SidePath` of weights that stand in a norm's own place: what is normed, by how far they are from those."""

    def __init__(self, layer: RMSNorm, parts: Parts, _alpha: float | None) -> None:
        """Of `scale`, as Black Forest Labs call them, or `weight`. Raises Misfit."""
        name = "scale" if "scale" in parts else "weight"
        (stated,) = needs(parts, name)
        self._layer, self._gain = layer, shaped(name, stated, layer.weight.shape)

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        layer, gain = self._layer, self._gain.to(inputs) - self._layer.weight.to(inputs)
        return functional.rms_norm(inputs, layer.normalized_shape, gain, layer.eps).mul_(weight)
