"""A GGUF file as tensors that lie in the mapped file: plain ones as they are, others kept as they are stored.

Such a file says where each of its tensors lies: what `formats/gguf.py` has checked, before anything is mapped.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from torch import Tensor

from ...files.reading import NotRegular, regular_file
from ...formats.gguf import KINDS, GgufValue, StoredTensor, read_gguf_header
from ...messages import message
from ...words.errors import UnusableModel
from ..quantised.blocks import BLOCKS
from ..quantised.tensor import Quantised
from .weights import Metadata

GGUF = ".gguf"
_PLAIN = {
    "float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16,
}  # fmt: skip
_BYTES = {kind.name: kind.nbytes for kind in KINDS.values()}
VOCABULARY = "tekken_model"
"""What Comfy-Org calls Mistral's own JSON among the weights: bytes, whatever they are said to be."""


class GgufFile:
    """The weights in the file at `path`, what it says beside them, and its size in bytes (`nbytes`).

    What is quantised is read to be numbers of `dtype`. Raises UnusableModel for a missing, truncated or hostile file,
    and for kinds of tensors that no numbers are made of here.
    """

    def __init__(self, path: str, dtype: torch.dtype) -> None:
        try:
            with regular_file(Path(path)) as (file, self.nbytes), open(file, "rb", closefd=False) as opened:
                header = read_gguf_header(opened.read, self.nbytes)
            self._data = torch.empty(0, dtype=torch.uint8)
            storage = torch.UntypedStorage.from_file(path, shared=False, nbytes=self.nbytes)
            self._data.set_(storage)  # type: ignore[arg-type]
        except NotRegular as error:
            raise UnusableModel(message("weights.not_there")) from error
        except (OSError, RuntimeError) as error:
            raise UnusableModel(message("weights.not_whole", why=str(error))) from error
        for name, tensor in header.tensors.items():
            if tensor.kind not in _PLAIN and tensor.kind not in BLOCKS and not name.endswith(VOCABULARY):
                raise UnusableModel(message("unfit.quantised", how=tensor.kind))
        self._tensors, self._dtype = header.tensors, dtype
        self.metadata: Metadata = {key: value for key, value in header.metadata.items() if isinstance(value, str)}

    @property
    def names(self) -> Collection[str]:
        return self._tensors.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape

    def stored(self, name: str) -> torch.dtype:
        return _PLAIN.get(self._tensors[name].kind, self._dtype)

    def read(self, name: str) -> Tensor:
        """The mapped file itself. What has one side is no network's bulk, and is widened at once."""
        tensor = self._tensors[name]
        stored = self._data[tensor.start : tensor.end]
        if name.endswith(VOCABULARY):
            return stored
        if (plain := _PLAIN.get(tensor.kind)) is not None:
            return stored.view(plain).view(tensor.shape)
        kept = self._kept(tensor, stored)
        return kept if len(tensor.shape) > 1 else kept.dequantised()

    def _kept(self, tensor: StoredTensor, stored: Tensor) -> Quantised:
        return Quantised(stored.view(-1, _BYTES[tensor.kind]), tensor.kind, tensor.shape, self._dtype)


def gguf_lists(path: str, lists: Collection[str]) -> Mapping[str, GgufValue]:
    """Those of a file's header, by their names, and what else it says. Raises UnusableModel."""
    try:
        with regular_file(Path(path)) as (file, nbytes), open(file, "rb", closefd=False) as opened:
            return read_gguf_header(opened.read, nbytes, lists=lists).metadata
    except OSError as error:
        raise UnusableModel(message("weights.not_whole", why=str(error))) from error
