"""ncnn's two files, as far as a plain chain of layers needs them: the graph as text, and the weights one after another.

The format is ncnn's (BSD-3-Clause, https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure): a
convolution's weights begin with a flag that says how they are stored; what follows it is padded to four bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAGIC = "7767517"
_HALF = 0x01306B47
"""Float16 follows; 0: float32."""
_WEIGHTS, _HAS_BIAS, _COUNT = 6, 5, 0

Array = NDArray[np.float32]


class Layer(NamedTuple):
    """One line of the graph: its kind, and its numbered options."""

    kind: str
    options: dict[int, float]


class WeightedLayer(NamedTuple):
    """A layer's arrays, flat and in float32: of a convolution its weights and bias, of a PReLU its slopes."""

    kind: str
    arrays: list[Array]


def layers_from(param: str) -> list[Layer]:
    """The layers of a `.param` file, in order. Raises ValueError for what is none."""
    lines = param.split("\n")
    if lines[0].strip() != MAGIC:
        raise ValueError(f"no ncnn graph: it begins with {lines[0][:20]!r}")
    return [_layer(line.split()) for line in lines[2:] if line.strip()]


def _layer(words: list[str]) -> Layer:
    kind, _, inputs, outputs, *rest = words
    options = (word.split("=") for word in rest[int(inputs) + int(outputs) :])
    return Layer(kind, {int(number): float(value) for number, value in options})


def weighted(layers: list[Layer], weights: bytes) -> Iterator[WeightedLayer]:
    """Those of the layers that have weights, with them. Raises ValueError where the `.bin` file doesn't fit."""
    at = 0

    def take(count: int, dtype: type[np.generic]) -> Array:
        nonlocal at
        size = count * np.dtype(dtype).itemsize
        if at + size > len(weights):
            raise ValueError("the weights end before the graph does")
        array = np.frombuffer(weights, dtype, count, at).astype(np.float32)
        at += -(-size // 4) * 4
        return array

    for kind, options in layers:
        if kind == "Convolution":
            flag = int.from_bytes(weights[at : at + 4], "little")
            if flag not in (0, _HALF):
                raise ValueError(f"weights stored as {flag:#x} aren't known")
            at += 4
            arrays = [take(int(options[_WEIGHTS]), np.float16 if flag else np.float32)]
            arrays += [take(int(options[_COUNT]), np.float32)] if options.get(_HAS_BIAS) else []
            yield WeightedLayer(kind, arrays)
        elif kind == "PReLU":
            yield WeightedLayer(kind, [take(int(options[_COUNT]), np.float32)])
    if at != len(weights):
        raise ValueError(f"{len(weights) - at} bytes of weights are left over")
