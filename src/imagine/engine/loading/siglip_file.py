"""SigLIP's image model from its file, whether its text model lies there too, under the names that it was published by.

Patches, sides and layers are told by shapes; heads of the so400m, which is 1152 wide, have 72 columns, all others' 64,
unless the file's metadata says otherwise (`imagine.image_attention_heads`).
"""

from __future__ import annotations

import math
from functools import partial

from ..parts.clip_vision import ClipVisionConfig
from ..parts.siglip_vision import SiglipVisionModel
from .image_shapes import heads_of, layers_of, side_of
from .maps.sizes import Shapes, size_of
from .networks import Network, network_of
from .transformer_names import shapes_of
from .weights import Metadata, Renamed, Weights, read_all

_PREFIX = "vision_model."
_PATCHES, _PLACES = f"{_PREFIX}embeddings.patch_embedding", f"{_PREFIX}embeddings.position_embedding.weight"
_LAYER = f"{_PREFIX}encoder.layers."
_POOLS = f"{_PREFIX}head."
"""What makes one of all patches, and isn't asked for here."""
_OF_CLIP = f"{_PREFIX}pre_layrnorm.weight"
_HEADS = {1152: 16}
_EPSILON = 1e-6
"""Of norms, in all of SigLIP's."""


def is_siglip(weights: Weights) -> bool:
    """Patches with a bias, and no norm in front: CLIP's have it the other way round."""
    return f"{_PATCHES}.bias" in weights.names and _OF_CLIP not in weights.names


def siglip_network(weights: Weights, metadata: Metadata) -> Network:
    """Raises UnusableModel for what isn't one."""
    kept = [name for name in weights.names if name.startswith(_PREFIX) and not name.startswith(_POOLS)]
    part = Renamed(weights, {name: name for name in kept if not name.endswith("position_ids")})
    config = siglip_config(shapes_of(part), metadata)
    return network_of("image encoder", partial(SiglipVisionModel, config), read_all(part))


def siglip_config(shapes: Shapes, metadata: Metadata) -> ClipVisionConfig:
    """Of the model with tensors of these shapes. Raises UnusableModel."""
    width, patch = size_of(shapes, f"{_PATCHES}.weight", 0), size_of(shapes, f"{_PATCHES}.weight", 2)
    return ClipVisionConfig(
        hidden_size=width, intermediate_size=size_of(shapes, f"{_LAYER}0.mlp.fc1.weight", 0),
        num_hidden_layers=layers_of(shapes, _LAYER), num_attention_heads=heads_of(width, _HEADS, metadata),
        image_size=side_of(math.isqrt(size_of(shapes, _PLACES, 0)), patch), patch_size=patch, projection_dim=0,
        layer_norm_eps=_EPSILON, hidden_act="gelu_pytorch_tanh",
    )  # fmt: skip
