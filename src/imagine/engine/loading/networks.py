"""A checkpoint's networks, built but empty, each beside the tensors that go in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
import torch

from ...formats.gguf import ARCHITECTURE
from ...formats.llama_names import PAIRED
from ...messages import message
from ...words.errors import UnusableModel
from ..libraries.light import AutoencoderKL, UNet2DConditionModel, deep_vae
from ..parts.clip import ClipTextModel, ClipTextModelWithProjection, clip_config
from ..parts.gemma import GemmaConfig, GemmaEncoder
from ..parts.qwen import MISTRAL, MISTRAL_ASKED, QwenConfig, QwenEncoder
from ..parts.qwen_sight import QwenSight, SightConfig
from ..parts.slices import Slices
from ..parts.t5 import T5Config, T5Encoder
from . import ldm_keys
from .assembly import build, fill, filling
from .deep_vae import deep_config, is_deep_vae
from .family_config import FamilyConfig, TextEncoderConfig
from .frame_vae_names import frame_tensors, frame_vae, is_frame_vae
from .placing import stored_dtype
from .qwen_names import qwen_tensors, sight_patch, sight_tensors, without_last
from .shapes import gemma_config, qwen_config, sight_config, t5_config, text_config, unet_config, vae_config
from .statements import vae_scale
from .t5_names import t5_tensors
from .token_vae import has_statistics, token_config, token_vae, without_statistics
from .weights import Tensors, Weights

DOWNSCALE = 8
"""Pixels per latent, along a side."""
_FED = "layers.0.pre_feedforward_layernorm.weight"
"""What Gemma 2 has of all language models that are opened here."""


@dataclass
class Network:
    """A module on `meta`, the tensors that it wants, and what most of them are stored as."""

    what: str
    module: Any
    tensors: Tensors
    stored: torch.dtype

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for tensor in self.tensors.values())

    @property
    def address(self) -> int:
        """Where the first of its tensors lies."""
        return min((tensor.data_ptr() for tensor in self.tensors.values()), default=0)

    def casts(self, dtype: torch.dtype | None) -> list[str]:
        """What filling it in `dtype` will cast, in words."""
        computed = dtype or self.stored
        others = {tensor.dtype for tensor in self.tensors.values()} - {computed}
        return [f"{self.what}: {_name(other)} to {_name(computed)}" for other in sorted(others, key=str)]

    def fill(self, device: torch.device, dtype: torch.dtype | None, placed: Callable[[int], None] | None = None) -> Any:
        """The module, filled and ready to infer on `device`, in `dtype` or as it is stored."""
        return fill(self.module, self.tensors, device, dtype or self.stored, placed)

    def filling(self, device: torch.device, dtype: torch.dtype) -> Slices[Any]:
        """The same in slices."""
        return (yield from filling(self.module, self.tensors, device, dtype))


def unet_network(weights: Weights, family: FamilyConfig, *, pooled: int, resolution: int) -> Network:
    """The U-Net of a checkpoint that was trained on pictures of that side, in pixels.

    `pooled` is the width of the pooled prompt that it takes, 0 for none.
    """
    part = ldm_keys.unet_part(weights)
    config = unet_config(_shapes(part), family, weights.metadata, pooled) | {"sample_size": resolution // DOWNSCALE}
    return network_of("U-Net", partial(UNet2DConditionModel, **config), ldm_keys.diffusers_unet(part, config))


def vae_network(weights: Weights, family: FamilyConfig) -> Network | None:
    """The VAE of a checkpoint, or of a file of its own; None where there is none."""
    part = ldm_keys.vae_part(weights)
    if not part:
        return None
    if is_frame_vae(part):
        part = frame_tensors(part)
        return network_of("VAE", frame_vae(part), part)
    if is_deep_vae(part):
        return network_of("VAE", partial(deep_vae(), **deep_config(_shapes(part), family.vae)), part)
    beside: Tensors = {}
    if has_statistics(part):
        part, beside = without_statistics(part)
    part = ldm_keys.diffusers_vae(part)
    config = vae_config(_shapes(part), family, weights.metadata)
    if beside:
        return network_of("VAE", token_vae(token_config(config, _shapes(part)), beside), part)
    config |= vae_scale(weights.metadata)
    return network_of("VAE", partial(AutoencoderKL, **config), part)


def text_network(weights: Weights, encoder: TextEncoderConfig) -> Network:
    """One text encoder of a checkpoint."""
    part = ldm_keys.text_tensors(weights, encoder)
    if not part:
        raise UnusableModel(message("weights.no_text_encoder", name=encoder.prefix[:-1]))
    config = clip_config(text_config(_shapes(part), encoder, weights.metadata))
    if encoder.projection:
        # As transformers has it: this class wraps the other's network.
        part = {name if name.startswith("text_projection") else f"text_model.{name}": t for name, t in part.items()}
        return network_of("text encoder", partial(ClipTextModelWithProjection, config), part)
    return network_of("text encoder", partial(ClipTextModel, config), part)


def t5_network(weights: Weights) -> Network:
    """The T5 encoder among weights, under whatever prefix."""
    part = t5_tensors(weights)
    if not part:
        raise UnusableModel(message("weights.no_text_encoder", name="T5"))
    config = msgspec.convert(t5_config(_shapes(part)), T5Config)
    return network_of("T5", partial(T5Encoder, config), part)


def qwen_network(weights: Weights, settings: Mapping[str, Any] | None = None) -> Network:
    """The Qwen3, Qwen2.5, Mistral or Gemma 2 among weights, under whatever prefix; what a folder's `settings` say of it
    that no shape does counts. Raises ValueError for settings that aren't numbers."""
    part = qwen_tensors(weights)
    if not part:
        raise UnusableModel(message("weights.no_text_encoder", name="Qwen/Mistral/Gemma"))
    stated = settings or {}
    if _FED in part:
        read = msgspec.convert({**stated, **gemma_config(_shapes(part), stated.get("head_dim"))}, GemmaConfig)
        return network_of("text encoder", partial(GemmaEncoder, read), part)
    told = qwen_config(_shapes(part), stated.get("head_dim"))
    if not (told["qk_norm"] or told["biased"]):
        stated = {**MISTRAL, "neighbours": weights.metadata.get(ARCHITECTURE) in PAIRED, **stated}
        part = without_last(part, MISTRAL_ASKED)
        told = qwen_config(_shapes(part), stated.get("head_dim"))
    return network_of("text encoder", partial(QwenEncoder, msgspec.convert({**stated, **told}, QwenConfig)), part)


def sight_network(weights: Weights, settings: Mapping[str, Any] | None = None) -> Network:
    """What sees of the Qwen2.5-VL among weights, likewise. Raises UnusableModel where its language half is alone."""
    part = sight_tensors(weights)
    if not part:
        raise UnusableModel(message("weights.no_sight"))
    config = msgspec.convert(sight_config(_shapes(part), sight_patch(weights), settings or {}), SightConfig)
    return network_of("Qwen's sight", partial(QwenSight, config), part)


def network_of(what: str, constructor: Callable[[], Any], tensors: Tensors) -> Network:
    """The module that `constructor` makes, with `tensors` under its own names, checked to fit."""
    return Network(what, build(what, constructor, tensors), tensors, stored_dtype(tensors))


def _shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
