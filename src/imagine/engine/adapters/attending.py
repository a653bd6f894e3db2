"""Layers that attend to words, and where what pictures add comes in: of U-Nets, and of transformers with double
blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor
from torch.utils.hooks import RemovableHandle

from ..execution.packing import SIDE

MARK = "attn2"
"""The last part of the names of a U-Net's layers that attend to words."""
TakeTensor = Callable[[Tensor], None]


class Attending(Protocol):
    """One of them."""

    @property
    def patch(self) -> int:
        """Latents along a side of what is one query at most."""

    @property
    def heads(self) -> int: ...

    @property
    def sizes(self) -> tuple[int, int]:
        """How wide keys are, and the tokens that they are made of."""

    def hooks(self, note: TakeTensor, attend: TakeTensor, /) -> Iterator[RemovableHandle]:
        """That tell `note` the queries, (rows, tokens, …), and then have `attend` add to what they bring about, in
        place, (rows, tokens, width)."""


class CrossAttention(NamedTuple):
    """A U-Net's. Added to what it has seen of its words, before that is mapped back."""

    layer: Any

    @property
    def patch(self) -> int:
        return 1

    @property
    def heads(self) -> int:
        return int(self.layer.heads)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.layer.to_k.out_features, self.layer.to_k.in_features

    def hooks(self, note: TakeTensor, attend: TakeTensor) -> Iterator[RemovableHandle]:
        # Behind the hooks that change the queries.
        yield self.layer.to_q.register_forward_hook(lambda _layer, _given, answer: note(answer))
        yield self.layer.to_out[0].register_forward_pre_hook(lambda _layer, given: attend(given[0]))


class DoubleBlock(NamedTuple):
    """A Flux', whose text tokens are `context` wide. The picture's queries are asked before they are turned by their
    places, and what is seen is added to the block's answer (diffusers' `FluxIPAdapterAttnProcessor`, 0.42)."""

    block: Any
    context: int

    @property
    def patch(self) -> int:
        return SIDE

    @property
    def heads(self) -> int:
        return int(self.block.attn.heads)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.block.attn.to_q.out_features, self.context

    def hooks(self, note: TakeTensor, attend: TakeTensor) -> Iterator[RemovableHandle]:
        yield self.block.attn.norm_q.register_forward_hook(lambda _layer, _given, answer: note(answer))
        yield self.block.register_forward_hook(lambda _layer, _given, answer: attend(answer[1]))


class Numbered(NamedTuple):
    """A layer by its number in image adapters' files, and its name in the network."""

    number: int
    name: str
    layer: Attending


def attentions(network: Any) -> Sequence[tuple[str, Any]]:
    """All attention of a U-Net with its name, in the order that IP-Adapter's files number it by: as its blocks were
    made, the middle ones last (diffusers' `UNet2DConditionModel.attn_processors`)."""
    return [(name, layer) for name, layer in network.named_modules() if name.endswith((".attn1", f".{MARK}"))]


def of_unet(network: Any) -> Sequence[Numbered]:
    """Those of a U-Net; none of another network."""
    return [
        Numbered(number, name, CrossAttention(layer))
        for number, (name, layer) in enumerate(attentions(network))
        if name.endswith(f".{MARK}")
    ]


def of_flux(network: Any) -> Sequence[Numbered]:
    """Those of a Flux; none of another network."""
    if type(network).__name__ != "FluxTransformer2DModel":
        return []
    context = int(network.config.joint_attention_dim)
    return [
        Numbered(number, f"transformer_blocks.{number}", DoubleBlock(block, context))
        for number, block in enumerate(network.transformer_blocks)
    ]
