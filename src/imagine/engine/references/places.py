"""Where of a picture a reference counts: a mask, at each of the resolutions that a U-Net attends at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...pictures.masks import HALF, Mask

_HARD = [0] * HALF + [255] * HALF


class Sheet(Protocol):
    """What is denoised: the upper left `inner` (width, height) of `work`, in pixels."""

    @property
    def inner(self) -> tuple[int, int]: ...

    @property
    def work(self) -> tuple[int, int]: ...


def places_of(mask: Mask, sheet: Sheet, downscale: int, home: Tensor) -> Mapping[int, Tensor]:
    """By how many queries a layer has: how much of a reference each gets, (queries, 1), where `home` lies and in its
    dtype. The mask lies over all of the picture, as diffusers' `IPAdapterMaskProcessor` has it."""
    laid = mask.values.resize(sheet.inner, Image.Resampling.LANCZOS)
    values = torch.from_numpy(np.array(laid if mask.soft else laid.point(_HARD), np.float32))[None, None] / 255
    beyond = (0, sheet.work[0] - sheet.inner[0], 0, sheet.work[1] - sheet.inner[1])
    values = functional.pad(values, beyond, mode="replicate")
    height, width = sheet.work[1] // downscale, sheet.work[0] // downscale
    places: dict[int, Tensor] = {}
    while height * width not in places:
        small = functional.interpolate(values, (height, width), mode="bicubic")
        places[height * width] = small.reshape(-1, 1).to(home)
        height, width = -(-height // 2), -(-width // 2)  # as convolutions with a stride of 2 leave it
    return places
