"""The header of a GGUF file: which tensors it holds, where and as what, checked against the size of the file.

The format: "GGUF", a version, how many tensors and key-value pairs there are, the pairs, then a name, shape, kind and
place for each tensor, then their bytes. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from ..messages import message
from ..words.errors import UnusableModel
from .llama_names import with_transformers_names

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_READ = (2**20, 8 * 2**20, 64 * 2**20)
"""Bytes that are read of a file, each time that fewer didn't hold its header."""
_MOST_TENSORS = 100_000
_MOST_PAIRS = 10_000
_DIMENSIONS = 8
_MOST_ELEMENTS = 2**48
_ALIGNMENT = "general.alignment"
_USUAL_ALIGNMENT, _MOST_ALIGNMENT = 32, 2**20
ARCHITECTURE = "general.architecture"
_SHAPE_BEFORE = "comfy.gguf.orig_shape."
"""Where city96's converter says the shape of what it laid in rows of 256 (https://github.com/city96/ComfyUI-GGUF,
`tools/convert.py`, Apache-2.0)."""
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
"""How `struct` calls each type of value that is a number."""
_TEXT, _ARRAY = 8, 9

GgufValue = str | int | tuple[int, ...] | tuple[str, ...]


class BlockKind(NamedTuple):
    """What tensors are stored as: so many numbers in so many bytes each time. https://github.com/ggml-org/ggml, the
    structs of `ggml-common.h` (MIT)."""

    name: str
    elements: int
    nbytes: int


KINDS = {
    0: BlockKind("float32", 1, 4), 1: BlockKind("float16", 1, 2), 2: BlockKind("q4_0", 32, 18),
    3: BlockKind("q4_1", 32, 20), 6: BlockKind("q5_0", 32, 22), 7: BlockKind("q5_1", 32, 24),
    8: BlockKind("q8_0", 32, 34), 10: BlockKind("q2_k", 256, 84),
    11: BlockKind("q3_k", 256, 110), 12: BlockKind("q4_k", 256, 144), 13: BlockKind("q5_k", 256, 176),
    14: BlockKind("q6_k", 256, 210), 15: BlockKind("q8_k", 256, 292), 16: BlockKind("iq2_xxs", 256, 66),
    17: BlockKind("iq2_xs", 256, 74), 18: BlockKind("iq3_xxs", 256, 98), 19: BlockKind("iq1_s", 256, 50),
    20: BlockKind("iq4_nl", 32, 18), 21: BlockKind("iq3_s", 256, 110), 22: BlockKind("iq2_s", 256, 82),
    23: BlockKind("iq4_xs", 256, 136), 24: BlockKind("int8", 1, 1), 25: BlockKind("int16", 1, 2),
    26: BlockKind("int32", 1, 4), 27: BlockKind("int64", 1, 8), 28: BlockKind("float64", 1, 8),
    29: BlockKind("iq1_m", 256, 56), 30: BlockKind("bfloat16", 1, 2), 34: BlockKind("tq1_0", 256, 54),
    35: BlockKind("tq2_0", 256, 66), 39: BlockKind("mxfp4", 32, 17),
}  # fmt: skip
"""By the number that a file says."""
DEQUANTISED = frozenset({
    "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs",
})  # fmt: skip
"""Those of them that the engine makes numbers of, beside plain floats."""


class StoredTensor(NamedTuple):
    """One tensor: its bytes are the file's from `start` to `end`; both are 0 where its kind isn't one of `KINDS`."""

    shape: tuple[int, ...]
    kind: str
    start: int
    end: int


class GgufHeader(NamedTuple):
    """Checked: every tensor of a kind that is known lies within the file, and none in another."""

    tensors: dict[str, StoredTensor]
    """By name; of text encoders, by transformers' names."""
    metadata: dict[str, GgufValue]
    """But for lists longer than a shape that weren't asked for."""
    digest: str
    """The SHA-256 of the header, in hexadecimal."""

    @property
    def architecture(self) -> str:
        """What model its converter says that it is of."""
        return str(self.metadata.get(ARCHITECTURE, ""))


def read_gguf_header(read: Callable[[int], bytes], size: int, *, lists: Collection[str] = ()) -> GgufHeader:
    """The header of a file of so many bytes, with those of its long `lists`; `read` gives as many of the next as it is
    told. Raises UnusableModel."""
    data = b""
    for most in _READ:  # an image model's header is small; a language model's holds its vocabulary
        data += read(min(size, most) - len(data))
        try:
            return _header(_HeaderFields(data), size, lists)
        except (struct.error, LookupError, OverflowError):
            if len(data) == size:
                break
    raise _broken()


