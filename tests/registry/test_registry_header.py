"""Headers: what is valid is read exactly, what is broken or hostile is refused with a reason and costs nothing."""

import contextlib
import hashlib
import json
import os
import stat
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from declared import header_json, write, write_raw
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from imagine.registry.header import MAX_HEADER_BYTES, Header, parse_header, read_header
from imagine.words.errors import UnusableModel


def one(dtype="F16", shape=(2, 3), offsets=(0, 12), name="a"):
    return json.dumps({name: {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}).encode()


def refusal(path):
    with pytest.raises(UnusableModel) as caught:
        read_header(path)
    return str(caught.value)


def refusal_of(tmp_path, text, data_size=0, length=None):
    return refusal(write_raw(tmp_path / "x.safetensors", text, data_size, length))


@contextlib.contextmanager
def unprivileged(folder):
    """As a user whom permissions bind, who may enter `folder`; root passes every check."""
    folder.chmod(0o755)
    if os.geteuid() == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(os.getuid())


def test_reads_what_the_safetensors_library_writes(tmp_path):
    import numpy as np

    tensors = {"b": np.ones((2, 3), np.float16), "a": np.ones(5, np.float32), "none": np.ones((0, 4), np.int64)}
    path = tmp_path / "x.safetensors"
    save_file(tensors, path, metadata={"format": "np", "shape": "not a shape"})
    header = read_header(path)
    assert {name: (info.dtype, info.shape) for name, info in header.tensors.items()} == {
        "b": ("F16", (2, 3)),
        "a": ("F32", (5,)),
        "none": ("I64", (0, 4)),
    }
    assert header.metadata == {"format": "np", "shape": "not a shape"}
    raw = path.read_bytes()
    info = header.tensors["a"]
    data = raw[header.data_start :][info.start : info.end]
    assert np.frombuffer(data, np.float32).tolist() == [1.0] * 5
    assert header.digest == hashlib.sha256(raw[: header.data_start]).hexdigest()
    assert header.size == len(raw)


def test_reads_every_dtype_of_the_format_at_its_size(tmp_path):
    widths = {
        64: ["U64", "I64", "F64", "C64"],
        32: ["U32", "I32", "F32"],
        16: ["U16", "I16", "F16", "BF16"],
        8: ["BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"],
        6: ["F6_E2M3", "F6_E3M2"],
        4: ["F4"],
    }
    for width, dtypes in widths.items():
        for dtype in dtypes:
            info = read_header(write(tmp_path / "x.safetensors", {"a": (8, 3)}, dtype=dtype)).tensors["a"]
            assert (info.dtype, info.end - info.start) == (dtype, 3 * width)


def test_the_order_of_declaration_need_not_be_that_of_the_bytes(tmp_path):
    first = {"dtype": "U8", "shape": [4], "data_offsets": [4, 8]}
    second = {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}
    path = write_raw(tmp_path / "x.safetensors", json.dumps({"late": first, "early": second}).encode(), 8)
    assert read_header(path).tensors["early"].start == 0


@pytest.mark.parametrize("name", ["data_offsets", "x{}y", '"quoted"', "имя", "__metadata__x"])
def test_odd_names_are_only_names(tmp_path, name):
    text, size = header_json({name: (3,), "b": (1,)}, metadata={})
    assert set(read_header(write_raw(tmp_path / "x.safetensors", text, size)).tensors) == {name, "b"}


@pytest.mark.parametrize(
    ("text", "data_size", "reason"),
    [
        (one(), 0, "it is truncated: its tensors need 12 bytes and only 0 are there"),
        (one(), 11, "it is truncated: its tensors need 12 bytes and only 11 are there"),
        (one(), 13, "it has 1 bytes after its last tensor"),
        (one(dtype="F7"), 12, "tensor 'a' has the unknown dtype 'F7'"),
        (one(offsets=(0, 13)), 13, "tensor 'a' takes 13 bytes, which is not its shape's size"),
        (one(offsets=(1, 13)), 13, "tensor 'a' leaves a hole before it"),
        (one(offsets=(12, 0)), 12, "tensor 'a' leaves a hole before it"),
        (one(shape=(2, -3)), 12, "its header is not valid: Expected `int` >= 0 - at `$[...].shape[1]`"),
        (one(shape=(2.0, 3)), 12, "its header is not valid: Expected `int`, got `float` - at `$[...].shape[0]`"),
        (one(shape=(1,) * 9), 12, "its header is not valid: Expected `array` of length <= 8 - at `$[...].shape`"),
        (b"[]", 0, "its header is not a JSON object"),
        (b"", 0, "its header is not a JSON object"),
        (b'{"a": 3}', 0, "its header is not valid: Expected `object`, got `int` - at `$[...]`"),
        (b'{"a": {"dtype": "F16", "shape": [1]}}', 2, "its header is not valid: Object missing required field"),
        (b'{"a": ', 0, "its header is not valid: Input data was truncated"),
        (b'{"__metadata__": {"a": 1}}', 0, "its header is not valid: Expected `str`, got `int`"),
        (b'{"__metadata__": ["a"]}', 0, "its header is not valid: Expected `object`, got `array`"),
        (b'{"\xff\xfe": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}}', 0, "is not valid UTF-8 at byte 2"),
    ],
)
def test_refuses_with_the_reason(tmp_path, text, data_size, reason):
    assert reason in refusal_of(tmp_path, text, data_size)


def test_refuses_overlapping_tensors(tmp_path):
    tensors = {n: {"dtype": "U8", "shape": [4], "data_offsets": [s, s + 4]} for n, s in (("a", 0), ("b", 3))}
    assert refusal_of(tmp_path, json.dumps(tensors).encode(), 7) == "tensor 'b' overlaps another"


@pytest.mark.parametrize("second", ["[0,4]", "[4,8]"])
def test_refuses_a_name_given_twice(tmp_path, second):
    tensor = '"a":{"dtype":"U8","shape":[4],"data_offsets":%s}'
    text = "{" + tensor % "[0,4]" + "," + tensor % second + "}"
    assert refusal_of(tmp_path, text.encode(), int(second[3])) == "its header names a tensor twice"


@pytest.mark.parametrize(
    "text", [b'{"a":' * 200_000, b'{"__metadata__":' + b'{"a":' * 200_000, b'{"a":' + b"[" * 200_000]
)
def test_refuses_deep_nesting(tmp_path, text):
    assert refusal_of(tmp_path, text).startswith(("its header is nested too deeply", "its header is not valid"))


def test_an_empty_or_short_file_is_no_safetensors_file(tmp_path):
    path = tmp_path / "x.safetensors"
    for size in (0, 7):
        path.write_bytes(b"\0" * size)
        assert refusal(path) == f"it is no safetensors file: it has only {size} bytes"
    path.write_bytes(b"\0" * 8)
    assert refusal(path) == "its header is not a JSON object"


def test_a_header_longer_than_the_file_is_truncated(tmp_path):
    reason = refusal_of(tmp_path, one(), 12, length=1000)
    assert reason == f"it is truncated: its header claims 1000 bytes and the file has only {8 + len(one()) + 12}"


@pytest.mark.parametrize("length", [2 * 10**9, 2**64 - 1, MAX_HEADER_BYTES])
def test_a_huge_claim_costs_nothing(tmp_path, length):
    """Even where the file, a hole, is as long as it claims."""
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(length.to_bytes(8, "little"))
        file.truncate(2 * 10**9 + 8)
    tracemalloc.start()
    try:
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_never_waits_for_a_fifo(tmp_path):
    os.mkfifo(tmp_path / "x.safetensors")
    assert refusal(tmp_path / "x.safetensors") == "it is not a regular file"


def test_never_waits_for_a_fifo_that_came_after_the_look(tmp_path, monkeypatch):
    fifo, regular = tmp_path / "x.safetensors", write_raw(tmp_path / "y", one(), 12).stat()
    os.mkfifo(fifo)
    monkeypatch.setattr(Path, "stat", lambda self, **_: regular)
    assert stat.S_ISREG(fifo.stat().st_mode)
    assert refusal(fifo) == "it is not a regular file"


def test_a_folder_a_dangling_link_and_a_loop_are_refused(tmp_path):
    (tmp_path / "folder.safetensors").mkdir()
    assert refusal(tmp_path / "folder.safetensors") == "it is not a regular file"
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "nothing")
    assert refusal(tmp_path / "link.safetensors") == "it can't be read: no such file or directory"
    (tmp_path / "loop.safetensors").symlink_to(tmp_path / "loop.safetensors")
    assert "symbolic links" in refusal(tmp_path / "loop.safetensors")


