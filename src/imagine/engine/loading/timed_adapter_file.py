"""InstantX' image adapter of Stable Diffusion 3.5 from its file: `image_proj.…` under the names that it was published
by (https://huggingface.co/InstantX/SD3.5-Large-IP-Adapter), and `ip_adapter.NUMBER.…`, a number for each attention."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ..parts.slices import Slices
from ..parts.timed_adapter import TimedAdapter, TimedAdapterNetwork
from .maps.sizes import Shapes, count_of, size_of
from .networks import network_of
from .transformer_names import shapes_of
from .weights import Renamed, Weights, read_all

TELLING = "image_proj.time_embedding.linear_1.weight"
_LAYER = re.compile(r"image_proj\.layers\.(\d+)\.(\d\.\w+)\.(.+)")
_OURS: Mapping[str, str] = {
    "0.norm1": "ln0", "0.norm2": "ln1", "0.to_q": "attn.to_q", "0.to_kv": "attn.to_kv", "0.to_out": "attn.to_out.0",
    "1.0": "adaln_norm", "1.1": "ff.net.0.proj", "1.3": "ff.net.2", "2.1": "adaln_proj",
}  # fmt: skip
"""diffusers' names of what is in a layer of the projection (`loaders/transformer_sd3.py`, 0.42, Apache-2.0)."""
_NUMBER = re.compile(r"ip_adapter\.(\d{1,3})\.norm_ip\.linear\.weight")
_HEAD = 64
"""Columns of the projection's heads; no file tells them."""
_MOST = 512
"""Layers of either."""


def read_timed_adapter(weights: Weights, device: torch.device, dtype: torch.dtype) -> Slices[TimedAdapter]:
    """Raises UnusableModel for what isn't one."""
    named = Renamed(weights, {_named(name): name for name in weights.names})
    shapes = shapes_of(named)
    depth = count_of(shapes, "image_proj.layers.")
    layers = {int(match[1]): _layer(shapes, int(match[1])) for name in shapes if (match := _NUMBER.fullmatch(name))}
    if depth > _MOST or len(layers) > _MOST:
        raise UnusableModel(message("weights.no_tensor", name="image_proj.layers.0"))
    constructor = partial(TimedAdapterNetwork, _projection(shapes), dict(sorted(layers.items())), depth)
    network = network_of("image adapter", constructor, read_all(named))
    return TimedAdapter((yield from network.filling(device, dtype)))


def _named(name: str) -> str:
    match = _LAYER.fullmatch(name)
    ours = match and _OURS.get(match[2])
    return name if not match or not ours else f"image_proj.layers.{match[1]}.{ours}.{match[3]}"


def _projection(shapes: Shapes) -> Mapping[str, int]:
    """Settings of diffusers' `IPAdapterTimeImageProjection`, but for its depth."""
    inner, outer = (size_of(shapes, f"image_proj.{name}.weight", 0) for name in ("proj_in", "proj_out"))
    first = "image_proj.layers.0."
    return {
        "embed_dim": size_of(shapes, "image_proj.proj_in.weight", 1),
        "output_dim": outer,
        "hidden_dim": inner,
        "dim_head": _HEAD,
        "heads": size_of(shapes, f"{first}attn.to_q.weight", 0) // _HEAD,
        "num_queries": size_of(shapes, "image_proj.latents", 1),
        "ffn_ratio": size_of(shapes, f"{first}ff.net.0.proj.weight", 0) // inner,
        "timestep_in_dim": size_of(shapes, TELLING, 1),
    }


def _layer(shapes: Shapes, number: int) -> Mapping[str, int]:
    """Settings of diffusers' `SD3IPAdapterJointAttnProcessor2_0`."""
    stem = f"ip_adapter.{number}."
    return {
        "hidden_size": size_of(shapes, f"{stem}to_k_ip.weight", 0),
        "ip_hidden_states_dim": size_of(shapes, f"{stem}to_k_ip.weight", 1),
        "head_dim": size_of(shapes, f"{stem}norm_q.weight", 0),
        "timesteps_emb_dim": size_of(shapes, f"{stem}norm_ip.linear.weight", 1),
    }
