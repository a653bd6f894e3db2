"""Weights to a CUDA device: a copy for many tensors at once, by way of pages that can't be swapped out.

A tensor at a time, a checkpoint is a thousand copies from pages that the driver copies into its own first, and the host
waits for each. Here it lays a piece of them one behind the other into pinned memory while the device copies the piece
before; there they lie in one block, as far apart as torch's allocator would lay them: kernels choose by alignment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...files.mapped import release
from ..quantised.tensor import Quantised

PIECE = 2**25
"""Bytes of a copy, and of either buffer of pinned memory: large enough to copy at full speed."""
_APART = 512
"""Where torch's allocator lets blocks begin."""


class _Laid(NamedTuple):
    """A tensor, and where its bytes lie in its piece."""

    path: str
    tensor: Tensor
    start: int

    @property
    def stored(self) -> Tensor:
        """Its bytes."""
        if isinstance(self.tensor, Quantised):
            return self.tensor.stored.view(-1)
        return self.tensor.contiguous().view(-1).view(torch.uint8)

    @property
    def end(self) -> int:
        return self.start + _length(self.tensor)

    def received(self, there: Tensor, dtype: torch.dtype) -> Tensor:
        """The tensor in `dtype`, whose bytes are `there` by now."""
        tensor = self.tensor
        if not isinstance(tensor, Quantised):
            return there.view(tensor.dtype).view(tensor.shape).to(dtype)
        scale = None if tensor.scale is None else tensor.scale.to(there.device)
        return tensor.again(there.view(tensor.stored.shape), scale, tensor.shape, dtype)


class Upload:
    """To one device, in one dtype. What is stored otherwise is cast there, a piece at a time."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device, self._dtype = device, dtype
        self._buffers: list[Tensor] = []
        self._free: list[Any] = []
        """Of each buffer what tells that the device has copied it."""
        self._turn = 0

    def run(self, tensors: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor, int]]:
        """Tensors by their paths: there, and how many bytes each had. A piece is read before any of it is given, and
        its memory given back."""
        for piece in _pieces(tensors):
            if piece[0].tensor.device.type != "cpu":  # it had to be made there
                yield piece[0].path, piece[0].tensor.to(self._dtype), piece[0].tensor.nbytes
                continue
            block = self._sent(piece)
            for laid in piece:
                yield laid.path, laid.received(block[laid.start : laid.end], self._dtype), laid.tensor.nbytes
                release(laid.tensor.data_ptr(), _length(laid.tensor))
        for event in self._free:
            event.synchronize()  # only then may its buffer be another's

    def _sent(self, piece: list[_Laid]) -> Tensor:
        """The piece as one block of the device."""
        size = piece[-1].end
        block = torch.empty(size, dtype=torch.uint8, device=self._device)
        for start in range(0, size, PIECE):
            self._copy(piece, start, block[start : start + PIECE])
        return block

    def _copy(self, piece: list[_Laid], start: int, target: Tensor) -> None:
        """What lies from `start` on, as far as `target` goes."""
        buffer = self._buffer()[: len(target)]
        for laid in piece:
            first, last = max(laid.start, start), min(laid.end, start + len(target))
            if first < last:
                buffer[first - start : last - start] = laid.stored[first - laid.start : last - laid.start]
        target.copy_(buffer, non_blocking=True)
        self._free[self._turn % 2].record(torch.cuda.current_stream(self._device))
        self._turn += 1

    def _buffer(self) -> Tensor:
        """One of the two, once the device has copied what lay in it."""
        if len(self._buffers) <= self._turn % 2:
            self._buffers.append(torch.empty(PIECE, dtype=torch.uint8, pin_memory=True))
            self._free.append(torch.cuda.Event(blocking=True))  # type: ignore[no-untyped-call]
        elif self._turn > 1:
            self._free[self._turn % 2].synchronize()
        return self._buffers[self._turn % 2]


def _length(tensor: Tensor) -> int:
    """Bytes that are laid into a piece."""
    return tensor.stored.nbytes if isinstance(tensor, Quantised) else tensor.nbytes


def _pieces(tensors: Iterable[tuple[str, Tensor]]) -> Iterator[list[_Laid]]:
    """In their order, as many as go into a copy; alone what is larger than that, or isn't in main memory."""
    piece: list[_Laid] = []
    for path, tensor in tensors:
        if tensor.device.type != "cpu":
            yield [_Laid(path, tensor, 0)]
            continue
        start = -(-piece[-1].end // _APART) * _APART if piece else 0
        if piece and start + _length(tensor) > PIECE:
            yield piece
            piece, start = [], 0
        piece.append(_Laid(path, tensor, start))
    if piece:
        yield piece
