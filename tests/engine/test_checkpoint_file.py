"""The tensors that are mapped are those that the safetensors library reads, wherever they lie and whatever they are."""

import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from imagine.engine.loading.checkpoint_file import CheckpointFile

DTYPES = [
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
]  # fmt: skip
OTHERS = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fnuz]
"""Which nothing here computes with."""


def written(path: Path, dtypes: list[torch.dtype], spaces: int = 0) -> bytes:
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for number, dtype in enumerate(dtypes):
        for shape in ((), (0,), (3,), (2, 3, 5)):
            made = torch.randint(0, 2, shape, generator=generator).to(dtype)
            tensors[f"{number}.{len(shape)}.{made.numel()}"] = made
    raw = save(tensors, metadata={"said": "so"})
    (length,) = struct.unpack("<Q", raw[:8])
    path.write_bytes(struct.pack("<Q", length + spaces) + raw[8 : 8 + length] + b" " * spaces + raw[8 + length :])
    return raw


@pytest.mark.parametrize("spaces", range(4))
@pytest.mark.parametrize("dtypes", [DTYPES, [*DTYPES, *OTHERS]], ids=["usual", "all"])
def test_the_tensors_are_those_of_the_library(dtypes: list[torch.dtype], spaces: int, tmp_path: Path) -> None:
    raw = written(tmp_path / "some.safetensors", dtypes, spaces)
    file = CheckpointFile(str(tmp_path / "some.safetensors"))
    assert file.metadata == {"said": "so"}
    expected = load(raw)
    assert expected.keys() == set(file.names)
    for name, tensor in expected.items():
        mapped = file.read(name)
        assert (file.stored(name), file.shape(name)) == (tensor.dtype, tuple(tensor.shape))
        assert (mapped.dtype, mapped.shape) == (tensor.dtype, tensor.shape)
        assert mapped.clone().view(-1).view(torch.uint8).tolist() == tensor.view(-1).view(torch.uint8).tolist()


def test_what_is_written_to_a_tensor_does_not_reach_the_file(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    written(path, [torch.float32])
    before = path.read_bytes()
    CheckpointFile(str(path)).read("0.3.30").fill_(7)
    assert path.read_bytes() == before
