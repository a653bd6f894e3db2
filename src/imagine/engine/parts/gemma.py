"""Gemma 2: a language model, of which Lumina 2 takes what its layer before the last makes of a prompt.

Gemma Team 2024 (arXiv:2408.00118). Modules have the names, and operations the order, of those of transformers'
`Gemma2Model` (5.24, Apache-2.0): files fit, and the numbers are its (`tests/engine/test_gemma.py`). Every other layer
of it sees the last 4,096 tokens alone, which prompts don't have.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from functools import lru_cache

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..device.transfer import sent
from .qwen import PicturePlace, Turned, turned_by


class GemmaConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What settings say of the model, under transformers' names; others are ignored."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10_000.0
    query_pre_attn_scalar: float = 256.0
    """What products are divided by the root of."""
    attn_logit_softcapping: float = 50.0
    """What they stay below, either way."""


class GemmaEncoder(nn.Module):
    """Token ids (1, tokens) to what some of its layers make of them, each (1, tokens, width)."""

    def __init__(self, config: GemmaConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(_GemmaLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = _GemmaNorm(config)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.layers.parameters()).dtype

    def forward(
        self, ids: Tensor, layers: Collection[int], seen: int = 0, first: int = 0, pictures: Sequence[PicturePlace] = ()
    ) -> list[Tensor]:
        """The answers of `layers`, in order, counted from 1, the last of which is normed, as in transformers'
        `hidden_states`. What lies behind them isn't run. Tokens see themselves and those before them. Of what a Qwen is
        asked beside, padding and pictures, it has none."""
        assert not first
        assert not pictures
        assert seen in (0, ids.shape[1])
        words, tokens = self.embed_tokens(ids), ids.shape[1]
        value = words * torch.tensor(math.sqrt(self.config.hidden_size), dtype=words.dtype)
        turned = tuple(sent(each, value.device).to(value.dtype) for each in _angles(tokens, self.config))
        unseen = sent(torch.ones(tokens, tokens, dtype=torch.bool).triu(1), value.device)
        made = list[Tensor]()
        for number, layer in enumerate(self.layers, 1):
            if number > max(layers):
                break
            value = layer(value, turned, unseen)
            if number in layers:
                made.append(self.norm(value) if number == len(self.layers) else value)
        return made


@lru_cache(maxsize=4)
def _angles(tokens: int, config: GemmaConfig) -> Turned:
    places = torch.arange(0, config.head_dim, 2, dtype=torch.float32)
    each = torch.arange(tokens, dtype=torch.float32)[:, None] * (1.0 / config.rope_theta ** (places / config.head_dim))
    angles = torch.cat([each, each], -1)
    return angles.cos(), angles.sin()


class _GemmaNorm(nn.Module):
    """Of the root of the mean square, in float32, times one and its weight."""

    def __init__(self, config: GemmaConfig) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.hidden_size))
        self.epsilon = config.rms_norm_eps

    def forward(self, value: Tensor) -> Tensor:
        exact = value.float()
        exact = exact * torch.rsqrt(exact.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (exact * (1.0 + self.weight.float())).type_as(value)


class _GemmaLayer(nn.Module):
    def __init__(self, config: GemmaConfig) -> None:
        super().__init__()
        self.self_attn = _GemmaAttention(config)
        self.mlp = _GemmaFeed(config)
        self.input_layernorm, self.post_attention_layernorm = (_GemmaNorm(config) for _ in range(2))
        self.pre_feedforward_layernorm, self.post_feedforward_layernorm = (_GemmaNorm(config) for _ in range(2))

    def forward(self, value: Tensor, turned: Turned, unseen: Tensor) -> Tensor:
        attended = self.self_attn(self.input_layernorm(value), turned, unseen)
        value = value + self.post_attention_layernorm(attended)
        fed = self.mlp(self.pre_feedforward_layernorm(value))
        made: Tensor = value + self.post_feedforward_layernorm(fed)
        return made


class _GemmaAttention(nn.Module):
    """Several queries share a key; what they make together is bent to stay between two numbers."""

    def __init__(self, config: GemmaConfig) -> None:
        super().__init__()
        width, queries, keys = config.hidden_size, config.num_attention_heads, config.num_key_value_heads
        self.head_width, self.shared, self.most = config.head_dim, queries // keys, config.attn_logit_softcapping
        self.scale = config.query_pre_attn_scalar**-0.5
        self.q_proj = nn.Linear(width, queries * self.head_width, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(width, keys * self.head_width, bias=False) for _ in range(2))
        self.o_proj = nn.Linear(queries * self.head_width, width, bias=False)

    def forward(self, value: Tensor, turned: Turned, unseen: Tensor) -> Tensor:
        shape = (*value.shape[:-1], -1, self.head_width)
        query, key, of = (
            project(value).view(shape).transpose(1, 2) for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        query, key = turned_by(query, turned), turned_by(key, turned)
        key, of = (each.repeat_interleave(self.shared, 1) for each in (key, of))
        products = torch.matmul(query, key.transpose(2, 3)) * self.scale
        products = torch.tanh(products / self.most) * self.most
        products = products.masked_fill(unseen, torch.finfo(products.dtype).min)
        weights = functional.softmax(products, dim=-1, dtype=torch.float32).to(query.dtype)
        answer = torch.matmul(weights, of)
        made: Tensor = self.o_proj(answer.transpose(1, 2).reshape(*value.shape[:-1], -1))
        return made


class _GemmaFeed(nn.Module):
    def __init__(self, config: GemmaConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj, self.up_proj = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, value: Tensor) -> Tensor:
        gate = functional.gelu(self.gate_proj(value), approximate="tanh")
        made: Tensor = self.down_proj(gate * self.up_proj(value))
        return made
