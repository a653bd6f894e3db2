"""The header of a GGUF file is believed in nothing: not in counts, shapes, places, nor in what it says twice."""

import io
import random
import struct
import tracemalloc

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagine.formats.gguf import KINDS, read_gguf_header
from imagine.words.errors import UnusableModel
from tests.quantised_files import Kind, write_gguf


def text(said):
    data = said.encode()
    return struct.pack("<Q", len(data)) + data


def tensor(name, shape, kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind, offset)


def shape_before(name, *sides, kind=5):
    return text(f"comfy.gguf.orig_shape.{name}") + struct.pack(f"<IIQ{len(sides)}i", 9, kind, len(sides), *sides)


def file_of(*tensors, pairs=(), data=4096):
    return b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join((*pairs, *tensors)) + bytes(data)


def read(data):
    return read_gguf_header(io.BytesIO(data).read, len(data))


def alignment(number):
    return text("general.alignment") + struct.pack("<II", 4, number)


def test_it_says_what_the_writers_own_reader_says(tmp_path):
    tensors = {"a.weight": torch.randn(8, 256), "b.weight": torch.randn(8, 4, 4, 4), "c.bias": torch.randn(5)}
    write_gguf(tmp_path / "x.gguf", tensors, "Q4_0")
    data = (tmp_path / "x.gguf").read_bytes()
    header = read(data)
    assert header.architecture == "sdxl"
    assert {name: one.shape for name, one in header.tensors.items()} == {n: tuple(t.shape) for n, t in tensors.items()}
    for theirs in gguf.GGUFReader(tmp_path / "x.gguf").tensors:
        ours = header.tensors[theirs.name]
        assert (ours.start, ours.end) == (theirs.data_offset, theirs.data_offset + theirs.n_bytes)
        assert ours.kind == KINDS[theirs.tensor_type].name


def test_kinds_have_ggmls_sizes():
    assert {number: kind[1:] for number, kind in KINDS.items()} == {
        number: sizes for number, sizes in gguf.GGML_QUANT_SIZES.items() if number in KINDS
    }
    assert {Kind(number).name.lower() for number in KINDS} == {
        {"float32": "f32", "float16": "f16", "bfloat16": "bf16", "float64": "f64", "int8": "i8", "int16": "i16",
         "int32": "i32", "int64": "i64"}.get(kind.name, kind.name)
        for kind in KINDS.values()
    }  # fmt: skip


HONEST = file_of(tensor("a", (4, 64)), tensor("b", (32,), offset=1024), pairs=[shape_before("a", 2, 2, 64)])
LIES = {
    "beyond the end": file_of(tensor("a", (4, 1024))),
    "begins beyond it": file_of(tensor("a", (4,), offset=2**40)),
    "as far as numbers go": file_of(tensor("a", (4,), offset=2**64 - 32)),
    "more than there can be": file_of(tensor("a", (2**63, 2**63))),
    "none": file_of(tensor("a", (0, 4))),
    "within another": file_of(tensor("a", (4, 64)), tensor("b", (4,), offset=512)),
    "at no place of its own": file_of(tensor("a", (4,), offset=2)),
    "half a block": file_of(tensor("a", (4, 48), kind=8)),
    "twice": file_of(tensor("a", (4,)), tensor("a", (4,), offset=32)),
    "another number of numbers": file_of(tensor("a", (4, 64)), pairs=[shape_before("a", 4, 63)]),
    "two wrongs": file_of(tensor("a", (4, 64)), pairs=[shape_before("a", -4, -64)]),
    "no shape": file_of(tensor("a", (4, 64)), pairs=[shape_before("a", 1, 1, 1, 1, 1, 1, 1, 1, 256)]),
    "a shape of floats": file_of(tensor("a", (4, 64)), pairs=[shape_before("a", 4, 64, kind=6)]),
    "no alignment": file_of(tensor("a", (4,)), pairs=[alignment(0)]),
    "an odd alignment": file_of(tensor("a", (4,)), pairs=[alignment(24)]),
    "a vast alignment": file_of(tensor("a", (4,)), pairs=[alignment(2**31)]),
    "a text of an alignment": file_of(
        tensor("a", (4,)), pairs=[text("general.alignment") + struct.pack("<I", 8) + text("32")]
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_refused(lie):
    assert read(HONEST).tensors["a"].shape == (2, 2, 64)
    with pytest.raises(UnusableModel):
        read(LIES[lie])


def test_whatever_bytes_are_changed_it_is_read_within_the_file_or_refused():
    rng = random.Random(0)
    for _ in range(3000):
        data = bytearray(HONEST)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(HONEST) - 4096)] = rng.choice((0, 1, 255, rng.randrange(256)))
        try:
            header = read(bytes(data))
        except UnusableModel:
            continue
        for one in header.tensors.values():
            assert 0 <= one.start <= one.end <= len(data)
            kind = next((kind for kind in KINDS.values() if kind.name == one.kind), None)
            assert kind is None or int(np.prod(one.shape)) * kind.nbytes == (one.end - one.start) * kind.elements


_TEXTS = st.sampled_from(["general.alignment", "general.architecture", "comfy.gguf.orig_shape.a", "a", "", "é"])
_KINDS, _DATA = st.integers(0, 14), st.binary(max_size=64)
_COUNTS = st.sampled_from([0, 1, 2, 8, 9, 2**31, 2**62, 2**64 - 1])
_PAIRS = st.one_of(
    st.builds(lambda name, *form, data: text(name) + struct.pack("<I", *form) + data, _TEXTS, _KINDS, data=_DATA),
    st.builds(
        lambda name, *form, data: text(name) + struct.pack("<IIQ", 9, *form) + data, _TEXTS, _KINDS, _COUNTS, data=_DATA
    ),
)
_SIDES = st.lists(st.sampled_from([0, 1, 4, 32, 64, 256, 2**31, 2**63, 2**64 - 1]), max_size=9)
_TENSORS = st.builds(tensor, _TEXTS, _SIDES, st.integers(0, 40), st.sampled_from([0, 2, 32, 4096, 2**40, 2**64 - 32]))


@given(st.lists(_PAIRS, max_size=3), st.lists(_TENSORS, max_size=4), st.integers(0, 2**64 - 1) | st.none())
def test_whatever_it_declares_it_is_read_within_the_file_or_refused(pairs, tensors, claimed):
    """In little memory and time, however much it claims: no loop is longer than what the file has."""
    data = bytearray(file_of(*tensors, pairs=pairs))
    if claimed is not None:
        data[8:16] = struct.pack("<Q", claimed)
    tracemalloc.start()
    try:
        header = read(bytes(data))
        assert all(one.start <= one.end <= len(data) for one in header.tensors.values())
    except UnusableModel:
        pass
    finally:
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 100 * len(data)