class _HeaderFields:
    """What follows each other at the beginning of a file. Raises LookupError, struct.error at its end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def numbers(self, form: str) -> tuple[int, ...]:
        unpacked = struct.unpack_from("<" + form, self.data, self.at)
        self.skip(struct.calcsize("<" + form))
        return unpacked

    def number(self, form: str) -> int:
        return self.numbers(form)[0]

    def skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self.data):
            raise IndexError

    def text(self) -> str:
        length, start = self.number("Q"), self.at
        self.skip(length)
        return self.data[start : self.at].decode("utf-8", "replace")

    def value(self, kind: int, *, whole: bool) -> GgufValue:
        """A value of that type; () for a list that is passed over, as long ones are that needn't be `whole`."""
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY:
            return self.number(_NUMBERS[kind])
        inner, count = self.number("I"), self.number("Q")
        if inner == _TEXT:
            if whole:
                return tuple([self.text() for _ in range(count)])
            for _ in range(count):
                self.skip(self.number("Q"))
            return ()
        form = _NUMBERS[inner]
        if count <= _DIMENSIONS or whole:
            return self.numbers(f"{count}{form}")
        self.skip(struct.calcsize("<" + form) * count)
        return ()


class _Declared(NamedTuple):
    shape: tuple[int, ...]
    kind: int
    offset: int


def _header(fields: _HeaderFields, size: int, lists: Collection[str]) -> GgufHeader:
    if struct.pack("<I", fields.number("I")) != MAGIC or fields.number("I") not in _VERSIONS:
        raise UnusableModel(message("unfit.gguf_version"))
    tensors, pairs = fields.numbers("QQ")
    if tensors > _MOST_TENSORS or pairs > _MOST_PAIRS:
        raise UnusableModel(message("unfit.gguf_claims", tensors=tensors, pairs=pairs))
    metadata: dict[str, GgufValue] = {}
    for _ in range(pairs):
        name = fields.text()
        metadata[name] = fields.value(fields.number("I"), whole=name in lists)
    declared: dict[str, _Declared] = {}
    for _ in range(tensors):
        name, dimensions = fields.text(), fields.number("I")
        if dimensions > _DIMENSIONS:
            raise IndexError
        shape = fields.numbers(f"{dimensions}Q")[::-1]  # it counts the innermost first
        declared[name] = _Declared(shape, *fields.numbers("IQ"))
    if len(declared) != tensors:
        raise UnusableModel(message("unfit.tensor_twice"))
    alignment = _alignment(metadata)
    data_start = -(-fields.at // alignment) * alignment
    stored = {name: _stored(name, one, data_start, alignment, metadata) for name, one in declared.items()}
    _check_places(stored.values(), size)
    named = with_transformers_names(str(metadata.get(ARCHITECTURE, "")), stored)
    return GgufHeader(named, metadata, hashlib.sha256(fields.data[: fields.at]).hexdigest())


def _alignment(metadata: dict[str, GgufValue]) -> int:
    """Where tensors begin."""
    stated = metadata.get(_ALIGNMENT, _USUAL_ALIGNMENT)
    if not isinstance(stated, int) or not 8 <= stated <= _MOST_ALIGNMENT or stated & (stated - 1):
        raise _broken()
    return stated


def _stored(
    name: str, declared: _Declared, data_start: int, alignment: int, metadata: dict[str, GgufValue]
) -> StoredTensor:
    elements = math.prod(declared.shape)
    if not 0 < elements <= _MOST_ELEMENTS or declared.offset % alignment:
        raise _broken()
    said = metadata.get(_SHAPE_BEFORE + name, declared.shape)
    shape = tuple(side for side in said if type(side) is int and side > 0) if isinstance(said, tuple) else ()
    if not isinstance(said, tuple) or len(shape) != len(said) or math.prod(shape) != elements:
        raise _broken()
    kind = KINDS.get(declared.kind)
    if kind is None:
        return StoredTensor(shape, f"ggml type {declared.kind}", 0, 0)
    if declared.shape and declared.shape[-1] % kind.elements:
        raise _broken()
    start = data_start + declared.offset
    return StoredTensor(shape, kind.name, start, start + elements // kind.elements * kind.nbytes)


def _check_places(tensors: Iterable[StoredTensor], size: int) -> None:
    """Raises UnusableModel unless all of them lie in a file of so many bytes, each by itself."""
    before = 0
    for start, end in sorted((tensor.start, tensor.end) for tensor in tensors if tensor.end):
        if start < before or end > size:
            raise _broken()
        before = end


def _broken() -> UnusableModel:
    return UnusableModel(message("unfit.gguf_broken"))
