"""The header of a safetensors file: which tensors it declares, read and checked without touching one of them.

The format: 8 bytes of little-endian length, that many bytes of JSON, then the tensors' bytes, laid end to end.
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from ..messages import Message, message
from ..words.errors import UnusableModel
from .reading import read_exactly, regular_file

MAX_HEADER_BYTES = 100_000_000
"""What the safetensors library itself accepts."""
MAX_TENSORS = 200_000
MAX_DIMENSIONS = 8

BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "C64": 64,
    "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Bits per element of every dtype of the format (safetensors 0.7)."""

Natural = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class TensorInfo(msgspec.Struct, frozen=True, gc=False):
    """One tensor as declared: `data_offsets` are its first byte and the one after its last, from the data's start."""

    dtype: str
    shape: Annotated[tuple[Natural, ...], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    data_offsets: tuple[Natural, Natural]

    @property
    def start(self) -> int:
        return self.data_offsets[0]

    @property
    def end(self) -> int:
        return self.data_offsets[1]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A checked header: the tensors tile the data exactly, and the data is all there.

    `digest` is the SHA-256, in hexadecimal, of the header with its 8 bytes of length; `size` the whole file's, in
    bytes; `data_start` where the data begins.
    """

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    digest: str
    size: int
    data_start: int


def joined(headers: Sequence[Header]) -> Header:
    """What files that are one declare together. Where a tensor lies is told by its own file's header alone."""
    digest = hashlib.sha256(b"".join(bytes.fromhex(each.digest) for each in headers)).hexdigest()
    tensors = {name: info for each in headers for name, info in each.tensors.items()}
    metadata = {key: value for each in headers for key, value in each.metadata.items()}
    return Header(
        tensors=tensors, metadata=metadata, digest=digest, size=sum(each.size for each in headers), data_start=0
    )


class _WithMetadata(msgspec.Struct):
    metadata: msgspec.Raw = msgspec.field(name="__metadata__", default=msgspec.Raw(b""))


_tensors = msgspec.json.Decoder(dict[str, TensorInfo])
_metadata = msgspec.json.Decoder(dict[str, str])
_with_metadata = msgspec.json.Decoder(_WithMetadata)
_EMPTY_TENSOR = b'{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'


_SPACE = b" \t\r\n"
_BEGINNINGS = (b"{", b" ", b"\t", b"\r", b"\n")
"""What the JSON of a header may begin with, as the safetensors library has it."""
_PICKLE = message("unfit.disguised_pickle")
_FOREIGN = (
    (b"version https://git-lfs", message("unfit.lfs")),
    (b"PK\x03\x04", _PICKLE),
    *((b"\x80" + bytes([protocol]), _PICKLE) for protocol in range(2, 6)),
    (b"GGUF", message("unfit.disguised_gguf")),
    (b"<", message("unfit.web_page")),
)
"""What other files begin with."""


def _foreign(first: bytes) -> Message | None:
    """What a file is that begins so, where that can be told and is no safetensors, whose length ends in zeros."""
    if not any(first[4:8]):
        return None
    start = first.lstrip(_SPACE + b"\xef\xbb\xbf")
    if what := next((what for beginning, what in _FOREIGN if start.startswith(beginning)), None):
        return what
    is_text = all(byte in _SPACE or 32 <= byte < 127 for byte in first)
    return message("unfit.plain_text") if is_text else None


def read_header(path: Path) -> Header:
    """Read and check the header of the safetensors file at `path`, a link included.

    Raises UnusableModel, saying in one sentence what is wrong with the file. Never blocks on a FIFO, and never
    allocates more than the file really holds.
    """
    with regular_file(path) as (file, size):
        text = read_text(file, size)
    return parse_header(text, size)


def read_text(file: int, size: int) -> bytes:
    """The JSON of `file`, which has `size` bytes."""
    if size < 8:
        raise UnusableModel(message("unfit.too_small", size=size))
    first = os.read(file, 64)
    if what := _foreign(first):
        raise UnusableModel(what)
    length = int.from_bytes(first[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise UnusableModel(message("unfit.header_size", size=length, most=MAX_HEADER_BYTES))
    if length > size - 8:
        raise UnusableModel(message("unfit.header_cut", claimed=length, size=size))
    if first[8:9] not in _BEGINNINGS:  # nothing is allocated for a claim that begins wrong
        raise UnusableModel(message("unfit.header_object"))
    os.lseek(file, 8, os.SEEK_SET)
    return read_exactly(file, length)


def parse_header(text: bytes, size: int) -> Header:
    """Check `text`, the JSON in the header of a file of `size` bytes. Raises UnusableModel."""
    data_start = 8 + len(text)
    sha256 = hashlib.sha256(len(text).to_bytes(8, "little"))
    sha256.update(text)
    if not text.lstrip(_SPACE).startswith(b"{"):
        raise UnusableModel(message("unfit.header_object"))
    try:
        if not text.isascii():
            text.decode("utf-8")
        metadata, text = _split_metadata(text)
        tensors = _decode_tensors(text)
    except UnicodeDecodeError as error:
        raise UnusableModel(message("unfit.header_utf8", at=error.start)) from error
    except RecursionError as error:
        raise UnusableModel(message("unfit.header_deep")) from error
    except msgspec.DecodeError as error:
        raise UnusableModel(message("unfit.header_invalid", why=str(error))) from error
    if fault := _layout_fault(tensors, size - data_start):
        raise UnusableModel(fault)
    return Header(tensors=tensors, metadata=metadata, digest=sha256.hexdigest(), size=size, data_start=data_start)


def _split_metadata(text: bytes) -> tuple[dict[str, str], bytes]:
    """The `__metadata__`, and the header with an empty tensor in its place, so that one typed pass reads the rest."""
    if b'"__metadata__"' not in text:
        return {}, text
    raw = bytes(_with_metadata.decode(text).metadata)
    if not raw:
        return {}, text
    at = text.index(raw, text.index(b'"__metadata__"'))
    metadata = {} if raw == b"null" else _metadata.decode(raw)
    return metadata, b"".join((text[:at], _EMPTY_TENSOR, memoryview(text)[at + len(raw) :]))


def _decode_tensors(text: bytes) -> dict[str, TensorInfo]:
    declared = text.count(b'"data_offsets"')
    if declared > MAX_TENSORS:
        raise UnusableModel(message("unfit.header_tensors", count=declared, most=MAX_TENSORS))
    tensors = _tensors.decode(text)
    # A name given twice would hide its first tensor; the second count is for a tensor that is called data_offsets.
    if declared != len(tensors) and len(re.findall(rb'"data_offsets"\s*:\s*\[', text)) != len(tensors):
        raise UnusableModel(message("unfit.tensor_twice"))
    tensors.pop("__metadata__", None)
    return tensors


def _layout_fault(tensors: dict[str, TensorInfo], data_size: int) -> Message | None:
    """What is wrong with how the tensors lie in `data_size` bytes of data, or None."""
    ordered = list(tensors.items())
    # Writers declare tensors in the order of their bytes; sorting is for the file that does not.
    if _tiling_fault(ordered):
        ordered.sort(key=lambda item: item[1].data_offsets)
        if fault := _tiling_fault(ordered):
            return fault
    ends = ordered[-1][1].end if ordered else 0
    if ends > data_size:
        return message("unfit.truncated", need=ends, size=data_size)
    if ends < data_size:
        return message("unfit.trailing", size=data_size - ends)
    return None


def _tiling_fault(tensors: Iterable[tuple[str, TensorInfo]]) -> Message | None:
    """What keeps tensors, in the order of their bytes, from lying end to end at the size of their shape, or None."""
    expected, bits, product = 0, BITS, math.prod
    for name, info in tensors:
        start, end = info.data_offsets
        if start != expected:
            return message("unfit.overlap" if start < expected else "unfit.hole", name=name[:200])
        width = bits.get(info.dtype)
        if width is None:
            return message("unfit.dtype", name=name[:200], dtype=info.dtype[:40])
        if product(info.shape) * width != (end - start) * 8:
            return message("unfit.tensor_size", name=name[:200], size=end - start)
        expected = end
    return None
