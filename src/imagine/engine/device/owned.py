"""What tensors take of main memory for good."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from ..quantised.tensor import Quantised


def owned_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes that these take of main memory and that only their end gives back: not of an accelerator's, and not those
    of files, which the system lets go of by itself."""
    parts = [part for tensor in tensors for part in _parts(tensor) if part.device.type == "cpu"]
    storages = {storage.data_ptr(): storage for part in parts if (storage := part.untyped_storage()).resizable()}
    return sum(storage.nbytes() for storage in storages.values())


def _parts(tensor: Tensor) -> list[Tensor]:
    if not isinstance(tensor, Quantised):
        return [tensor]
    return [tensor.stored] if tensor.scale is None else [tensor.stored, tensor.scale]
