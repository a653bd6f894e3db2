"""GGUF files as the registry tells files apart: their header in the words of a safetensors one."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..formats.gguf import StoredTensor, read_gguf_header
from .header import Header, TensorInfo
from .reading import read_exactly, regular_file

ENCODERS = {
    "t5": "t5", "t5encoder": "t5", "clip": "clip", "llama": "llm", "mistral3": "mistral3", "qwen2vl": "qwen2.5-vl",
    "qwen3": "qwen3", "qwen3vl": "qwen3", "gemma2": "gemma2", "gemma3": "gemma3",
}  # fmt: skip
"""By the architecture that llama.cpp's converters write of a language model."""
_PLAIN = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int8": "I8"}
"""What safetensors calls the kinds that it has too."""


class Contents(NamedTuple):
    """The declared tensors, as a safetensors header would have them, and the architecture that the file says."""

    header: Header
    architecture: str


def read_gguf(path: Path) -> Contents:
    """Read the header of the GGUF file at `path`. Raises UnusableModel, saying what is wrong with it."""
    with regular_file(path) as (file, size):
        read = read_gguf_header(partial(read_exactly, file), size)
    tensors = {name: _info(tensor) for name, tensor in read.tensors.items()}
    metadata = {key: value for key, value in read.metadata.items() if isinstance(value, str)}
    # Places are the file's own: nothing is before its data.
    header = Header(tensors=tensors, metadata=metadata, digest=read.digest, size=size, data_start=0)
    return Contents(header, read.architecture)


def _info(tensor: StoredTensor) -> TensorInfo:
    return TensorInfo(_PLAIN.get(tensor.kind, tensor.kind.upper()), tensor.shape, (tensor.start, tensor.end))
