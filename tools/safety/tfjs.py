"""A model of TensorFlow.js within a package of npm: its graph, and its weights as they are stored.

Packages for browsers have both as scripts: the graph as a literal of JavaScript, and the weights, one behind the other
as the graph's manifest lists them, in base64. Weights of eight bits are `step * byte + least`
(https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/io_utils.ts, Apache-2.0).
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_EXPORTED = re.compile(r'\.exports=(?=[{"])')
_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")|(?P<flag>![01])|(?P<nothing>void 0)|(?P<name>[A-Za-z_$][\w$]*)"""
    r"""|(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)|(?P<mark>[][{},:])"""
)
_WORDS = ("null", "true", "false")


class Stored(NamedTuple):
    """A tensor as it is stored: bytes, what a step of them is, and what 0 is."""

    values: NDArray[np.uint8]
    step: float
    least: float


def exported(script: str) -> Any:
    """The literal that a packed script exports. Raises ValueError for another script."""
    if (match := _EXPORTED.search(script, script.index("({1:["))) is None:
        raise ValueError("no script of a package: it exports no literal")
    if script[match.end()] == '"':
        return script[match.end() + 1 : script.index('"', match.end() + 1)]
    said, depth = list[str](), 0
    for token in _TOKEN.finditer(script, match.end()):
        said.append(_as_json(token))
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if not depth:
            break
    return json.loads("".join(said))


def _as_json(token: re.Match[str]) -> str:
    said = token[0]
    match token.lastgroup:
        case "flag":
            return "true" if said == "!0" else "false"
        case "nothing":
            return "null"
        case "name":
            return said if said in _WORDS else f'"{said}"'
        case "number":
            return re.sub(r"^(-?)\.", r"\g<1>0.", said)
    return said


def stored(manifest: Sequence[Mapping[str, Any]], data: bytes) -> dict[str, Stored]:
    """The tensors of a manifest, by their names. Raises ValueError where they aren't of bytes, or the data ends
    elsewhere."""
    tensors, at = dict[str, Stored](), 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        how = entry.get("quantization", {})
        if entry["dtype"] != "float32" or how.get("dtype") != "uint8":
            raise ValueError(f"{entry['name']} isn't stored in bytes")
        size = math.prod(entry["shape"])
        values = np.frombuffer(data, np.uint8, size, at).reshape(entry["shape"])
        tensors[entry["name"]] = Stored(values, how["scale"], how["min"])
        at += size
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes of weights are left over")
    return tensors


def model_in(files: Mapping[str, str]) -> tuple[list[dict[str, Any]], dict[str, Stored]]:
    """A graph's nodes and its tensors, of a folder's scripts by their names. Raises ValueError for what is none."""
    model = exported(files["model.min.js"])
    paths = [path for group in model["weightsManifest"] for path in group["paths"]]
    data = b"".join(base64.b64decode(exported(files[f"{path}.min.js"])) for path in paths)
    return model["modelTopology"]["node"], stored(model["weightsManifest"], data)
