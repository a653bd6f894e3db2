"""GGUF files for tests, written by the `gguf` package as converters do."""

import gguf
import numpy as np

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


def write_gguf(path, tensors, kind="Q8_0", *, architecture="sdxl", reshaped=True, plain=""):
    """A file of these tensors as city96's converter writes it: matrices in blocks of a kind, where they have a whole
    number of them, those whose rows haven't in rows of 256; the rest, and what has `plain` in its name, in float16.

    Returns what a reader should make of each.
    """
    writer = gguf.GGUFWriter(path, architecture)
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
