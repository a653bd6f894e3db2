"""Vision transformers that classify pictures, as transformers and timm write them.

Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words", arXiv:2010.11929. Its layers are those of CLIP's image model.
Names are those of files of transformers' `ViTForImageClassification`, or timm's `VisionTransformer` (both Apache-2.0).
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ...messages import message
from ...words.errors import UnusableModel
from ..loading.maps.sizes import Shapes, count_of, size_of
from ..loading.weights import Tensors
from ..parts.clip import ClipEncoder
from ..parts.clip_vision import MOST_LAYERS, MOST_SIDE, ClipVisionConfig
from .statement import Statement

_EPSILON = 1e-6
"""Of timm's norms; transformers' files say theirs."""
_HEAD_WIDTH = 64
_PREFIX = "timm_model."
_LAYER = re.compile(r"(?:vit\.encoder\.layer|blocks)\.(\d+)\.(.+)\.(weight|bias)")
_IN_LAYER = {
    "attention.attention.query": "self_attn.q_proj", "attention.attention.key": "self_attn.k_proj",
    "attention.attention.value": "self_attn.v_proj", "attention.output.dense": "self_attn.out_proj",
    "layernorm_before": "layer_norm1", "layernorm_after": "layer_norm2",
    "intermediate.dense": "mlp.fc1", "output.dense": "mlp.fc2",
    "attn.proj": "self_attn.out_proj", "norm1": "layer_norm1", "norm2": "layer_norm2",
}  # fmt: skip
_JOINED = "attn.qkv"
_OUTSIDE = {
    "vit.embeddings.cls_token": "cls_token", "vit.embeddings.position_embeddings": "pos_embed",
    "vit.embeddings.patch_embeddings.projection.": "patches.", "vit.layernorm.": "norm.", "classifier.": "head.",
    "patch_embed.proj.": "patches.",
}  # fmt: skip


class VisionTransformer(nn.Module):
    """Pixels (batch, 3, side, side) to how likely each label is, (batch, labels)."""

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + (config.image_size // patch) ** 2, width))
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.encoder = ClipEncoder(config, causal=False)
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.head = nn.Linear(width, config.projection_dim)

    def forward(self, pixels: Tensor) -> Tensor:
        patches: Tensor = self.patches(pixels).flatten(2).transpose(1, 2)
        value = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], 1) + self.pos_embed
        for layer in self.encoder.layers:
            value = layer(value)
        told: Tensor = self.head(self.norm(value[:, 0]))
        return torch.softmax(told, 1)


def in_their_places(tensors: Tensors) -> Tensors:
    """The tensors under the names of `VisionTransformer`, whosever they have."""
    placed: Tensors = {}
    for name, tensor in tensors.items():
        name = name.removeprefix(_PREFIX)
        if (match := _LAYER.fullmatch(name)) is None:
            start = next((start for start in _OUTSIDE if name.startswith(start)), "")
            placed[_OUTSIDE.get(start, "") + name.removeprefix(start)] = tensor
            continue
        layer, part, kind = f"encoder.layers.{match[1]}", match[2], match[3]
        if part == _JOINED:
            for which, own in zip("qkv", tensor.chunk(3), strict=True):
                placed[f"{layer}.self_attn.{which}_proj.{kind}"] = own
        else:
            placed[f"{layer}.{_IN_LAYER.get(part, part)}.{kind}"] = tensor
    return placed


class ViTOutline(NamedTuple):
    """What any vision transformer's shapes tell; sides in pixels."""

    width: int
    patch: int
    side: int
    heads: int
    layers: int


def outline_of(shapes: Shapes, statement: Statement, patches: str, layers: str) -> ViTOutline:
    """That of the network whose tensors have these shapes; `patches` names the tensor that reads them, `layers` is what
    stands before the number of each. Raises UnusableModel."""
    width, patch = (size_of(shapes, patches, dimension) for dimension in (0, 2))
    side = math.isqrt(size_of(shapes, "pos_embed", 1) - 1) * patch
    heads = statement.heads or max(1, width // _HEAD_WIDTH)
    if width % heads:
        raise UnusableModel(message("image_encoder.heads", width=width, heads=heads))
    if not patch <= side <= MOST_SIDE:
        raise UnusableModel(message("image_encoder.side", side=side, most=MOST_SIDE))
    count = count_of(shapes, layers)
    if count > MOST_LAYERS:
        raise UnusableModel(message("weights.absurd", name=layers.rstrip("."), shape=str(count)))
    return ViTOutline(width, patch, side, heads, count)


def config_of(shapes: Shapes, statement: Statement) -> ClipVisionConfig:
    """That of the network whose tensors have these shapes, in their places. Raises UnusableModel."""
    width, patch, side, heads, layers = outline_of(shapes, statement, "patches.weight", "encoder.layers.")
    return ClipVisionConfig(
        hidden_size=width, intermediate_size=size_of(shapes, "encoder.layers.0.mlp.fc1.weight", 0),
        num_hidden_layers=layers, num_attention_heads=heads, hidden_act="gelu", image_size=side, patch_size=patch,
        layer_norm_eps=statement.epsilon or _EPSILON, projection_dim=size_of(shapes, "head.weight", 0),
    )  # fmt: skip
