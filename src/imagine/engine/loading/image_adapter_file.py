"""IP-Adapters from their files: `image_proj.…`, `ip_adapter.NUMBER.to_k_ip.weight`, and FaceID's low-rank halves; those
of FLUX.1 read under the same names, XLabs' (https://github.com/XLabs-AI/x-flux, Apache-2.0) and Redux; InstantX' of
Stable Diffusion 3.5 as `timed_adapter_file` has it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from ..adapters.attending import of_flux, of_unet
from ..adapters.layer import Parts
from ..parts.image_adapter import ImageAdapter, ImageAdapterNetwork, LayerSizes
from ..parts.image_projections import FaceResampler, projection_of
from ..parts.slices import Slices
from ..parts.timed_adapter import TimedAdapter
from .checkpoint_file import CheckpointFile
from .image_encoder import WITHIN
from .networks import network_of
from .part_file import refusing
from .placing import place
from .timed_adapter_file import TELLING, read_timed_adapter
from .weights import Renamed, Weights

MOST_LAYERS = 512
_HALF = re.compile(r"ip_adapter\.(\d{1,3})\.(to_[qkv]|to_out)_lora\.(down|up)\.weight")
_KEYS = re.compile(r"ip_adapter\.(\d{1,3})\.to_k_ip\.weight")
_OF_XLABS = re.compile(r"double_blocks\.(\d{1,3})\.processor\.ip_adapter_double_stream_([kv])_proj\.(weight|bias)")
_THEIR_PROJECTION, _PROJECTION = "ip_adapter_proj_model.", "image_proj."
_REDUX = re.compile(r"redux_(?:up|down)\.(?:weight|bias)")
_SECOND = "plusv2"
"""In a file's name: FaceID Plus' second version, which nothing in the file tells from the first."""


def read_image_adapter(
    component: Component, device: torch.device, dtype: torch.dtype
) -> Slices[ImageAdapter | TimedAdapter]:
    """The adapter in a file. Raises UnusableModel, naming the file."""
    try:
        with refusing():
            return (yield from _read(component, device, dtype))
    except UnusableModel as error:
        name = Path(component.path).name
        raise UnusableModel(message("image_adapter.file", "references", name=name, why=error.note)) from error


def _read(component: Component, device: torch.device, dtype: torch.dtype) -> Slices[ImageAdapter | TimedAdapter]:
    stored = CheckpointFile(component.path)
    if TELLING in stored.names:
        return (yield from read_timed_adapter(stored, device, dtype))
    file, layers = _named(stored), of_flux if any(map(_OF_XLABS.fullmatch, stored.names)) else of_unet
    halves = {name: match for name in file.names if (match := _HALF.fullmatch(name))}
    names = [name for name in file.names if name not in halves and not name.startswith(WITHIN)]
    shapes = {name.removeprefix(_PROJECTION): file.shape(name) for name in names if name.startswith(_PROJECTION)}
    attends = not any(map(_REDUX.fullmatch, shapes))
    constructor = partial(ImageAdapterNetwork, projection_of(shapes), _sizes(file, names) if attends else {})
    network = network_of("image adapter", constructor, {name: file.read(name) for name in names})
    filled: ImageAdapterNetwork = yield from network.filling(device, dtype)
    if isinstance(filled.image_proj, FaceResampler):
        filled.image_proj.adds = _SECOND in Path(component.path).name.lower().replace("-", "").replace("_", "")
    has_encoder = any(name.startswith(WITHIN) for name in file.names)
    low_rank = yield from _low_rank(file, halves, device, dtype)
    return ImageAdapter(filled, low_rank, has_encoder=has_encoder, layers=layers)


def _named(weights: Weights) -> Weights:
    """Under IP-Adapter's names."""
    return Renamed(weights, {_name(name): name for name in weights.names})


def _name(name: str) -> str:
    if match := _OF_XLABS.fullmatch(name):
        return f"ip_adapter.{match[1]}.to_{match[2]}_ip.{match[3]}"
    if name.startswith(_THEIR_PROJECTION):
        return _PROJECTION + name.removeprefix(_THEIR_PROJECTION)
    return _PROJECTION + name if _REDUX.fullmatch(name) else name


def _sizes(file: Weights, names: list[str]) -> dict[int, LayerSizes]:
    """Of the layers that it has keys for, by their numbers."""
    found = {int(match[1]): file.shape(name) for name in names if (match := _KEYS.fullmatch(name))}
    strange = next((number for number, shape in found.items() if len(shape) != 2), None)
    if not found or len(found) > MOST_LAYERS or strange is not None:
        raise UnusableModel(message("weights.no_tensor", name=f"ip_adapter.{strange or 1}.to_k_ip.weight"))
    biased = {number for number in found if f"ip_adapter.{number}.to_k_ip.bias" in names}
    return {number: LayerSizes(shape[1], shape[0], number in biased) for number, shape in sorted(found.items())}


def _low_rank(
    file: Weights, halves: Mapping[str, re.Match[str]], device: torch.device, dtype: torch.dtype
) -> Slices[Mapping[int, Mapping[str, Parts]]]:
    found: dict[int, dict[str, Parts]] = defaultdict(lambda: defaultdict(dict))
    for name, match in halves.items():
        found[int(match[1])][match[2]][match[3]] = place(file.read(name), device, dtype)
        yield
    return found
