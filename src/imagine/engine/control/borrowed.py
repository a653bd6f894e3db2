"""Control-LoRA: a ControlNet that is its model's own way down, changed by low-rank halves (Stability AI 2023,
https://huggingface.co/stabilityai/control-lora).

Its layers are the U-Net's over again: the very same weights, in whatever form they lie, with biases, norms and halves
of their own. So it takes what its file takes, and the U-Net is as it was.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.nn import Conv2d, Linear, Module, Parameter

from ...files.mapped import release
from ..adapters.adapter import SidePath
from ..adapters.low_rank import LowRank
from ..execution.attention import HeadsApart
from ..execution.flow import shorten
from ..execution.homes import home_of, own_copy
from ..execution.packed import can_pack, lay_out, pack, scale

_HALVES = ("up", "down")
_OWN = ("controlnet_down_blocks.", "controlnet_mid_block")
"""Layers that no U-Net has, and that are laid out as a U-Net's."""


def borrow(module: Any, unet: Any, tensors: Mapping[str, Tensor]) -> list[str]:
    """Have `module`, a ControlNet on `meta`, take its layers from a U-Net and from the `tensors` of a file; gives the
    names of those that it has no place for. Raises Misfit, and LookupError for what neither has.

    Where the U-Net is laid out for its kernels, so is it then.
    """
    packs = can_pack(home_of(unet), unet)
    if packs:
        lay_out(unet, release)  # or it would leave behind what was borrowed of it
    parts = defaultdict[str, dict[str, Tensor]](dict)
    for name, tensor in tensors.items():
        stem, _, part = name.rpartition(".")
        parts[stem][part] = tensor
    theirs = dict(unet.named_modules())
    for name, layer in list(module.named_modules()):
        layer.training = False
        if layer._parameters:
            parent, _, last = name.rpartition(".")
            taken = _taken(layer, theirs.get(name), parts.pop(name, {}), name)
            setattr(module.get_submodule(parent), last, taken)
    if packs:
        for name, block in module.named_modules():
            if name in theirs or name.startswith(_OWN):
                _lay_out(block, theirs.get(name))
    return [f"{stem}.{part}" for stem, each in parts.items() for part in each]


def _lay_out(block: Any, theirs: Module | None) -> None:
    """What `lay_out` does to a block of a network, to one whose layers may have been laid out as another's."""
    apart: HeadsApart | None = getattr(theirs, "apart", None)
    if apart is not None:
        block.apart = apart
        if type(block.to_q) is Linear:  # its file has all of its weights
            scale(block.to_q, (block.to_q.out_features // block.heads) ** -0.5, release)
    pack(block, release)
    shorten(block)


def _taken(layer: Module, theirs: Module | None, own: Mapping[str, Tensor], name: str) -> Module:
    """A layer with what the file has of it, and the rest of it the U-Net's."""
    whole = theirs is None or "weight" in own
    made = layer if whole else _again(theirs)
    for part, parameter in list(made._parameters.items()):
        if parameter is None:
            continue
        given = own.get(part)
        if given is None and theirs is None:
            raise LookupError(f"{name}.{part}")
        taken = own_copy(theirs, part) if given is None and theirs is not None else given
        assert taken is not None
        if taken.shape != parameter.shape:
            raise ValueError(f"{name}.{part}: {list(taken.shape)}")
        made._parameters[part] = Parameter(taken, requires_grad=False)
    halves = {part: own[part] for part in _HALVES if part in own}
    if halves and not whole:
        if not isinstance(made, Linear | Conv2d):
            raise ValueError(name)
        made.register_forward_hook(_adding(LowRank(made, halves, None)))
    return made


def _again(layer: Any) -> Module:
    """The same layer over again: its weights are the same memory, what is set on it isn't."""
    made: Module = copy.copy(layer)
    made._parameters = dict(layer._parameters)
    made._forward_hooks, made._forward_pre_hooks = type(layer._forward_hooks)(), type(layer._forward_pre_hooks)()
    made._forward_hooks_with_kwargs = type(layer._forward_hooks_with_kwargs)()
    made._forward_pre_hooks_with_kwargs = type(layer._forward_pre_hooks_with_kwargs)()
    return made


def _adding(path: SidePath) -> Any:
    def add(layer: Any, given: tuple[Tensor, ...], answer: Tensor) -> None:
        answer.add_(path(given[0], 1.0), alpha=getattr(layer, "gain", 1.0))

    return add
