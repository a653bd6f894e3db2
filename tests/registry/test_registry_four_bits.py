"""Files of four bits are told by the shapes that their weights say they have, and refused where those lie."""

import json
import math

import pytest
from declared import FLUX, header_json, under, write_raw

from tests.registry.listing import only

END = ".quant_state.bitsandbytes__nf4"
PREFIX = "model.diffusion_model."


def write_four(path, shapes, change=None):
    """A file of holes in which weights of two sides are in four bits, whose states `change` may spoil."""
    stored, dtypes, said = {}, {}, {}
    for name, shape in shapes.items():
        count = math.prod(shape)
        if len(shape) != 2:
            stored[name] = shape
            continue
        state = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": shape} | (change or {})
        said[name + END] = json.dumps(state).encode()
        stored |= {name: (count // 2, 1), f"{name}.absmax": (count // 64,), f"{name}.quant_map": (16,)}
        stored[name + END] = (len(said[name + END]),)
        dtypes |= {name: "U8", f"{name}.absmax": "F32", f"{name}.quant_map": "F32", name + END: "U8"}
    text, size = header_json(stored, dtype="BF16", dtypes=dtypes)
    write_raw(path, text, size)
    places = json.loads(text)
    with path.open("r+b") as file:
        for name, data in said.items():
            file.seek(8 + len(text) + places[name]["data_offsets"][0])
            file.write(data)


def test_a_denoiser_in_four_bits_is_told_as_in_sixteen(tmp_path):
    write_four(tmp_path / "x.safetensors", under(PREFIX, FLUX))
    entry = only(tmp_path)
    assert (entry.kind, entry.family, entry.variant, entry.dtype) == ("diffusion-model", "flux", "dev", "nf4")
    assert entry.problem is None
    weights = sum(math.prod(shape) for shape in FLUX.values() if len(shape) == 2)
    assert entry.sizes.denoiser.kept == weights // 2 + weights // 16, "and their scales"
    assert abs(entry.parameters - weights) < 0.02 * weights


@pytest.mark.parametrize(
    "change", [{"shape": [3072, 128]}, {"blocksize": 128}, {"blocksize": 63}, {"quant_type": "fp4"}, {"more": 1}]
)
def test_a_state_that_lies_is_refused_while_listed(tmp_path, change):
    write_four(tmp_path / "x.safetensors", under(PREFIX, FLUX), change)
    assert "not understood" in str(only(tmp_path).problem)
