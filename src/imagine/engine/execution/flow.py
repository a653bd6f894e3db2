"""The blocks of a U-Net with less between their layers: sums made where the layers end, nothing copied to be laid out.

Each forward is that of its block in diffusers (0.42, Apache-2.0) for what Stable Diffusion's networks are made of; a
block that is told anything else keeps its own. Layers are called as modules, so that hooks on them are heard.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from torch import Tensor
from torch.nn import Module, SiLU, functional

from ..libraries.light import (
    GEGLU,
    Attention,
    AttnProcessor2_0,
    BasicTransformerBlock,
    ResnetBlock2D,
    Transformer2DModel,
)
from .attention import HeadsApart

_WIDEST = 96
"""Columns of a head. SD1's wider ones are of too few tokens for it to matter, and their weights many."""


def call_processors(network: Module) -> None:
    """Have attention call its processor at once. diffusers looks up which arguments that takes, at every call: a third
    of all Python calls of a forward (measured)."""
    for attention in network.modules():
        if type(attention) is Attention and type(attention.processor) is AttnProcessor2_0:
            attention.forward = MethodType(_processed, attention)


def _processed(self: Any, tokens: Tensor, encoder_hidden_states: Tensor | None = None, **more: Any) -> Tensor:
    answer: Tensor = self.processor(self, tokens, encoder_hidden_states=encoder_hidden_states, **more)
    return answer


def shorten(block: Module) -> None:
    """Give a block its short forward, if it is one that has it."""
    forward = next((forward for fits, forward in _SHORT if fits(block)), None)
    if forward is not None:
        block.forward = MethodType(forward, block)


def _is_resnet(block: Any) -> bool:
    return (
        type(block) is ResnetBlock2D and type(block.nonlinearity) is SiLU and block.time_embedding_norm == "default"
        and block.time_emb_proj is not None and not block.skip_time_act and block.output_scale_factor == 1
        and block.upsample is None and block.downsample is None
    )  # fmt: skip


def _resnet(self: Any, value: Tensor, embedded: Tensor) -> Tensor:
    made = self.conv1(functional.silu(self.norm1(value), inplace=True))
    made += self.time_emb_proj(functional.silu(embedded))[:, :, None, None]
    made = functional.silu(self.norm2(made), inplace=True)
    answer: Tensor = self.conv2(made, value if self.conv_shortcut is None else self.conv_shortcut(value))
    return answer


def _is_transformer(block: Any) -> bool:
    return (
        type(block) is Transformer2DModel and block.is_input_continuous
        and all(_is_transformer_block(inner) for inner in block.transformer_blocks)
    )  # fmt: skip


def _transformer(self: Any, value: Tensor, encoder_hidden_states: Tensor, **_: Any) -> tuple[Tensor]:
    normed, last = self.norm(value), value.permute(0, 2, 3, 1)
    rows, height, width, channels = last.shape
    if self.use_linear_projection:
        tokens = self.proj_in(normed.permute(0, 2, 3, 1).reshape(rows, height * width, channels))
    else:
        tokens = self.proj_in(normed).permute(0, 2, 3, 1).reshape(rows, height * width, -1)
    for block in self.transformer_blocks:
        tokens = block(tokens, encoder_hidden_states)
    if self.use_linear_projection:
        made = self.proj_out(tokens, last.reshape(rows, height * width, channels))
        return (made.view(rows, height, width, channels).permute(0, 3, 1, 2),)
    return (self.proj_out(tokens.view(rows, height, width, -1).permute(0, 3, 1, 2), value),)


def _is_transformer_block(block: Any) -> bool:
    return (
        type(block) is BasicTransformerBlock and block.norm_type == "layer_norm" and block.pos_embed is None
        and not hasattr(block, "fuser") and not block.only_cross_attention and block._chunk_size is None
        and _is_attention(block.attn1) and _is_attention(block.attn2) and type(block.ff.net[0]) is GEGLU
    )  # fmt: skip


def _transformer_block(self: Any, tokens: Tensor, context: Tensor) -> Tensor:
    normed = self.norm1(tokens)
    tokens = _attended(self.attn1, normed, normed, tokens)
    tokens = _attended(self.attn2, self.norm2(tokens), context, tokens)
    gated, _, out, *_ = self.ff.net
    answer: Tensor = out(gated(self.norm3(tokens)), tokens)
    return answer


def _is_attention(block: Any) -> bool:
    return (
        type(block) is Attention and type(block.processor) is AttnProcessor2_0 and block.rescale_output_factor == 1
        and not block.residual_connection and not block.norm_cross
        and all(norm is None for norm in (block.spatial_norm, block.group_norm, block.norm_q, block.norm_k))
    )  # fmt: skip


def attends_to_itself(block: Any) -> bool:
    """Is it attention among a picture's tokens that a short block has? Such a one may be given how it is done `apart`,
    if its queries come scaled."""
    return (
        _is_attention(block) and not block.is_cross_attention and block.to_q.bias is None
        and block.to_q.out_features <= _WIDEST * block.heads
    )  # fmt: skip


def _attended(attention: Any, tokens: Tensor, context: Tensor, beside: Tensor) -> Tensor:
    """Tokens (rows, n, width) that attend to `context`, and what stands beside them."""
    query, key, value = (
        projected.unflatten(-1, (attention.heads, -1))
        for projected in (attention.to_q(tokens), attention.to_k(context), attention.to_v(context))
    )
    apart: HeadsApart | None = getattr(attention, "apart", None)
    if apart is not None and apart.is_worth(query):
        made = apart.attend(query, key, value)
    else:
        query, key, value = (each.transpose(1, 2) for each in (query, key, value))
        factor = None if apart is None else 1.0
        made = functional.scaled_dot_product_attention(query, key, value, scale=factor).transpose(1, 2)
    answer: Tensor = attention.to_out[0](made.flatten(2), beside)
    return answer


def _is_geglu(block: Any) -> bool:
    return type(block) is GEGLU


def _geglu(self: Any, value: Tensor) -> Tensor:
    wanted, gate = self.proj(value).chunk(2, dim=-1)
    return functional.gelu(gate).mul_(wanted)


_SHORT = (
    (_is_resnet, _resnet), (_is_transformer, _transformer), (_is_transformer_block, _transformer_block),
    (_is_geglu, _geglu),
)  # fmt: skip
