"""A layer as what stands beside it sees it: what it maps its inputs to without a bias, its weights, and others in their
place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Conv2d, GroupNorm, LayerNorm, Linear, functional

from ...messages import Message, message
from ..execution.packed import unbiased, unpacked
from ..execution.wrapping import surrounded

Affine = Linear | Conv2d
Norm = LayerNorm | GroupNorm
MOST_SCALE = 10_000
"""Times the rank that an alpha may be."""
Parts = dict[str, Tensor]
"""What an adapter's file has of one layer, by `words.adapter_names`' names."""


class Misfit(Exception):
    """An adapter's tensors contradict the layer's, or each other; says how."""

    def __init__(self, note: Message) -> None:
        super().__init__(str(note))
        self.note = note


def mapped(layer: Affine, inputs: Tensor) -> Tensor:
    """The layer's own answer, without its bias and without what stands beside it."""
    return unbiased(layer, inputs)


def weights_of(layer: Affine) -> Tensor:
    """Its weights in float32 and in their own shape, wherever it keeps them."""
    return unpacked(layer).detach().float()


def in_place(layer: Affine, inputs: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """What `weight` in the place of the layer's own maps its inputs to. It may be stored in another dtype."""
    weight, bias = weight.to(inputs), None if bias is None else bias.to(inputs)
    if isinstance(layer, Linear):
        return functional.linear(inputs, weight, bias)
    inputs, padding = surrounded(layer, inputs)
    return functional.conv2d(inputs, weight, bias, layer.stride, padding, layer.dilation, layer.groups)


def by_channel(numbers: Tensor, layer: Affine) -> Tensor:
    """One number for each channel, (C,), in the shape that multiplies what goes in or comes out."""
    return numbers.reshape(-1, 1, 1) if isinstance(layer, Conv2d) else numbers.reshape(-1)


def shaped(part: str, tensor: Tensor, shape: torch.Size) -> Tensor:
    """A tensor in a layer's `shape`: trainers write maps of single pixels and of vectors for each other."""
    if tensor.shape == shape:
        return tensor
    fits(part, tensor, *shape[: tensor.dim()], *[1] * (tensor.dim() - len(shape)))
    if tensor.numel() != shape.numel():
        raise _misshaped(part, tensor, shape)
    return tensor.reshape(shape)


def fits(part: str, tensor: Tensor, *shape: int) -> None:
    """Raises Misfit unless a tensor is of that shape."""
    if tuple(tensor.shape) != shape:
        raise _misshaped(part, tensor, shape)


def needs(parts: Parts, *names: str, least: int = 0) -> list[Tensor]:
    """These of a layer's parts. Raises Misfit where one isn't there, or has not at `least` so many dimensions."""
    missing = next((name for name in names if name not in parts), None)
    if missing is not None:
        raise Misfit(message("lora.part_missing", part=missing))
    for name in names:
        if parts[name].dim() < least:
            raise _misshaped(name, parts[name], ("…",) * least)
    return [parts[name] for name in names]


def scale_of(alpha: float | None, rank: int) -> float:
    """What a product of that rank is scaled by: alpha over the rank, and 1 where no alpha is said. Raises Misfit."""
    if not rank:
        raise Misfit(message("lora.rank"))
    if alpha is None:
        return 1.0
    if not abs(alpha) <= MOST_SCALE * rank:
        raise Misfit(message("lora.alpha", value=alpha, most=MOST_SCALE * rank))
    return alpha / rank


def _misshaped(part: str, tensor: Tensor, shape: tuple[int | str, ...]) -> Misfit:
    shown, expected = (f"[{', '.join(map(str, each))}]" for each in (tensor.shape, shape))
    return Misfit(message("lora.part_shape", part=part, shape=shown, expected=expected))
