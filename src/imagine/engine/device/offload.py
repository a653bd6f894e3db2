"""A pipeline larger than the device: parts of it wait in main memory, and accelerate's hooks move them.

Three ways, each slower than the one before and in need of less room: all of it stays on the device; a network is there
while it works; a layer is.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch.nn import Module

from ...messages import Message, message
from .memory import Shortage

OffloadWay = Literal["whole", "networks", "layers"]
_WAYS: tuple[OffloadWay, ...] = ("whole", "networks", "layers")


class Offload:
    """Where a pipeline is. `room` is how many bytes of the device it may take; None: not known."""

    def __init__(self, pipeline: Any, device: torch.device, room: int | None) -> None:
        self._pipeline, self.device = pipeline, device
        self._modules = [part for part in pipeline.components.values() if isinstance(part, Module)]
        for module in self._modules:
            module.requires_grad_(False)
        sizes = [_nbytes(module) for module in self._modules]
        self._total, self._largest = sum(sizes), max(sizes, default=0)
        self.way: OffloadWay = "whole"
        if device.type == "cpu":
            return
        if room is not None and self._total > room:
            self.way = "networks" if self._largest <= room and _has_order(pipeline) else "layers"
        while not self._placed():
            if not self.lower():
                raise torch.OutOfMemoryError("not even single layers of the pipeline fit")

    @property
    def nbytes(self) -> int:
        """Bytes that it takes on the device, beside what it computes."""
        return {"whole": self._total, "networks": self._largest, "layers": 0}[self.way]

    @property
    def in_main(self) -> int:
        """Bytes of main memory that it takes, where networks or layers wait there."""
        return 0 if self.way == "whole" and self.device.type != "cpu" else self._total

    @property
    def warning(self) -> Message | None:
        """What a user of it is told; None where nothing was given up."""
        if self.way == "whole":
            return None
        return message("memory.networks") if self.way == "networks" else message("memory.layers")

    def lower(self) -> bool:
        """Take less room from the next `apply` on; False where there is no way left."""
        if self.device.type == "cpu" or self.way == _WAYS[-1]:
            return False
        self.way = "networks" if self.way == "whole" and _has_order(self._pipeline) else "layers"
        return True

    def apply(self, pipeline: Any) -> None:
        """Set the hooks of a pipeline of the same networks, as often as one is about to run."""
        if self.way == "networks":
            pipeline.enable_model_cpu_offload(device=self.device)
        elif self.way == "layers" and not _hooked(self._modules):
            pipeline.enable_sequential_cpu_offload(device=self.device)

    def _placed(self) -> bool:
        """False where there wasn't the room after all; then the networks are in main memory again."""
        with Shortage():
            if self.way == "whole":
                self._pipeline.to(self.device)
            return True
        self._pipeline.to("cpu")
        return False


def _has_order(pipeline: Any) -> bool:
    """Does it say in which order its networks work?"""
    return getattr(pipeline, "model_cpu_offload_seq", None) is not None


def _hooked(modules: list[Module]) -> bool:
    return any(parameter.device.type == "meta" for module in modules for parameter in module.parameters())


def _nbytes(module: Module) -> int:
    return sum(parameter.nbytes for parameter in module.parameters())
