"""DoRA: another kind's change, of directions alone; how long they are is said apart (Liu et al. 2024,
https://arxiv.org/abs/2402.09353, equation 5).

W becomes m · (W + ΔW) / ‖W + ΔW‖, with a norm for each channel of what comes out (peft, and LyCORIS where it says so)
or of what goes in (kohya, LyCORIS). That is W + ΔW with a number for each channel, computed once of the layer's own
weights, which stay as they are: so what is added is ΔW's path, and the layer itself once more, each scaled. A weight
other than 1 goes that far from W to there on a straight line, as AUTOMATIC1111, ComfyUI and InvokeAI have it.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ..execution.homes import home_of
from .adapter import SidePath
from .layer import Affine, Parts, by_channel, fits, mapped, weights_of

PARTS = frozenset({"dora_scale", "lora_magnitude_vector"})


class Change(SidePath, Protocol):
    """A path that is a change of the layer's weights."""

    def change(self) -> Tensor:
        """In float32 and in their shape."""


class Decomposed:
    """A `SidePath` around another kind's: `dora_scale` (out, 1, …) or (1, in, …), `lora_magnitude_vector` (out,)."""

    def __init__(self, layer: Affine, inner: Change, parts: Parts) -> None:
        """Raises Misfit."""
        self._layer, self._inner, shape = layer, inner, layer.weight.shape
        lengths = parts.get("lora_magnitude_vector", parts.get("dora_scale"))
        assert lengths is not None
        self._on_output = "lora_magnitude_vector" in parts or lengths.shape[:1] == shape[:1] != (1,)
        side = 0 if self._on_output else 1
        fits("dora_scale", lengths.flatten(), shape[side])
        home = home_of(layer)
        changed = inner.change().to(home).add_(weights_of(layer).to(home))
        norms = torch.linalg.vector_norm(changed, dim=[axis for axis in range(changed.dim()) if axis != side])
        self._factors = lengths.flatten().float() / norms.clamp_min(torch.finfo(torch.float32).tiny)

    def __call__(self, inputs: Tensor, weight: float) -> Tensor:
        factors = by_channel(self._factors.to(inputs.device), self._layer)
        more, whole = ((factors - 1) * weight).to(inputs.dtype), factors.to(inputs.dtype)
        if self._on_output:
            return mapped(self._layer, inputs) * more + self._inner(inputs, weight) * whole
        return mapped(self._layer, inputs * more) + self._inner(inputs * whole, weight)
