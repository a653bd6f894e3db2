"""MobileNetV2, a small network that classifies pictures.

Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381. Modules have the names
that torchvision gives them (BSD-3-Clause); its norms are folded into the convolutions before them. How wide and how
deep it is follows from shapes, where it strides from the file's statement, else it does where the paper says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...messages import message
from ...words.errors import UnusableModel
from ..loading.maps.sizes import Shapes, count_of, size_of
from ..loading.weights import Tensors

SIDE = 224
_STRIDES = (2, 1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1)
"""The paper's table 2, the first convolution's before its seventeen blocks'."""
_EPSILON = 1e-5
"""Of torchvision's norms."""
_MOST_BLOCKS = 255
_MEAN = ".running_mean"


class ResidualShape(NamedTuple):
    """Channels in, within and out; within is as in where the block doesn't widen."""

    taken: int
    within: int
    made: int
    stride: int


class MobileShape(NamedTuple):
    """Of a whole network."""

    first: int
    stride: int
    blocks: tuple[ResidualShape, ...]
    last: int
    labels: int
    same: bool


def shape_of(shapes: Shapes, strides: Sequence[int] | None, *, same: bool) -> MobileShape:
    """That of a network whose tensors have these shapes. Raises UnusableModel."""
    count = count_of(shapes, "features.") - 2
    strides = strides or _STRIDES
    if not 1 <= count <= _MOST_BLOCKS or len(strides) != count + 1:
        raise UnusableModel(message("safety.strides", blocks=count, strides=len(strides)))
    taken, blocks = size_of(shapes, "features.0.0.weight", 0), list[ResidualShape]()
    for index in range(1, count + 1):
        conv = f"features.{index}.conv"
        widens = f"{conv}.2.weight" in shapes
        within = size_of(shapes, f"{conv}.0.0.weight", 0)
        made = size_of(shapes, f"{conv}.{2 if widens else 1}.weight", 0)
        blocks.append(ResidualShape(taken, within if widens else taken, made, strides[index]))
        taken = made
    return MobileShape(
        size_of(shapes, "features.0.0.weight", 0), strides[0], tuple(blocks),
        size_of(shapes, f"features.{count + 1}.0.weight", 0), size_of(shapes, "classifier.1.weight", 0), same,
    )  # fmt: skip


class MobileNetV2(nn.Module):
    """Pixels (batch, 3, side, side) to how likely each label is, (batch, labels)."""

    def __init__(self, shape: MobileShape) -> None:
        super().__init__()
        first = _activated(3, shape.first, 3, shape.stride, same=shape.same)
        blocks = (_InvertedResidual(block, same=shape.same) for block in shape.blocks)
        self.features = nn.Sequential(first, *blocks, _activated(shape.blocks[-1].made, shape.last, 1, 1))
        self.classifier = nn.Sequential(nn.Identity(), nn.Linear(shape.last, shape.labels))

    def forward(self, pixels: Tensor) -> Tensor:
        # Channels last: so every layer takes what the one before made as it lies.
        seen: Tensor = self.features(pixels.to(memory_format=torch.channels_last))
        told: Tensor = self.classifier(seen.mean((2, 3)))
        return torch.softmax(told, 1)


class _InvertedResidual(nn.Module):
    def __init__(self, shape: ResidualShape, *, same: bool) -> None:
        super().__init__()
        within = shape.within
        widened = [] if within == shape.taken else [_activated(shape.taken, within, 1, 1)]
        seen = _activated(within, within, 3, shape.stride, groups=within, same=same)
        self.conv = nn.Sequential(*widened, seen, _Pointwise(within, shape.made, 1))
        self.adds = shape.stride == 1 and shape.taken == shape.made

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.conv(value)
        return made.add_(value) if self.adds else made


class _Pointwise(nn.Conv2d):
    """Of one pixel at a time: a product of matrices, which is what torch's own convolution first copies it into."""

    def forward(self, value: Tensor) -> Tensor:
        batch, channels, height, width = value.shape
        rows = value.permute(0, 2, 3, 1).reshape(-1, channels)
        made = functional.linear(rows, self.weight.flatten(1), self.bias)
        return made.view(batch, height, width, -1).permute(0, 3, 1, 2)


class _Padded(nn.Conv2d):
    """Of 3 × 3 pixels, as TensorFlow pads: as many rows as `stride` needs, the odd one behind."""

    def forward(self, value: Tensor) -> Tensor:
        (stride, _), (height, width) = self.stride, value.shape[2:]
        # Another row before it, and what came of that left out: the odd one behind, without a copy of all there is.
        down, across = (1 if stride == 1 or side % 2 else 2 for side in (height, width))
        made = functional.conv2d(value, self.weight, self.bias, stride, (down, across), groups=self.groups)
        return made[:, :, down - 1 :, across - 1 :]


def folded(tensors: Tensors) -> Tensors:
    """The tensors with every norm's in the convolution before it, as `network(norm(conv(x)))` has it."""
    made = dict(tensors)
    for name in [name for name in tensors if name.endswith(_MEAN)]:
        path, _, index = name.removesuffix(_MEAN).rpartition(".")
        conv, norm = f"{path}.{int(index) - 1}", f"{path}.{index}"
        made.pop(f"{norm}.num_batches_tracked", None)
        parts = (f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var"))
        weight, bias, mean, variance = (made.pop(part).double() for part in parts)
        scale = weight / torch.sqrt(variance + _EPSILON)
        made[f"{conv}.weight"] = (made[f"{conv}.weight"].double() * scale[:, None, None, None]).float()
        own = made.get(f"{conv}.bias", torch.zeros_like(mean))
        made[f"{conv}.bias"] = (bias + (own.double() - mean) * scale).float()
    return made


def _activated(taken: int, made: int, side: int, stride: int, *, groups: int = 1, same: bool = False) -> nn.Sequential:
    if side == 1:
        conv: nn.Conv2d = _Pointwise(taken, made, 1)
    elif same:
        conv = _Padded(taken, made, side, stride, groups=groups)
    else:
        conv = nn.Conv2d(taken, made, side, stride, side // 2, groups=groups)
    return nn.Sequential(conv, nn.ReLU6(inplace=True))
