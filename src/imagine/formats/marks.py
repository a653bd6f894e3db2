"""What files for ComfyUI say of a layer's weights that are no plain floats: in JSON, beside it or for all at once.

`<layer>.comfy_quant` holds an object in bytes, or the metadata's `_quantization_metadata` one for each layer by name.
https://github.com/comfyanonymous/ComfyUI, `QUANTIZATION.md` (read for the format alone).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..messages import message
from ..words.errors import UnusableModel

MARK = ".comfy_quant"
"""What such a tensor's name ends in."""
METADATA = "_quantization_metadata"
MOST_BYTES = 4096
"""Of one mark."""
SCALES = (".scale_weight", ".weight_scale")
"""Ends of the names of what weights are multiplied by, before 2025 and since."""
BESIDE = (".scale_input", ".input_scale", "scaled_fp8")
"""Ends of names that say how products of 8 bits are taken, before 2025 and since, and that there are such weights: what
numbers the weights are doesn't follow from them."""
SCALES_OF_SCALES = (".weight_scale_2", ".pre_quant_scale")
"""Ends of names that mean more than one scale, of which no numbers are made here."""
FLOAT8 = frozenset({"float8_e4m3fn", "float8_e5m2"})
FORMATS = FLOAT8 | {"int8_tensorwise"}
"""Those that the engine makes numbers of."""
GROUPS = (4, 16, 64, 256)
"""Of how many inputs a rotation may be."""


class LayerMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a layer's weights are stored. What nobody here knows may be what makes them noise: it is refused."""

    format: str
    convrot: bool = False
    """They are rotated by a Hadamard matrix, in groups of their inputs."""
    convrot_groupsize: int = 256
    full_precision_matrix_mult: bool = False
    """Which products to take where there are others: ours are of whole precision."""
    orig_dtype: str = ""

    @property
    def group(self) -> int:
        """Of how many inputs the rotation is; 0 for none."""
        return self.convrot_groupsize if self.convrot else 0


class _MarkedLayers(msgspec.Struct):
    layers: dict[str, msgspec.Raw]


def mark_from(data: bytes, name: str) -> LayerMark:
    """A layer's mark. Raises UnusableModel for what isn't understood, and for what the engine makes no numbers of."""
    try:
        mark = msgspec.json.decode(data, type=LayerMark)
    except msgspec.DecodeError as error:
        raise UnusableModel(_unknown(data, name)) from error
    if mark.format not in FORMATS or (mark.convrot and (mark.format in FLOAT8 or mark.group not in GROUPS)):
        raise UnusableModel(message("unfit.quantised", how=mark.format[:40] + (" convrot" if mark.convrot else "")))
    return mark


def marks_in(metadata: Mapping[str, str]) -> dict[str, LayerMark]:
    """The marks that a file's metadata has, by the names of the layers. Raises UnusableModel."""
    stated = metadata.get(METADATA)
    if stated is None:
        return {}
    try:
        layers = msgspec.json.decode(stated, type=_MarkedLayers).layers
    except msgspec.DecodeError as error:
        raise UnusableModel(message("weights.not_understood", name=METADATA)) from error
    return {name: mark_from(bytes(each), name) for name, each in layers.items()}


def _unknown(data: bytes, name: str) -> Any:
    """Why a mark isn't one of ours: its format, where it says one."""
    try:
        said = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        said = {}
    how = said.get("format")
    if not isinstance(how, str):
        return message("weights.not_understood", name=name)
    more = sorted(said.keys() - set(LayerMark.__struct_fields__))
    return message("unfit.quantised", how=" ".join([how, *more])[:80])
