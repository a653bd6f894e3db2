"""T5's encoder: a transformer in which every token sees all others, and hears only how far off they are.

Raffel et al. 2020 (arXiv:1910.10683), with the gated layers of its version 1.1 (arXiv:2002.05202). Its modules have the
names, and its operations the order, of those of transformers' `T5EncoderModel` (5.24, Apache-2.0): files fit, and the
bits are theirs (`tests/engine/test_long_text.py`). No family computes it in float16, which it overflows.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..device.transfer import sent

HEAD_WIDTH = 64
"""Of T5 in every size."""
_FARTHEST = 128
"""Tokens beyond which all distances are one."""


class T5Config(msgspec.Struct, frozen=True, kw_only=True):
    """What settings say of an encoder, under transformers' names; others are ignored."""

    d_model: int
    d_ff: int
    num_layers: int
    num_heads: int
    d_kv: int = HEAD_WIDTH
    vocab_size: int = 32128
    relative_attention_num_buckets: int = 32
    layer_norm_epsilon: float = 1e-6
    apart: bool = False
    """Each layer has a bias for distances of its own, as in UMT5 (Chung et al. 2023, arXiv:2304.09151)."""


class T5Encoder(nn.Module):
    """Token ids (rows, tokens) to what it makes of them, (rows, tokens, width)."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = _T5Stack(config)

    @property
    def dtype(self) -> torch.dtype:
        return self.encoder.final_layer_norm.weight.dtype

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` (rows, tokens) is true where a token is seen; None: all are, padding too."""
        value, bias = self.shared(ids), None
        blocks: Any = self.encoder.block
        for block in blocks:
            if bias is None or self.config.apart:
                bias = _bias(block.layer[0].SelfAttention, ids.shape[1], value.device, mask)
            value = block(value, bias)
        made: Tensor = self.encoder.final_layer_norm(value)
        return made


def _bias(attention: Any, tokens: int, device: torch.device, mask: Tensor | None) -> Tensor:
    """Of each pair of tokens, of which some may not be seen."""
    bias: Tensor = attention.bias(tokens, device)
    if mask is not None:
        bias = torch.where(mask[:, None, None], bias, torch.finfo(bias.dtype).min)
    return bias.contiguous()


class _T5Stack(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.block = nn.ModuleList(
            _T5Block(config, first=config.apart or not place) for place in range(config.num_layers)
        )
        self.final_layer_norm = _RootNorm(config)


class _T5Block(nn.Module):
    def __init__(self, config: T5Config, *, first: bool) -> None:
        super().__init__()
        self.layer = nn.ModuleList((_T5Layer(config, first=first), _T5Feed(config)))

    def forward(self, value: Tensor, bias: Tensor) -> Tensor:
        attend, feed = self.layer
        made: Tensor = feed(attend(value, bias))
        return made


class _RootNorm(nn.Module):
    """Of the root of the mean square, in float32: neither mean nor bias."""

    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.d_model))
        self.epsilon = config.layer_norm_epsilon

    def forward(self, value: Tensor) -> Tensor:
        variance = value.to(torch.float32).pow(2).mean(-1, keepdim=True)
        return self.weight * (value * torch.rsqrt(variance + self.epsilon)).to(self.weight.dtype)


class _T5Layer(nn.Module):
    def __init__(self, config: T5Config, *, first: bool) -> None:
        super().__init__()
        self.SelfAttention = _T5Attention(config, first=first)
        self.layer_norm = _RootNorm(config)

    def forward(self, value: Tensor, bias: Tensor) -> Tensor:
        made: Tensor = value + self.SelfAttention(self.layer_norm(value), bias)
        return made


class _T5Attention(nn.Module):
    """Its products aren't scaled; all layers have the `first`'s bias for distances, or each its own."""

    def __init__(self, config: T5Config, *, first: bool) -> None:
        super().__init__()
        inner = config.num_heads * config.d_kv
        self.head_width, self.buckets = config.d_kv, config.relative_attention_num_buckets
        self.q, self.k, self.v = (nn.Linear(config.d_model, inner, bias=False) for _ in range(3))
        self.o = nn.Linear(inner, config.d_model, bias=False)
        if first:
            self.relative_attention_bias = nn.Embedding(self.buckets, config.num_heads)

    def bias(self, tokens: int, device: torch.device) -> Tensor:
        """Of each pair of tokens, (1, heads, tokens, tokens)."""
        distances = sent(_buckets(tokens, self.buckets), device)
        made: Tensor = self.relative_attention_bias(distances).permute(2, 0, 1)[None]
        return made

    def forward(self, value: Tensor, bias: Tensor) -> Tensor:
        shape = (*value.shape[:-1], -1, self.head_width)
        query, key, of = (project(value).view(shape).transpose(1, 2) for project in (self.q, self.k, self.v))
        seen = functional.scaled_dot_product_attention(query, key, of, attn_mask=bias, scale=1.0)
        made: Tensor = self.o(seen.transpose(1, 2).reshape(*value.shape[:-1], -1))
        return made


@lru_cache(maxsize=4)
def _buckets(tokens: int, count: int) -> Tensor:
    """Which of `count` each pair of tokens has: a half for those before and one for those behind; in it one for each
    near distance, and wider and wider ones for the far."""
    places = torch.arange(tokens)
    distance = places[None] - places[:, None]
    count //= 2
    behind, distance = (distance > 0).long() * count, distance.abs()
    near = count // 2
    far = near + (torch.log(distance.float() / near) / math.log(_FARTHEST / near) * (count - near)).long()
    return behind + torch.where(distance < near, distance, far.clamp(max=count - 1))


class _T5Feed(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.DenseReluDense = _Gated(config)
        self.layer_norm = _RootNorm(config)

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = value + self.DenseReluDense(self.layer_norm(value))
        return made


class _Gated(nn.Module):
    def __init__(self, config: T5Config) -> None:
        super().__init__()
        self.wi_0, self.wi_1 = (nn.Linear(config.d_model, config.d_ff, bias=False) for _ in range(2))
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.wo(_gelu(self.wi_0(value)) * self.wi_1(value))
        return made


def _gelu(value: Tensor) -> Tensor:
    """By a hyperbolic tangent. torch's own rounds otherwise."""
    return 0.5 * value * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (value + 0.044715 * torch.pow(value, 3.0))))
