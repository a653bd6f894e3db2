"""Lumina 2: a transformer over the tokens of a prompt and of a picture in one row, told its prompt by Gemma 2.

Numbers and their order are those of diffusers' `Lumina2Pipeline` and `Lumina2Transformer2DModel` (0.42, Apache-2.0),
whose own forward has the host count each prompt's tokens, and lays the picture's right behind them. Here all prompts
are as long, what fills them up isn't seen, and what stands where is told apart from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...words.model import Model
from ..device.device import Device
from ..execution.execution import Inputs
from ..execution.joined_tokens import latents_of, tokens
from ..execution.packing import SIDE
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import lumina2 as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import TransformerKind, check_fit, load_transformer
from ..parts.gemma_text import GemmaText
from ..parts.part import Held
from ..sampling.guidance import guided
from ..sampling.noise import Noise
from .seen_text_model import TEXT, SeenTextModel

_STEPS = 1000
"""The timestep of pure noise."""
_THETA = 10_000.0
_INSTRUCTION = (
    "You are an assistant designed to generate superior images with the superior degree of image-text alignment based "
    "on textual prompts or user prompts. <Prompt Start> "
)
_BEHIND = 1
"""Layers of Gemma behind the one that is asked."""
_NOISE = Noise(prediction="flow", spacing="trailing")


def call_lumina2(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `Lumina2Transformer2DModel` of latents (rows, C, h, w) what moves them."""
    latents, timesteps, context, added = inputs
    assert added is not None
    seen, (height, width) = added["seen"], latents.shape[2:]
    when, text = network.time_caption_embed(latents, 1 - timesteps.float() / _STEPS, context)
    turned = _turns(_places(seen, height // SIDE, width // SIDE), network.config.axes_dim_rope)
    of, at = turned[:, : text.shape[1]], turned[:, text.shape[1] :]
    for block in network.context_refiner:
        text = block(text, seen, of)
    picture = network.x_embedder(tokens(latents))
    for block in network.noise_refiner:
        picture = block(picture, None, at, when)
    both = torch.cat([text, picture], 1)
    mask = torch.cat([seen, seen.new_ones(picture.shape[:2])], 1)
    for block in network.layers:
        both = block(both, mask, turned, when)
    return -latents_of(network.norm_out(both[:, text.shape[1] :], when), height, width)


def _places(seen: Tensor, rows: int, columns: int) -> Tensor:
    """Where tokens of prompts and of pictures stand, (rows, tokens, 3): a prompt's one behind the other, a picture's
    all behind those that are `seen`, in their rows and columns. Made on the device."""
    length, device = seen.shape[1], seen.device
    at = torch.zeros(len(seen), length + rows * columns, 3, device=device)
    at[:, :length, 0] = torch.arange(length, device=device)
    grid = at[:, length:].view(len(seen), rows, columns, 3)
    grid[..., 0] = seen.sum(1)[:, None, None]
    grid[..., 1] = torch.arange(rows, device=device)[:, None]
    grid[..., 2] = torch.arange(columns, device=device)
    return at


def _turns(at: Tensor, axes: Sequence[int]) -> Tensor:
    """By how much each pair of a head's numbers is turned, of tokens that stand there: unit numbers (rows, tokens,
    head's width / 2), complex."""
    angles = []
    for axis, size in enumerate(axes):
        each = torch.arange(0, size, 2, device=at.device, dtype=torch.float32) / size
        angles.append(at[..., axis, None] * (1.0 / torch.pow(_THETA, each)))
    made = torch.cat(angles, -1)
    return torch.polar(torch.ones_like(made), made)


KIND = TransformerKind(
    name="Lumina2Transformer2DModel", call=call_lumina2, config=layout.config, taken=layout.taken,
    original="cap_embedder.0.weight", theirs="time_caption_embed.caption_embedder.0.weight", patch=1,
)  # fmt: skip


class Lumina2(SeenTextModel):
    """One loaded checkpoint."""

    space = "flux"
    multiple = facts_of("lumina2").multiple

    def guide(self, negative: Tensor, positive: Tensor, scale: float) -> Tensor:
        """What is guided, each line of which is as long as the prompt's own."""
        made = guided(negative, positive, scale)
        lengths = [torch.linalg.vector_norm(each, dim=-1, keepdim=True) for each in (positive, made)]
        return made * (lengths[0] / lengths[1])


def open_lumina2(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> Lumina2:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, chat=TEXT)
    denoiser, config, text = loaded.denoiser, loaded.denoiser.module.config, loaded.chat
    assert text is not None
    check_fit(loaded, text.width, config.cap_feat_dim)
    shift = shift_of_scheduler(loaded.scheduler, facts.shift_of(""))
    return Lumina2(
        facts.name, text=GemmaText(text, _INSTRUCTION, length=facts.length_of(""), behind=_BEHIND), denoiser=denoiser,
        autoencoder=loaded.autoencoder, noise=_NOISE, shift=shift, warnings=loaded.warnings,
        native=int(model.main.options.get("resolution") or facts.native),
        widest=min(config.axes_lens[1:]) * SIDE * Lumina2.downscale,
    )  # fmt: skip
