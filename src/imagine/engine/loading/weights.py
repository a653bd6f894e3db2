"""What networks are built from: named tensors, whose shapes are known at once and which are read when they are wanted.

The one seam between formats of files and networks. A checkpoint of safetensors is one, all shards of a folder together
are one, and what reads another through other names or in another dtype is one as well.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

Metadata = Mapping[str, str]
Tensors = dict[str, Tensor]


class Weights(Protocol):
    """Tensors by name. None is read before it is asked for."""

    @property
    def metadata(self) -> Metadata:
        """What the file says beside its tensors."""

    @property
    def names(self) -> Collection[str]:
        """Of all tensors."""

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor."""

    def stored(self, name: str) -> torch.dtype:
        """What a tensor is read as."""

    def read(self, name: str) -> Tensor:
        """A tensor, mapped or made: on the CPU, unless it had to be made on the device."""


class Renamed:
    """Other weights under other names."""

    def __init__(self, weights: Weights, names: Mapping[str, str]) -> None:
        """`names`: what is read under which name, by the one that it has here."""
        self._weights, self._names = weights, names
        self.metadata = weights.metadata

    @property
    def names(self) -> Collection[str]:
        return self._names.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._weights.shape(self._names[name])

    def stored(self, name: str) -> torch.dtype:
        return self._weights.stored(self._names[name])

    def read(self, name: str) -> Tensor:
        return self._weights.read(self._names[name])


class Shards:
    """Several files' weights as one; of a name that two have, the later's counts."""

    def __init__(self, files: Sequence[Weights]) -> None:
        self._by_name = {name: file for file in files for name in file.names}
        self.metadata: Metadata = {key: value for file in files for key, value in file.metadata.items()}

    @property
    def names(self) -> Collection[str]:
        return self._by_name.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._by_name[name].shape(name)

    def stored(self, name: str) -> torch.dtype:
        return self._by_name[name].stored(name)

    def read(self, name: str) -> Tensor:
        return self._by_name[name].read(name)


def read_all(weights: Weights) -> dict[str, Tensor]:
    """All of its tensors."""
    return {name: weights.read(name) for name in weights.names}
