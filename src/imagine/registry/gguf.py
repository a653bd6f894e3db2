"""The header of a GGUF file: what it holds, read and bounded; nothing here computes with such a file yet.

The format: "GGUF", a version, how many tensors and key-value pairs there are, the pairs, then a name, shape and type
for each tensor. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

from ..messages import message
from ..words.errors import UnusableModel
from .header import Header, TensorInfo
from .reading import read_exactly, regular_file

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_READ = (2**20, 8 * 2**20, 64 * 2**20)
"""Bytes that are read of a file, each time that fewer didn't hold its header."""
_MOST_TENSORS = 100_000
_MOST_PAIRS = 10_000
_DIMENSIONS = 8
_NUMBERS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each type of value that is a number."""
_TEXT, _ARRAY = 8, 9
_TYPES = {
    0: "float32", 1: "float16", 2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 10: "q2_k", 11: "q3_k",
    12: "q4_k", 13: "q5_k", 14: "q6_k", 15: "q8_k", 20: "iq4_nl", 23: "iq4_xs", 30: "bfloat16",
}  # fmt: skip
ENCODERS = {
    "t5": "t5", "t5encoder": "t5", "clip": "clip", "llama": "llm", "mistral3": "mistral3", "qwen2vl": "qwen2.5-vl",
    "qwen3": "qwen3", "qwen3vl": "qwen3", "gemma2": "gemma2", "gemma3": "gemma3",
}  # fmt: skip
"""By the architecture that llama.cpp's converters write of a language model."""


class Contents:
    """The declared tensors, as a safetensors header would have them; what most are stored as; the architecture."""

    def __init__(self, header: Header, dtype: str, architecture: str) -> None:
        self.header = header
        self.dtype = dtype
        self.architecture = architecture


def read_gguf(path: Path) -> Contents:
    """Read the header of the GGUF file at `path`. Raises UnusableModel, saying what is wrong with it."""
    with regular_file(path) as (file, size):
        data = b""
        for most in _READ:  # an image model's header is small; a language model's holds its vocabulary
            data += read_exactly(file, min(size, most) - len(data))
            try:
                return _contents(_GgufReader(data), size)
            except (struct.error, LookupError, OverflowError):
                if len(data) == size:
                    break
    raise UnusableModel(message("unfit.gguf_broken"))


class _GgufReader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def numbers(self, form: str) -> tuple[int, ...]:
        unpacked = struct.unpack_from("<" + form, self._data, self._at)
        self.skip(struct.calcsize("<" + form))
        return unpacked

    def number(self, form: str) -> int:
        return self.numbers(form)[0]

    def skip(self, count: int) -> None:
        self._at += count
        if self._at > len(self._data):
            raise IndexError

    def text(self) -> str:
        length, start = self.number("Q"), self._at
        self.skip(length)
        return self._data[start : self._at].decode("utf-8", "replace")

    def value(self, kind: int) -> str:
        """The text that a value is; "" for one of another type, which is passed over."""
        if kind == _TEXT:
            return self.text()
        if kind == _ARRAY:
            inner, count = self.number("I"), self.number("Q")
            if inner in _NUMBERS:
                self.skip(_NUMBERS[inner] * count)
            elif inner == _TEXT:
                for _ in range(count):
                    self.skip(self.number("Q"))
            else:
                raise IndexError
        else:
            self.skip(_NUMBERS[kind])
        return ""


def _contents(reader: _GgufReader, size: int) -> Contents:
    if struct.pack("<I", reader.number("I")) != MAGIC or reader.number("I") not in _VERSIONS:
        raise UnusableModel(message("unfit.gguf_version"))
    tensors, pairs = reader.numbers("QQ")
    if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
        raise UnusableModel(message("unfit.gguf_claims", tensors=tensors, pairs=pairs))
    metadata: dict[str, str] = {}
    for _ in range(pairs):
        name = reader.text()
        metadata[name] = reader.value(reader.number("I"))
    declared: dict[str, TensorInfo] = {}
    stored: dict[int, int] = {}
    for _ in range(tensors):
        name, dimensions = reader.text(), reader.number("I")
        if dimensions > _DIMENSIONS:
            raise IndexError
        shape = reader.numbers(f"{dimensions}Q")[::-1]  # it counts the innermost first
        kind, _ = reader.numbers("IQ")
        stored[kind] = stored.get(kind, 0) + math.prod(shape)
        declared[name] = TensorInfo("F16", shape, (0, 2 * math.prod(shape)))
    most = max(stored, key=lambda kind: stored[kind], default=-1)
    header = Header(tensors=declared, metadata={}, digest="", size=size, data_start=0)
    return Contents(header, _TYPES.get(most, f"ggml type {most}"), metadata.get("general.architecture", ""))
