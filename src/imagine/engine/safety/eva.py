"""EVA-02, a vision transformer that classifies pictures, as timm writes it.

Fang et al. 2023, "EVA-02: A Visual Representation for Neon Genesis", arXiv:2303.11331: rotary positions beside learned
ones (Su et al. 2021, arXiv:2104.09864), gated layers (Shazeer 2020, arXiv:2002.05202) with a norm within. Names are
those of timm's `Eva` (Apache-2.0) where queries, keys and values are apart, as in the base and the large one.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...messages import message
from ...words.errors import UnusableModel
from ..loading.maps.sizes import Shapes, size_of
from ..loading.weights import Tensors
from .statement import Statement
from .vit import outline_of

_EPSILON = 1e-6
_TEMPERATURE = 10000.0
_TRAINED = 16
"""Patches of a side while it was trained: positions of other sides are stretched onto these."""
_PREFIX, _POSITIONS = "timm_model.", "rope."


class EvaShape(NamedTuple):
    """Of a whole network. `normed` tells whether attention, and the gated layers, have a norm within."""

    width: int
    hidden: int
    layers: int
    heads: int
    side: int
    patch: int
    labels: int
    normed: tuple[bool, bool]

    @property
    def across(self) -> int:
        """Patches of a side."""
        return self.side // self.patch


class Eva(nn.Module):
    """Pixels (batch, 3, side, side) to how likely each label is, (batch, labels)."""

    def __init__(self, shape: EvaShape) -> None:
        super().__init__()
        width = shape.width
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, 1 + shape.across**2, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, shape.patch, shape.patch)})
        self.blocks = nn.ModuleList([_EvaBlock(shape) for _ in range(shape.layers)])
        self.fc_norm = nn.LayerNorm(width, _EPSILON)
        self.head = nn.Linear(width, shape.labels)
        self._across, self._head_width = shape.across, width // shape.heads

    def forward(self, pixels: Tensor) -> Tensor:
        patches: Tensor = self.patch_embed["proj"](pixels).flatten(2).transpose(1, 2)
        value = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], 1) + self.pos_embed
        turns = turns_of(self._across, self._head_width).to(value.device)
        for block in self.blocks:
            value = block(value, turns)
        told: Tensor = self.head(self.fc_norm(value[:, 1:].mean(1)))
        return torch.softmax(told, 1)


class _EvaBlock(nn.Module):
    def __init__(self, shape: EvaShape) -> None:
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(shape.width, _EPSILON) for _ in range(2))
        self.attn, self.mlp = _EvaAttention(shape), _EvaGated(shape)

    def forward(self, value: Tensor, turns: Tensor) -> Tensor:
        value = value + self.attn(self.norm1(value), turns)
        made: Tensor = value + self.mlp(self.norm2(value))
        return made


class _EvaAttention(nn.Module):
    def __init__(self, shape: EvaShape) -> None:
        super().__init__()
        width = shape.width
        self.q_proj, self.v_proj, self.proj = (nn.Linear(width, width) for _ in range(3))
        self.k_proj = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width, _EPSILON) if shape.normed[0] else nn.Identity()
        self._heads = shape.heads

    def forward(self, value: Tensor, turns: Tensor) -> Tensor:
        query, key, seen = (
            layer(value).unflatten(-1, (self._heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        made = functional.scaled_dot_product_attention(turned(query, turns), turned(key, turns), seen)
        told: Tensor = self.proj(self.norm(made.transpose(1, 2).flatten(2)))
        return told


class _EvaGated(nn.Module):
    def __init__(self, shape: EvaShape) -> None:
        super().__init__()
        self.fc1_g, self.fc1_x = (nn.Linear(shape.width, shape.hidden) for _ in range(2))
        self.norm = nn.LayerNorm(shape.hidden, _EPSILON) if shape.normed[1] else nn.Identity()
        self.fc2 = nn.Linear(shape.hidden, shape.width)

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.fc2(self.norm(functional.silu(self.fc1_g(value)) * self.fc1_x(value)))
        return made


def turns_of(across: int, head_width: int) -> Tensor:
    """By how much each patch turns each pair of a head's channels: unit numbers (across², head_width / 2), complex. The
    first half of the pairs turns by the row, the other by the column."""
    bands = _TEMPERATURE ** -(torch.arange(head_width // 4) / (head_width // 4))
    places = torch.arange(across) / across * _TRAINED
    rows, columns = (each.flatten()[:, None] * bands for each in torch.meshgrid(places, places, indexing="ij"))
    angles = torch.cat([rows, columns], 1)
    return torch.polar(torch.ones_like(angles), angles)


def turned(value: Tensor, turns: Tensor) -> Tensor:
    """Queries or keys, (batch, heads, 1 + patches, head_width), all but the first of which stand for a patch."""
    patches = value[:, :, 1:]
    pairs = torch.view_as_complex(patches.reshape(*patches.shape[:-1], -1, 2))
    return torch.cat([value[:, :, :1], torch.view_as_real(pairs * turns).flatten(-2)], 2)


def in_its_places(tensors: Tensors) -> Tensors:
    """The tensors under the names of `Eva`; positions that are the same for all of its shape are left out."""
    named = {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items()}
    return {name: tensor for name, tensor in named.items() if not name.startswith(_POSITIONS)}


def shape_of(shapes: Shapes, statement: Statement) -> EvaShape:
    """That of the network whose tensors have these shapes, in their places. Raises UnusableModel."""
    width, patch, side, heads, layers = outline_of(shapes, statement, "patch_embed.proj.weight", "blocks.")
    if (width // heads) % 4:  # a row's and a column's pairs
        raise UnusableModel(message("image_encoder.heads", width=width, heads=heads))
    hidden, labels = (size_of(shapes, name, 0) for name in ("blocks.0.mlp.fc1_g.weight", "head.weight"))
    attends, gates = (f"blocks.0.{part}.norm.weight" in shapes for part in ("attn", "mlp"))
    return EvaShape(width, hidden, layers, heads, side, patch, labels, (attends, gates))
