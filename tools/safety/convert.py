"""NSFWJS's `MobileNetV2Mid` from npm's package to safetensors: `python -m tools.safety.convert PACKAGE.tgz`.

The package is nsfwjs 4.3.0 (MIT), downloaded and not installed (`npm pack nsfwjs@4.3.0`). Of the three networks in it
this is the one that is read here: MobileNetV2 of width 1.4, whose norms are folded into its convolutions already. Its
weights stay the bytes that they are, each tensor with the two numbers that make floats of them, so nothing is rounded;
tensors get torchvision's names and layout.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.safety.saving import saved
from tools.safety.tfjs import Stored, model_in

FOLDER = Path("models.example/safety")
NAME = "nsfw-mobilenet"
SHA256 = "4496790efc9bdc6f3e85a826a8e482c1fa1e9db4b3d18c095e98cc0c73cfb12f"
_INSIDE = "package/dist/models/mobilenet_v2_mid/"
_LICENCE = "package/LICENSE"
_CONVOLUTIONS = ("_FusedConv2D", "FusedDepthwiseConv2dNative")
_OTHERS = ("Placeholder", "Mul", "Sub", "AddV2", "AvgPool", "Squeeze", "_FusedMatMul", "Softmax", "Identity")
_BLOCKS = 17
STATEMENT: Mapping[str, Any] = {
    "labels": ["Drawing", "Hentai", "Neutral", "Porn", "Sexy"],
    "side": 224,
    "mean": [0.5, 0.5, 0.5],
    "deviation": [0.5, 0.5, 0.5],
    "same": True,
}
"""In the order of the package's `nsfw_classes.js`; its graph begins with `2 * x - 1`, of pixels of 0…1."""
METADATA = {
    "imagine.classifier": json.dumps(STATEMENT, separators=(",", ":")),
    "modelspec.title": NAME,
    "modelspec.author": "Infinite Red, Inc.; Gant Laborde",
    "modelspec.license": "MIT",
    "modelspec.description": "Classifies pictures as drawing, hentai, neutral, porn or sexy: MobileNetV2Mid of NSFWJS, "
    f"https://github.com/infinitered/nsfwjs, by way of npm's nsfwjs 4.3.0, a package of SHA-256 {SHA256}",
}


def names() -> Iterator[str]:
    """torchvision's names of the convolutions, in their order in the graph."""
    yield "features.0.0"
    for block in range(1, _BLOCKS + 1):
        yield f"features.{block}.conv.0.0"
        yield from (f"features.{block}.conv.1.0", f"features.{block}.conv.2") if block > 1 else ("features.1.conv.1",)
    yield f"features.{_BLOCKS + 1}.0"


def tensors_from(nodes: Iterable[Mapping[str, Any]], tensors: Mapping[str, Stored]) -> dict[str, NDArray[Any]]:
    """A MobileNetV2's tensors, by torchvision's names. Raises ValueError for another graph."""
    computed = [node for node in nodes if node["op"] != "Const"]
    if strange := {node["op"] for node in computed} - {*_CONVOLUTIONS, *_OTHERS}:
        raise ValueError(f"no MobileNetV2 has {', '.join(sorted(strange))}")
    convolutions = [node for node in computed if node["op"] in _CONVOLUTIONS]
    made = dict[str, NDArray[Any]]()
    for name, node in zip(names(), convolutions, strict=True):
        kernel, bias = (tensors[given] for given in node["input"][1:3])
        axes = (2, 3, 0, 1) if node["op"] == _CONVOLUTIONS[1] else (3, 2, 0, 1)
        made |= _pair(name, kernel._replace(values=kernel.values.transpose(axes)), bias)
    last = next(node for node in computed if node["op"] == "_FusedMatMul")
    kernel, bias = (tensors[given] for given in last["input"][1:3])
    return made | _pair("classifier.1", kernel._replace(values=kernel.values.T), bias)


def _pair(name: str, kernel: Stored, bias: Stored) -> dict[str, NDArray[Any]]:
    """Of a layer."""
    made = dict[str, NDArray[Any]]()
    for part, tensor in (("weight", kernel), ("bias", bias)):
        made[f"{name}.{part}"] = np.ascontiguousarray(tensor.values)
        made[f"{name}.{part}.affine"] = np.array([tensor.step, tensor.least])
    return made


def convert(package: Path, folder: Path) -> Path:
    """Writes the file and its licence, and says where. Raises ValueError for another package."""
    if (digest := hashlib.sha256(package.read_bytes()).hexdigest()) != SHA256:
        raise ValueError(f"{package.name} has the SHA-256 {digest}, not {SHA256}")
    with tarfile.open(package) as archive:
        texts = {
            name.removeprefix(_INSIDE): member.read().decode()
            for name in archive.getnames()
            if name.startswith(_INSIDE) or name == _LICENCE
            if (member := archive.extractfile(name)) is not None
        }
    nodes, tensors = model_in(texts)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.safetensors"
    path.write_bytes(saved(tensors_from(nodes, tensors), METADATA))
    (folder / "LICENSE").write_text(texts[_LICENCE])
    return path


if __name__ == "__main__":
    print(convert(Path(sys.argv[1]), FOLDER))
