"""Image models from their files: SigLIP's, or CLIP's under transformers' names or those of OpenCLIP's and OpenAI's own
code.

ViT-L (OpenAI), ViT-H and ViT-bigG (LAION) are told by their width. Of another width, heads are of 64 columns and the
activation is GELU, unless the file's metadata says otherwise (`imagine.image_attention_heads`,
`imagine.image_activation`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from ..parts.clip_vision import ClipVisionConfig, ClipVisionModel
from ..parts.image_encoder import ImageEncoder
from ..parts.slices import Slices
from .checkpoint_file import CheckpointFile
from .image_shapes import heads_of, layers_of, side_of
from .maps.sizes import size_of
from .networks import Network, network_of
from .part_file import refusing
from .siglip_file import is_siglip, siglip_network
from .weights import Metadata, Renamed, Tensors, Weights, read_all

WITHIN = "image_encoder."
"""Before the names of one that lies in its adapter's file."""
_PREFIX, _OPEN_CLIP = "vision_model.", "visual."
_PROJECTION = "visual_projection.weight"
_HEADS = {1280: 16, 1664: 16}
"""By width, where they aren't of 64 columns (LAION's ViT-H-14 and ViT-bigG-14)."""
_QUICK = (768, 1024)
"""The widths of OpenAI's, whose activation is QuickGELU."""
_EPSILON = 1e-5
"""Of norms, in all of CLIP's."""
_RESBLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)")
_OF_OPEN_CLIP = {
    "class_embedding": "embeddings.class_embedding", "positional_embedding": "embeddings.position_embedding.weight",
    "conv1.weight": "embeddings.patch_embedding.weight",
    **{f"ln_{old}.{kind}": f"{new}.{kind}" for old, new in (("pre", "pre_layrnorm"), ("post", "post_layernorm"))
       for kind in ("weight", "bias")},
}  # fmt: skip
_OF_RESBLOCK = {
    "ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
    "attn.out_proj": "self_attn.out_proj",
}  # fmt: skip


def read_image_encoder(component: Component, device: torch.device, dtype: torch.dtype) -> Slices[ImageEncoder]:
    """The image model in a file, of its own or an adapter's. Raises UnusableModel, naming the file."""
    try:
        with refusing():
            file = CheckpointFile(component.path)
            weights = _within(file)
            make = siglip_network if is_siglip(weights) else _clip_network
            return ImageEncoder((yield from make(weights, file.metadata).filling(device, dtype)))
    except UnusableModel as error:
        name = Path(component.path).name
        raise UnusableModel(message("image_encoder.file", "references", name=name, why=error.note)) from error


def _clip_network(weights: Weights, metadata: Metadata) -> Network:
    tensors = _own_names(weights)
    config = clip_vision_config({name: tuple(tensor.shape) for name, tensor in tensors.items()}, metadata)
    return network_of("image encoder", partial(ClipVisionModel, config), tensors)


def _within(weights: Weights) -> Weights:
    names = {name.removeprefix(WITHIN): name for name in weights.names if name.startswith(WITHIN)}
    return Renamed(weights, names) if names else weights


def _own_names(weights: Weights) -> Tensors:
    """The image model's tensors, under transformers' names; a text model beside it is left alone."""
    if f"{_OPEN_CLIP}conv1.weight" in weights.names:
        return _from_open_clip(weights)
    names = [name for name in weights.names if name.startswith(_PREFIX) and not name.endswith("position_ids")]
    if _PROJECTION not in weights.names:
        raise UnusableModel(message("weights.no_tensor", name=_PROJECTION))
    return {name: weights.read(name) for name in (*names, _PROJECTION)}


def _from_open_clip(weights: Weights) -> Tensors:
    tensors: Tensors = {}
    part = Renamed(weights, {n.removeprefix(_OPEN_CLIP): n for n in weights.names if n.startswith(_OPEN_CLIP)})
    for name, tensor in read_all(part).items():
        if name == "proj":
            tensors[_PROJECTION] = tensor.t().contiguous()
        elif (block := _RESBLOCK.fullmatch(name)) is None:
            tensors[_PREFIX + _OF_OPEN_CLIP.get(name, name)] = tensor
        else:
            layer, rest = f"{_PREFIX}encoder.layers.{block[1]}.", block[2]
            module, _, kind = rest.rpartition(".")
            if rest.startswith("attn.in_proj_"):
                kind = rest.removeprefix("attn.in_proj_")
                chunks = zip("qkv", tensor.chunk(3), strict=True)
                tensors |= {f"{layer}self_attn.{which}_proj.{kind}": chunk for which, chunk in chunks}
            else:
                tensors[f"{layer}{_OF_RESBLOCK.get(module, module)}.{kind}"] = tensor
    return tensors


def clip_vision_config(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> ClipVisionConfig:
    embeddings, layer = f"{_PREFIX}embeddings.", f"{_PREFIX}encoder.layers."
    width = size_of(shapes, f"{embeddings}patch_embedding.weight", 0)
    patch = size_of(shapes, f"{embeddings}patch_embedding.weight", 2)
    across = math.isqrt(size_of(shapes, f"{embeddings}position_embedding.weight", 0) - 1)
    return ClipVisionConfig(
        hidden_size=width, intermediate_size=size_of(shapes, f"{layer}0.mlp.fc1.weight", 0),
        num_hidden_layers=layers_of(shapes, layer), num_attention_heads=heads_of(width, _HEADS, metadata),
        image_size=side_of(across, patch), patch_size=patch,
        projection_dim=size_of(shapes, _PROJECTION, 0), layer_norm_eps=_EPSILON,
        hidden_act=metadata.get("imagine.image_activation", "quick_gelu" if width in _QUICK else "gelu"),
    )  # fmt: skip
