"""CLIP's text model: a transformer in which every token sees those before it, and, where a family pools, a projection.

Radford et al. 2021 (arXiv:2103.00020), section 2.4. Its modules have the names, and its operations the order, of those
of transformers' `CLIPTextModel` and `CLIPTextModelWithProjection` (5.24, Apache-2.0): files fit, and the bits are
theirs (`tests/engine/test_prompts.py`). Importing those takes longer than importing torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

_OLD_END = 2
"""What settings from before 2023 say the end mark is; then the highest token of a text counts as its end."""


def _quick_gelu(value: Tensor) -> Tensor:
    return value * torch.sigmoid(1.702 * value)


_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "quick_gelu": _quick_gelu, "gelu": functional.gelu,
    "gelu_pytorch_tanh": partial(functional.gelu, approximate="tanh"),
}  # fmt: skip


class LayersConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What settings say of a transformer's layers, under transformers' names; others are ignored."""

    hidden_size: int = 512
    intermediate_size: int = 2048
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is no multiple of {self.num_attention_heads} heads")
        if self.hidden_act not in _ACTIVATIONS:
            raise ValueError(f"hidden_act must be one of {', '.join(_ACTIVATIONS)}, not {self.hidden_act!r}")


L = TypeVar("L", bound=LayersConfig)


class ClipConfig(LayersConfig, frozen=True, kw_only=True):
    """A text model's settings."""

    vocab_size: int = 49408
    projection_dim: int = 512
    max_position_embeddings: int = 77
    eos_token_id: int = 49407


def clip_config(settings: Mapping[str, Any]) -> ClipConfig:
    """Raises ValueError for what is no text model's."""
    return layers_config(settings, ClipConfig)


def layers_config(settings: Mapping[str, Any], kind: type[L]) -> L:
    """Raises ValueError for what are no such model's."""
    try:
        return msgspec.convert(settings, kind)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error


class ClipOutput(NamedTuple):
    """`hidden_states` are the embeddings and each layer's answer (batch, tokens, width), none of them normed;
    `text_embeds` is the projection of the end mark (batch, projection), or None."""

    hidden_states: tuple[Tensor, ...]
    text_embeds: Tensor | None = None


class ClipTextModel(nn.Module):
    """Token ids (batch, tokens) to what each layer makes of them."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = _Embeddings(config)
        self.encoder = ClipEncoder(config, causal=True)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    @property
    def device(self) -> torch.device:
        return self.final_layer_norm.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.final_layer_norm.weight.dtype

    def forward(self, ids: Tensor) -> ClipOutput:
        states = [self.embeddings(ids)]
        for layer in self.encoder.layers:
            states.append(layer(states[-1]))
        return ClipOutput(tuple(states))

    def pooled(self, ids: Tensor, last: Tensor) -> Tensor:
        """The normed embedding of each text's end mark, (batch, width)."""
        normed: Tensor = self.final_layer_norm(last)
        marks = ids.int() if self.config.eos_token_id == _OLD_END else (ids == self.config.eos_token_id).int()
        return normed[torch.arange(len(ids), device=normed.device), marks.argmax(dim=-1)]


class ClipTextModelWithProjection(nn.Module):
    """The same, with the projection of its end mark."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.text_model = ClipTextModel(config)
        self.text_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    @property
    def device(self) -> torch.device:
        return self.text_model.device

    @property
    def dtype(self) -> torch.dtype:
        return self.text_model.dtype

    def forward(self, ids: Tensor) -> ClipOutput:
        states = self.text_model(ids).hidden_states
        return ClipOutput(states, self.text_projection(self.text_model.pooled(ids, states[-1])))


class _Embeddings(nn.Module):
    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.max_position_embeddings, config.hidden_size)

    def forward(self, ids: Tensor) -> Tensor:
        tokens: Tensor = self.token_embedding(ids)
        return tokens + self.position_embedding(torch.arange(ids.shape[-1], device=ids.device)[None])


class ClipEncoder(nn.Module):
    """The layers; `causal`: every token sees those before it, else all."""

    def __init__(self, config: LayersConfig, *, causal: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config, causal=causal) for _ in range(config.num_hidden_layers))


class _Layer(nn.Module):
    def __init__(self, config: LayersConfig, *, causal: bool) -> None:
        super().__init__()
        self.self_attn = _Attention(config, causal=causal)
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = _Mlp(config)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, value: Tensor) -> Tensor:
        value = value + self.self_attn(self.layer_norm1(value))
        made: Tensor = value + self.mlp(self.layer_norm2(value))
        return made


class _Attention(nn.Module):
    def __init__(self, config: LayersConfig, *, causal: bool) -> None:
        super().__init__()
        width = config.hidden_size
        self.causal = causal
        self.head_width = width // config.num_attention_heads
        self.k_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.q_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, value: Tensor) -> Tensor:
        shape = (*value.shape[:-1], -1, self.head_width)
        query, key, of = (
            project(value).view(shape).transpose(1, 2) for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        scale, causal = self.head_width**-0.5, self.causal
        seen = functional.scaled_dot_product_attention(query, key, of, scale=scale, is_causal=causal)
        made: Tensor = self.out_proj(seen.transpose(1, 2).reshape(value.shape))
        return made


class _Mlp(nn.Module):
    def __init__(self, config: LayersConfig) -> None:
        super().__init__()
        self.activation = _ACTIVATIONS[config.hidden_act]
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, value: Tensor) -> Tensor:
        made: Tensor = self.fc2(self.activation(self.fc1(value)))
        return made
