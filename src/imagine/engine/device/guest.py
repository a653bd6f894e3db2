"""A network that waits in main memory and comes to the device to work: all of it, or as much as there is room for,
while the rest comes a layer at a time.

The same kernels compute with the same numbers, so the bits are those of a network that stays. Two blocks of the device
take turns: one layer computes from the first while the next is copied into the second; which that is, the forward
before tells. Where there is room for one block, each layer waits for its own copy. Of the layers the smaller stay, for
the fewest copies.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn import Module

from ...processes import main_memory
from ..execution.homes import note_home, note_host
from .copies import copies_to
from .floor import Floor
from .layers import HeldLayer, Owned, layers_of, rest_of
from .owned import owned_bytes

_PINNED = 2
"""Times the bytes that come layer by layer that main memory must have free for them to be held in pages that can't be
swapped out, which the device copies from by itself."""


class Guest:
    """A network that lies in main memory, in what it computes in. A `Visitor` of a `Floor`."""

    def __init__(self, network: Module, device: torch.device, room: int) -> None:
        """`room` is how many bytes of the device it may take. One of its layers comes there anyway."""
        self._device, self._rest = device, rest_of(network)
        self._rest_bytes = sum(each.tensor.nbytes for each in self._rest)
        self._streamed = dict(layers_of(network))
        self._stay = self._staying(room)
        self._block = max((layer.nbytes for layer in self._streamed.values()), default=0)
        staying = self._rest_bytes + sum(layer.nbytes for layer in self._stay)
        self._blocks = 2 if staying + 2 * self._block <= room else 1
        self.nbytes = staying + self._blocks * self._block
        self._stream: LayerStream | None = None
        self._after: dict[int, HeldLayer] = {}
        """What came after each layer, the last time."""
        self._pin()
        note_home(network, device)
        for module in self._streamed:
            module.register_forward_pre_hook(self._before)

    def _staying(self, room: int) -> list[HeldLayer]:
        """The smallest of the layers, as many as there is room for beside two of the largest."""
        ordered = sorted(self._streamed, key=lambda module: self._streamed[module].nbytes)
        left = room - self._rest_bytes
        if sum(layer.nbytes for layer in self._streamed.values()) > left:
            left -= 2 * self._streamed[ordered[-1]].nbytes
        stay = []
        for module in ordered:
            left -= self._streamed[module].nbytes
            if left < 0:
                break
            stay.append(self._streamed.pop(module))
        return stay

    def _pin(self) -> None:
        streamed = sum(layer.nbytes for layer in self._streamed.values())
        if streamed and self._device.type == "cuda" and main_memory.available() > _PINNED * streamed:
            for layer in self._streamed.values():
                layer.pin()

    @property
    def in_main(self) -> int:
        """Bytes of main memory that it takes, whether it is on the device or not."""
        streamed = self._streamed.values()
        owned = (each for layer in streamed if not layer.pinned for each in layer.owned)
        pinned = sum(layer.nbytes for layer in streamed if layer.pinned)
        return pinned + owned_bytes(each.tensor for each in (*self._resident(), *owned))

    def enter(self) -> None:
        try:
            for each in self._resident():
                each.lend(each.tensor.detach().to(self._device))
            if self._streamed:
                self._stream = LayerStream(self._device, self._block, self._blocks, self._after)
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        for each in self._resident():
            each.give_back()
        if self._stream is not None:
            self._stream.end()
            self._stream = None

    def _resident(self) -> list[Owned]:
        return [*self._rest, *(each for layer in self._stay for each in layer.owned)]

    def _before(self, module: Module, _: object) -> None:
        """A layer is about to work."""
        assert self._stream is not None, "a layer works without its network"
        self._stream.bring(self._streamed[module])


class LayerStream:
    """Blocks of the device, one or two, that layers come into in turn."""

    def __init__(self, device: torch.device, size: int, blocks: int, after: dict[int, HeldLayer]) -> None:
        """`after` is what came after each layer before, which goes on being noted there."""
        self._blocks = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(blocks)]
        self._copies = copies_to(device)
        for block in self._blocks:
            self._copies.takes(block)
        self._in: list[HeldLayer | None] = [None] * blocks
        self._last = blocks - 1
        """The block that was computed from last."""
        self._after = after

    def bring(self, layer: HeldLayer) -> None:
        """It computes from a block from now on, and what came after it the last time is on its way into the other."""
        before = self._in[self._last]
        if before is layer:
            return
        block = (self._last + 1) % len(self._blocks)
        if before is not None:
            self._after[id(before)] = layer
            before.give_back()
        if self._in[block] is not layer:
            self._copy(layer, block)
        self._copies.await_copied(block)
        layer.compute_from(self._blocks[block])
        self._last, other = block, (block + 1) % len(self._blocks)
        following = self._after.get(id(layer))
        if other != block and following is not None and following is not layer and following is not self._in[other]:
            self._copy(following, other)

    def end(self) -> None:
        for layer in self._in:
            if layer is not None:
                layer.give_back()
        self._copies.end()

    def _copy(self, layer: HeldLayer, block: int) -> None:
        self._in[block] = layer
        with self._copies.into(block):
            layer.copy_into(self._blocks[block])


class Hosted:
    """A network that is on the device for as long as its forward lasts, whoever calls it."""

    def __init__(self, network: Module, guest: Guest, floor: Floor) -> None:
        self._guest, self._floor, self._taken = guest, floor, 0
        network.register_forward_pre_hook(self._before)
        network.register_forward_hook(self._behind, always_call=True)
        note_host(network, partial(floor.hosting, guest))

    def _before(self, _: Module, __: object) -> None:
        self._floor.take(self._guest)
        self._taken += 1

    def _behind(self, _: Module, __: object, ___: Any) -> None:
        if self._taken:  # where there was no room for it, it never came
            self._taken -= 1
            self._floor.give(self._guest)
