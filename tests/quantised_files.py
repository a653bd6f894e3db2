"""GGUF files for tests, written by the `gguf` package as converters do; and weights of four bits as bitsandbytes has
them, written and read by what is published of them."""

import json
import statistics

import gguf
import numpy as np
import torch

Kind = gguf.GGMLQuantizationType
BLOCKED = (
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS",
)  # fmt: skip
"""Kinds of blocks that numbers are made of."""
_HALVES = {
    "Q4_0": (0,), "Q4_1": (0, 2), "Q5_0": (0,), "Q5_1": (0, 2), "Q8_0": (0,), "Q2_K": (80, 82), "Q3_K": (108,),
    "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_NL": (0,), "IQ4_XS": (0,),
}  # fmt: skip
"""Where in a block its float16 numbers lie."""


def random_blocks(kind, count, seed=0):
    """Blocks of any bytes, but for their scales, which are small numbers of either sign."""
    random = np.random.default_rng(seed)
    elements, size = gguf.GGML_QUANT_SIZES[Kind[kind]]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for at in _HALVES[kind]:
        scales = random.normal(0, 0.01, count).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks, elements


def write_gguf(path, tensors, kind="Q8_0", *, architecture="sdxl", reshaped=True, plain="", say=lambda _: None):
    """A file of these tensors as city96's converter writes it: matrices in blocks of a kind, where they have a whole
    number of them, those whose rows haven't in rows of 256; the rest, and what has `plain` in its name, in float16.
    `say` tells its writer more.

    Returns what a reader should make of each.
    """
    writer = gguf.GGUFWriter(path, architecture)
    say(writer)
    expected = {}
    for name, tensor in tensors.items():
        data = np.ascontiguousarray(tensor.detach().float().numpy())
        shape, blocked = data.shape, Kind[kind]
        elements, _ = gguf.GGML_QUANT_SIZES[blocked]
        if data.ndim > 1 and shape[-1] % 256 and data.size % 256 == 0 and reshaped:
            data = data.reshape(-1, 256)
        if data.ndim < 2 or data.shape[-1] % elements or (plain and plain in name):
            data, blocked = data.reshape(shape), Kind.F32 if len(shape) < 2 else Kind.F16
        stored = gguf.quantize(data, blocked)
        expected[name] = gguf.dequantize(stored, blocked).reshape(shape)
        if data.shape != shape:
            writer.add_array(f"comfy.gguf.orig_shape.{name}", [int(side) for side in shape])
        writer.add_tensor(name, stored, raw_dtype=blocked)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return expected


def values_of_four_bits(kind):
    """NF4's sixteen values from the quantiles that its paper makes them of, FP4's from its bits."""
    if kind == "fp4":
        positive = [0.0, 0.0625, *((1 + half / 2) * 2.0 ** (4 - exponent) for exponent in (1, 2, 3) for half in (0, 1))]
        return np.array([*positive, *(-value for value in positive)]) / 12
    quantile = statistics.NormalDist().inv_cdf
    above = [quantile(p) for p in np.linspace(0.9677083, 0.5, 9)[:-1]]
    below = [-quantile(p) for p in np.linspace(0.9677083, 0.5, 8)[:-1]]
    values = np.array(sorted([*above, 0.0, *below]))
    return values / values.max()


def values_of_eight_bits():
    """bitsandbytes' 256 values: decades from 1 down, each cut into twice as many as the next, of either sign."""
    values = [0.0, 1.0]
    for decade in range(7):
        edges = np.linspace(0.1, 1, 2**decade + 1)
        values += [sign * 10.0 ** (decade - 6) * middle for sign in (1, -1) for middle in (edges[1:] + edges[:-1]) / 2]
    return np.array(sorted(values))


def _nearest(values, numbers):
    return np.abs(numbers[:, None] - values[None]).argmin(1).astype(np.uint8)


def in_four_bits(name, weight, kind="nf4", *, nested=False, block=64):
    """A weight as bitsandbytes stores it, the tensors of the file by name; and what a reader should make of it."""
    values, numbers = values_of_four_bits(kind), weight.detach().double().numpy().reshape(-1, block)
    scale = np.abs(numbers).max(1)
    state = {"quant_type": kind, "blocksize": block, "dtype": "float16", "shape": list(weight.shape)}
    file = {f"{name}.quant_map": values}
    if nested:
        map_of_scales, offset = values_of_eight_bits(), float(np.float32(scale.mean()))
        padded = np.pad(scale - offset, (0, -len(scale) % 256)).reshape(-1, 256)
        greatest = np.abs(padded).max(1)
        packed = _nearest(map_of_scales, (padded / greatest[:, None]).reshape(-1))[: len(scale)]
        state |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": offset}
        file |= {f"{name}.nested_absmax": greatest, f"{name}.nested_quant_map": map_of_scales}
        scale = map_of_scales[packed] * np.repeat(greatest, 256)[: len(scale)] + offset
    codes = _nearest(values, (numbers / np.maximum(scale, 1e-12)[:, None]).reshape(-1))
    tensors = {key: torch.from_numpy(array).float() for key, array in file.items()}
    tensors[f"{name}.absmax"] = torch.from_numpy(packed if nested else scale.astype(np.float32))
    tensors[name] = torch.from_numpy(codes[0::2] << 4 | codes[1::2]).view(-1, 1)
    said = torch.tensor(list(json.dumps(state).encode()), dtype=torch.uint8)
    tensors[f"{name}.quant_state.bitsandbytes__{kind}"] = said
    made = (values[codes].reshape(-1, block) * scale[:, None]).reshape(weight.shape)
    return tensors, torch.from_numpy(made)
