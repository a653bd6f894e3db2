"""Weights of 8 bits, each times its scale: widened when they are read, since a network computes with wider ones."""

from __future__ import annotations

import json
from collections.abc import Collection

import torch
from torch import Tensor

from ...files.mapped import release
from ...messages import message
from ...words.errors import UnusableModel
from .placing import FLOAT8, holds
from .weights import Weights

_SCALES = (".scale_weight", ".weight_scale")
_QUANTISED = ".comfy_quant"
_FORMATS = ("float8_e4m3fn", "float8_e5m2")


class Widened:
    """Other weights without 8-bit ones: those on `device`, if it can hold them, in `dtype`, times their scale.

    The scales themselves are left out. A scale is one number or one for each row.
    Source: https://github.com/comfyanonymous/ComfyUI, `comfy/ops.py`: a layer's true weight is it times `scale_weight`,
    since 2025 called `weight_scale` and beside a `comfy_quant` that names the format, in JSON.
    """

    def __init__(self, weights: Weights, device: torch.device, dtype: torch.dtype) -> None:
        """Raises UnusableModel for a format that is no float8."""
        self._weights, self._device, self._dtype = weights, device, dtype
        self.metadata = weights.metadata
        for name in weights.names:
            if name.endswith(_QUANTISED):
                _check_format(name, weights.read(name))
        self.names: Collection[str] = {
            name: None for name in weights.names if not name.endswith((_QUANTISED, *_SCALES))
        }.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._weights.shape(name)

    def stored(self, name: str) -> torch.dtype:
        stored = self._weights.stored(name)
        return self._dtype if stored in FLOAT8 else stored

    def read(self, name: str) -> Tensor:
        tensor = self._weights.read(name)
        if tensor.dtype not in FLOAT8:
            return tensor
        layer = name.removesuffix(".weight")
        ends = (layer + end for end in _SCALES if layer != name and layer + end in self._weights.names)
        scale = next((self._weights.read(end) for end in ends), None)
        widened = _widened(name, tensor, scale, self._device).to(self._dtype)
        release(tensor.data_ptr(), tensor.nbytes)
        return widened


def without_float8(weights: Weights, device: torch.device, dtype: torch.dtype | None) -> Weights:
    """The same weights where none is of 8 bits, else widened ones: in `dtype`, None: float16."""
    if not any(weights.stored(name) in FLOAT8 for name in weights.names):
        return weights
    return Widened(weights, device, dtype or torch.float16)


def _check_format(name: str, tensor: Tensor) -> None:
    try:
        stated = json.loads(bytes(tensor.flatten().tolist()))["format"]
    except (ValueError, TypeError, LookupError) as error:
        raise UnusableModel(message("weights.not_understood", name=name)) from error
    if stated not in _FORMATS:
        raise UnusableModel(message("unfit.quantised", how=str(stated)[:40]))


def _widened(name: str, tensor: Tensor, scale: Tensor | None, device: torch.device) -> Tensor:
    device = device if holds(device, tensor.dtype) else torch.device("cpu")
    wide = tensor.to(device).float()
    if scale is None:
        return wide
    if scale.numel() not in (1, tensor.shape[0] if tensor.ndim else 1) or not scale.is_floating_point():
        raise UnusableModel(message("weights.scale", name=name, shape=str(list(scale.shape))))
    return wide * scale.to(device).float().reshape(-1, *[1] * (tensor.ndim - 1))
