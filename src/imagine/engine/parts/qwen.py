"""Qwen3, Qwen2.5-VL and Mistral Small 3: language models, of which families of pictures take what their layers make of
a prompt.

Yang et al. 2025 (arXiv:2505.09388), Bai et al. 2025 (arXiv:2502.13923). Modules have the names, and operations the
order, of those of transformers' `Qwen3Model`, `Qwen2_5_VLTextModel` and `MistralModel` (5.24, Apache-2.0): files fit,
and the bits are theirs (`tests/engine/test_chat_text.py`, `test_mistral.py`). Of three places that a token has in
Qwen2.5-VL, in time, row and column, those of words are one; those of a picture's tokens are told (`picture_places`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..device.transfer import sent

THETA = 1_000_000.0
"""Of those that draw, where no settings say another."""
MISTRAL = {"rope_theta": 1e9, "rms_norm_eps": 1e-5}
"""What FLUX.2 [dev]'s folder says of Mistral Small 3.2."""
MISTRAL_ASKED = 30
"""How many of its 40 layers that asks, and files that are made for it have."""


class QwenConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What settings say of the model, under transformers' names; others are ignored."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float = 1e-6
    rope_theta: float = THETA
    mrope_section: tuple[int, ...] = (16, 24, 24)
    """How many of a head's pairs of numbers are turned by each of three places."""
    qk_norm: bool
    """Queries and keys are normed, as in Qwen3."""
    biased: bool
    """Queries, keys and values have biases, as in Qwen2.5."""
    normed: bool = True
    """What its last layer makes is normed: it isn't of a model that was cut behind the last layer that is asked."""
    neighbours: bool = False
    """Numbers that are turned together lie side by side, as llama.cpp lays out Mistral's, not half a head apart."""


class PicturePlace(NamedTuple):
    """Where a picture's tokens lie among others, and how many there are along its sides."""

    begin: int
    rows: int
    columns: int