def test_a_file_one_may_not_read_says_so():
    with tempfile.TemporaryDirectory() as folder:
        path = write_raw(Path(folder) / "x.safetensors", one(), 12)
        path.chmod(0)
        with unprivileged(Path(folder)):
            assert refusal(path) == "it can't be read: permission denied"


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = write_raw(tmp_path / "x.safetensors", one(), 12)
    whole, read = path.stat().st_size, os.read
    monkeypatch.setattr(os, "read", lambda file, size: read(file, size) if size == 64 else b"")
    assert refusal(path) == "it became shorter while it was read"
    monkeypatch.undo()
    assert read_header(path).size == whole


TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F16", "U8", "F99", "", 3]),
        "shape": st.one_of(st.lists(st.integers(-1, 2**70), max_size=10), st.just("x")),
        "data_offsets": st.lists(st.integers(-1, 2**70), max_size=3),
    },
)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["a", "__metadata__", "data_offsets", "\0"]), TENSOR | JSON, max_size=4),
    st.binary(max_size=4),
)
@example({"__metadata__": {}}, b"")
def test_any_header_is_read_or_refused(header, garbage):
    text = json.dumps(header).encode() + garbage
    with contextlib.suppress(UnusableModel):
        assert isinstance(parse_header(text, 8 + len(text)), Header)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_are_read_or_refused(text, size):
    with contextlib.suppress(UnusableModel):
        assert isinstance(parse_header(text, size), Header)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 70), st.binary(min_size=1, max_size=3))
def test_any_damage_to_a_good_header_is_read_or_refused(at, bytes_):
    good = one()
    text = good[:at] + bytes_ + good[at + len(bytes_) :]
    with contextlib.suppress(UnusableModel):
        assert isinstance(parse_header(text, 8 + len(text) + 12), Header)
