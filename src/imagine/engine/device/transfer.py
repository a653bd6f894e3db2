"""Tensors to the device and back, without the host waiting until the device has done all that it was given before."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor` on `device`. From the CPU, CUDA copies by itself what lies in pages that can't be swapped out."""
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def fetched(tensor: Tensor) -> Callable[[], Tensor]:
    """What gives `tensor` on the CPU, as it is now: whoever calls it waits for that alone, on whichever thread."""
    if tensor.device.type != "cuda":
        return lambda: tensor.to("cpu")
    # torch lays a copy that nobody waits for into pages that can't be swapped out.
    copy, there = tensor.to("cpu", non_blocking=True), torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    there.record(torch.cuda.current_stream(tensor.device))

    def wait() -> Tensor:
        there.synchronize()
        return copy

    return wait