class QwenEncoder(nn.Module):
    """Token ids (1, tokens) to what some of its layers make of them, each (1, tokens, width)."""

    def __init__(self, config: QwenConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(_QwenLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = QwenNorm(config.hidden_size, config.rms_norm_eps) if config.normed else nn.Identity()

    @property
    def dtype(self) -> torch.dtype:
        return next(self.layers.parameters()).dtype

    def forward(
        self, ids: Tensor, layers: Collection[int], seen: int = 0, first: int = 0, pictures: Sequence[PicturePlace] = ()
    ) -> list[Tensor]:
        """The answers of `layers`, in order, counted from 1; 0 are the embeddings, and the last is normed, as in
        transformers' `hidden_states`. What lies behind them isn't run. Tokens see themselves and those before them;
        where some are padding, only `seen` of them from the `first` on, and those before that see nothing. `pictures`:
        where some are those of pictures, of tokens without padding."""
        value = self.embed_tokens(ids)
        angles = _angles(ids.shape[1], self.config, tuple(pictures))
        turned = tuple(sent(each, value.device).to(value.dtype) for each in angles)
        padded = 0 < seen < ids.shape[1]
        mask = _Sight(sent(_mask(ids.shape[1], seen, first), value.device), first) if padded else None
        made = [value] if 0 in layers else []
        for number, layer in enumerate(self.layers, 1):
            if number > max(layers):
                break
            value = layer(value, turned, mask)
            if number in layers:
                made.append(self.norm(value) if number == len(self.layers) else value)
        return made


Turned = tuple[Tensor, ...]
"""The cosines and the sines by which each token's numbers are turned, (tokens, head's width) both."""


@lru_cache(maxsize=4)
def _angles(tokens: int, config: QwenConfig, pictures: tuple[PicturePlace, ...]) -> Turned:
    places = torch.arange(0, config.head_dim, 2, dtype=torch.float32)
    by = 1.0 / config.rope_theta ** (places / config.head_dim)
    if pictures:
        parts = zip(picture_places(tokens, pictures), _split(by, config.mrope_section), strict=True)
        each = torch.cat([at[:, None] * part for at, part in parts], -1)
    else:
        each = torch.arange(tokens, dtype=torch.float32)[:, None] * by
    angles = torch.cat([each, each], -1)
    return angles.cos(), angles.sin()


class _Sight(NamedTuple):
    """Which tokens each sees, (1, 1, tokens, tokens), and how many of the first see nothing, whatever that says: what
    kernels make of a token that is to see none is not all the same."""

    mask: Tensor
    blind: int


def _split(value: Tensor, sizes: Sequence[int]) -> tuple[Tensor, ...]:
    made: tuple[Tensor, ...] = torch.split(value, list(sizes))
    return made


def picture_places(tokens: int, pictures: Sequence[PicturePlace]) -> Tensor:
    """Where so many tokens stand, (3, tokens): words one behind the other, alike in all three; a picture's all at one
    time, in their rows and columns from there on, and what comes behind it as far as its longer side.

    >>> picture_places(7, [PicturePlace(1, 2, 2)]).int().tolist()
    [[0, 1, 1, 1, 1, 3, 4], [0, 1, 1, 2, 2, 3, 4], [0, 1, 2, 1, 2, 3, 4]]
    """
    parts, behind, at = list[Tensor](), 0, 0
    for begin, rows, columns in pictures:
        parts.append((torch.arange(begin - behind) + at).expand(3, -1))
        at += begin - behind
        row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        parts.append(at + torch.stack([torch.zeros_like(row), row, column]).flatten(1))
        behind, at = begin + rows * columns, at + max(rows, columns)
    parts.append((torch.arange(tokens - behind) + at).expand(3, -1))
    return torch.cat(parts, 1).float()


@lru_cache(maxsize=4)
def _mask(tokens: int, seen: int, first: int) -> Tensor:
    places = torch.arange(tokens)
    shown = (places >= first) & (places < first + seen)
    mask = (places[None] <= places[:, None]) & (shown[None] | (places < first)[:, None])
    return mask[None, None]


class QwenNorm(nn.Module):
    """Of the root of the mean square, in float32: neither mean nor bias."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.epsilon = epsilon

    def forward(self, value: Tensor) -> Tensor:
        exact = value.to(torch.float32)
        exact = exact * torch.rsqrt(exact.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return self.weight * exact.to(value.dtype)


class _QwenLayer(nn.Module):
    def __init__(self, config: QwenConfig) -> None:
        super().__init__()
        self.self_attn = _QwenAttention(config)
        self.mlp = SwiGlu(config.hidden_size, config.intermediate_size)
        self.input_layernorm = QwenNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = QwenNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, value: Tensor, turned: Turned, mask: _Sight | None) -> Tensor:
        value = value + self.self_attn(self.input_layernorm(value), turned, mask)
        made: Tensor = value + self.mlp(self.post_attention_layernorm(value))
        return made


class _QwenAttention(nn.Module):
    """Queries and keys may be normed, head by head, or have biases; then they are turned by their places. Several
    queries share a key."""

    def __init__(self, config: QwenConfig) -> None:
        super().__init__()
        width, queries, keys = config.hidden_size, config.num_attention_heads, config.num_key_value_heads
        self.head_width, self.shared = config.head_dim, queries // keys
        self.neighbours = config.neighbours
        self.q_proj = nn.Linear(width, queries * self.head_width, bias=config.biased)
        self.k_proj, self.v_proj = (nn.Linear(width, keys * self.head_width, bias=config.biased) for _ in range(2))
        self.o_proj = nn.Linear(queries * self.head_width, width, bias=False)
        self.q_norm, self.k_norm = (
            QwenNorm(self.head_width, config.rms_norm_eps) if config.qk_norm else nn.Identity() for _ in range(2)
        )

    def forward(self, value: Tensor, turned: Turned, mask: _Sight | None) -> Tensor:
        shape, turn = (*value.shape[:-1], -1, self.head_width), _turned_beside if self.neighbours else turned_by
        query = turn(self.q_norm(self.q_proj(value).view(shape)).transpose(1, 2), turned)
        key = turn(self.k_norm(self.k_proj(value).view(shape)).transpose(1, 2), turned)
        of = self.v_proj(value).view(shape).transpose(1, 2)
        if mask is not None:  # with one, kernels that share keys by themselves are slow
            key, of = self._for_each(key), self._for_each(of)
        answer = functional.scaled_dot_product_attention(
            query, key, of, attn_mask=None if mask is None else mask.mask, scale=self.head_width**-0.5,
            is_causal=mask is None, enable_gqa=mask is None,
        )  # fmt: skip
        if mask is not None and mask.blind:
            answer[:, :, : mask.blind] = 0
        made: Tensor = self.o_proj(answer.transpose(1, 2).reshape(*value.shape[:-1], -1))
        return made

    def _for_each(self, value: Tensor) -> Tensor:
        """One of (1, heads, tokens, width) for each of the queries that share it."""
        return value if self.shared == 1 else value.repeat_interleave(self.shared, 1)


def turned_by(value: Tensor, turned: Turned) -> Tensor:
    cosines, sines = turned
    first, second = value.chunk(2, -1)
    return value * cosines + torch.cat([-second, first], -1) * sines


def _turned_beside(value: Tensor, turned: Turned) -> Tensor:
    """The same of numbers whose pairs are neighbours."""
    cosines, sines = (each.chunk(2, -1)[0] for each in turned)
    first, second = value[..., ::2], value[..., 1::2]
    return torch.stack([first * cosines - second * sines, second * cosines + first * sines], -1).flatten(-2)


class SwiGlu(nn.Module):
    def __init__(self, width: int, inner: int, *, bias: bool = False) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = (nn.Linear(width, inner, bias=bias) for _ in range(2))
        self.down_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.down_proj(functional.silu(self.gate_proj(value)) * self.up_proj(value))
        return made
