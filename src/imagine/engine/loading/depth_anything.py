"""Depth Anything, which tells how near everything in a picture is.

Yang et al. 2024, "Depth Anything V2", arXiv:2406.09414. transformers has the network (Apache-2.0); how it is built
follows from the shapes of its tensors. Version 2 taps layers that the first didn't, and their files are alike: so they
are taken for the second's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..parts.slices import Slices
from .maps.sizes import Shapes

DEPTH_ANYTHING = "depth-anything"
"""What a registry calls it."""
_SIDE = 518
"""Of the squares that it was trained on."""
_MOST = 4 * _SIDE**2
"""Pixels that it looks at, of long pictures."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's."""
_HEAD = 64
"""Numbers of an attention head: of every DINOv2."""
_TAPPED = {12: (3, 6, 9, 12), 24: (5, 12, 18, 24), 40: (10, 20, 30, 40)}
"""After which layers of so many."""
_CLASS = "backbone.embeddings.cls_token"
_LAYER = re.compile(r"^backbone\.encoder\.layer\.(\d+)\.")


class DepthNetwork(nn.Module):
    """What a `MappingNetwork` runs."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self._patch = int(network.config.patch_size)

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.network.dtype
        return dtype

    def looks_at(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size at which it looks at a picture of `size`: near its own by that side which changes the least."""
        scale = min((_SIDE / side for side in size), key=lambda scale: abs(1 - scale))
        scale = min(scale, math.sqrt(_MOST / (size[0] * size[1])))
        across, down = (max(round(side * scale / self._patch), 1) * self._patch for side in size)
        return across, down

    def told(self, pixels: Tensor) -> Slices[Tensor]:
        """Pixels (1, 3, h, w) in 0…1 to how near each is, (1, 1, h, w), from 0 on."""
        mean, deviation = (pixels.new_tensor(each)[None, :, None, None] for each in (_MEAN, _DEVIATION))
        network, backbone = self.network, self.network.backbone
        down, across = (side // self._patch for side in pixels.shape[2:])
        value = backbone.embeddings((pixels - mean) / deviation)
        tapped = list[Tensor]()
        for number, layer in enumerate(backbone.encoder.layer, 1):
            value = layer(value)
            yield
            if number in backbone.config.out_indices:
                tapped.append(backbone.layernorm(value))
        fused = network.neck(tapped, down, across)
        yield
        near: Tensor = network.head(fused, down, across)
        return near[None]

    def scaled(self, told: Tensor) -> Tensor:
        """The nearest is 1, the farthest 0; of a picture without depth all is 0."""
        least, most = told.min(), told.max()
        return (told - least) / (most - least).clamp_min(torch.finfo(told.dtype).tiny)


def depth_network(shapes: Shapes) -> Any:
    """The network that tensors of these shapes are of. Raises LookupError and ValueError where they are of no such."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    width = shapes[_CLASS][2]
    layers = 1 + max(int(match[1]) for name in shapes if (match := _LAYER.match(name)))
    patches = shapes["backbone.embeddings.position_embeddings"][1] - 1
    patch = shapes["backbone.embeddings.patch_embeddings.projection.weight"][2]
    feed = shapes["backbone.encoder.layer.0.mlp.fc1.weight"][0]
    backbone = Dinov2Config(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=max(width // _HEAD, 1), patch_size=patch,
        image_size=math.isqrt(patches) * patch, mlp_ratio=feed // width,
        use_mask_token="backbone.embeddings.mask_token" in shapes, out_indices=list(_taps(layers)),
        reshape_hidden_states=False,
    )  # fmt: skip
    reassembled = [shapes[f"neck.reassemble_stage.layers.{scale}.projection.weight"][0] for scale in range(4)]
    config = DepthAnythingConfig(
        backbone_config=backbone, patch_size=patch, reassemble_hidden_size=width, neck_hidden_sizes=reassembled,
        fusion_hidden_size=shapes["neck.convs.0.weight"][0], head_hidden_size=shapes["head.conv2.weight"][0],
    )  # fmt: skip
    return DepthAnythingForDepthEstimation(config)


def _taps(layers: int) -> tuple[int, ...]:
    return _TAPPED.get(layers) or tuple(max(layers * part // 4, 1) for part in (1, 2, 3, 4))


_Named = Callable[[re.Match[str]], str]


def _layer(ending: str) -> _Named:
    return lambda match: match.expand(rf"backbone.encoder.layer.\1.{ending}")


_NAMES: tuple[tuple[str, _Named], ...] = (
    (r"pretrained\.(cls|mask)_token$", lambda match: f"backbone.embeddings.{match[1]}_token"),
    (r"pretrained\.pos_embed$", lambda _: "backbone.embeddings.position_embeddings"),
    (r"pretrained\.patch_embed\.proj\.", lambda _: "backbone.embeddings.patch_embeddings.projection."),
    (r"pretrained\.norm\.", lambda _: "backbone.layernorm."),
    (r"pretrained\.blocks\.(\d+)\.attn\.proj\.", _layer("attention.output.dense.")),
    (r"pretrained\.blocks\.(\d+)\.ls([12])\.gamma$", _layer(r"layer_scale\2.lambda1")),
    (r"pretrained\.blocks\.(\d+)\.(norm[12]|mlp\.fc[12])\.", _layer(r"\2.")),
    (r"depth_head\.projects\.(\d)\.", lambda match: f"neck.reassemble_stage.layers.{match[1]}.projection."),
    (r"depth_head\.resize_layers\.(\d)\.", lambda match: f"neck.reassemble_stage.layers.{match[1]}.resize."),
    (r"depth_head\.scratch\.layer([1-4])_rn\.", lambda match: f"neck.convs.{int(match[1]) - 1}."),
    (
        r"depth_head\.scratch\.refinenet([1-4])\.out_conv\.",
        lambda match: f"neck.fusion_stage.layers.{4 - int(match[1])}.projection.",
    ),
    (
        r"depth_head\.scratch\.refinenet([1-4])\.resConfUnit([12])\.conv([12])\.",
        lambda match: f"neck.fusion_stage.layers.{4 - int(match[1])}.residual_layer{match[2]}.convolution{match[3]}.",
    ),
    (r"depth_head\.scratch\.output_conv1\.", lambda _: "head.conv1."),
    (r"depth_head\.scratch\.output_conv2\.([02])\.", lambda match: f"head.conv{2 + int(match[1]) // 2}."),
)
"""Beginnings of names that Depth Anything's authors gave, and transformers' for them."""
_JOINED = re.compile(r"pretrained\.blocks\.(\d+)\.attn\.qkv\.(weight|bias)$")
"""Queries, keys and values in one."""
_ATTENTION = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
}
"""Parts of names that transformers writes into files, and what the same are called in newer ones' networks."""


def in_their_places(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under the names of transformers' network, whosever they have."""
    placed = dict[str, Tensor]()
    for name, tensor in tensors.items():
        if (joined := _JOINED.match(name)) is None:
            placed[_renamed(name)] = tensor
            continue
        inner = f"backbone.encoder.layer.{joined[1]}.attention.attention"
        for part, own in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            placed[f"{inner}.{part}.{joined[2]}"] = own
    return {_in_network(name): tensor for name, tensor in placed.items()} if _is_newer() else placed


def _is_newer() -> bool:
    from transformers.models.dinov2 import modeling_dinov2

    return not hasattr(modeling_dinov2, "Dinov2SelfAttention")


def _in_network(name: str) -> str:
    for written, own in _ATTENTION.items():
        name = name.replace(written, own)
    return name


def _renamed(name: str) -> str:
    for pattern, named in _NAMES:
        if (match := re.match(pattern, name)) is not None:
            return named(match) + name[match.end() :]
    return name
