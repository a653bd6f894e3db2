"""Small tensors to the device, without the host waiting until the device has done all that it was given before."""

from __future__ import annotations

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor`, of the CPU, on `device`. CUDA copies by itself what lies in pages that can't be swapped out."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
