"""Chroma: Flux's transformer without CLIP and without a guidance that it is told, guided by a second row.

Numbers and their order are those of diffusers' `ChromaPipeline` (0.42, Apache-2.0) but for its mask of the prompt's
padding, which adds 1 to the attention of what is seen and nothing to that of the rest: here the rest isn't seen, as the
network was trained (https://huggingface.co/lodestones/Chroma).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Model
from ..device.device import Device
from ..execution.execution import Inputs
from ..execution.packing import SIDE, packed, places, unpacked
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import chroma as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import TransformerKind, load_transformer
from ..parts.joint_text import MaskedText
from ..parts.part import Held
from ..sampling.noise import Noise
from .seen_text_model import FILL, TEXT, SeenTextModel

_NOISE = Noise(prediction="flow", spacing="trailing")
_STEPS = 1000
"""The timestep of pure noise."""


def call_chroma(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `ChromaTransformer2DModel` of latents (rows, C, h, w) what moves them."""
    latents, timesteps, context, added = inputs
    assert added is not None
    height, width = latents.shape[2:]
    tokens, seen = packed(latents), added["seen"]
    keys = torch.cat([seen, seen.new_ones(tokens.shape[:2])], 1)
    answer: Tensor = network(
        hidden_states=tokens,
        encoder_hidden_states=context,
        timestep=timesteps.to(latents.dtype) / _STEPS,
        img_ids=places(height, width, latents.device),
        txt_ids=torch.zeros(context.shape[1], 3, device=latents.device),
        joint_attention_kwargs={"seen": keys[:, None, None]},
        return_dict=False,
    )[0]
    return unpacked(answer, height, width)


class _Seeing:
    """Attention in which every token, padding too, looks at those that are seen.

    diffusers' blocks let padding look at nothing: whatever a device's kernel answers then, which may be no number,
    stands beside what is seen, times zero. What padding itself becomes, nobody looks at either way.
    """

    def __init__(self, processor: Any) -> None:
        self._processor = processor

    def __call__(
        self, attn: Any, hidden_states: Tensor, encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None, image_rotary_emb: Any = None, seen: Tensor | None = None,
    ) -> Any:  # fmt: skip
        """`seen`: (rows, 1, 1, tokens). diffusers tells what it is given by the names of these."""
        assert attention_mask is None
        return self._processor(attn, hidden_states, encoder_hidden_states, seen, image_rotary_emb)


class _Unguided(torch.nn.Module):
    """What diffusers' `Timesteps` makes of a guidance of 0, which it has the host make and copy at every step."""

    row: Tensor

    def __init__(self, made: Tensor) -> None:
        super().__init__()
        self.register_buffer("row", made, persistent=False)

    def forward(self, guidances: Tensor) -> Tensor:
        return self.row.repeat(len(guidances), 1)


def _prepare(network: Any) -> None:
    for block in (*network.transformer_blocks, *network.single_transformer_blocks):
        block.attn.processor = _Seeing(block.attn.processor)
    told = network.time_text_embed
    told.guidance_proj = _Unguided(told.guidance_proj(torch.zeros(1)).to(told.mod_proj.device))


KIND = TransformerKind(
    name="ChromaTransformer2DModel", call=call_chroma, config=layout.config, taken=layout.taken,
    original="img_in.weight", theirs="x_embedder.weight", patch=SIDE, prepare=_prepare,
)  # fmt: skip


class Chroma(SeenTextModel):
    """One loaded checkpoint."""

    space = "flux"
    multiple = facts_of("chroma").multiple


def open_chroma(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> Chroma:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, t5=TEXT)
    denoiser, config = loaded.denoiser, loaded.denoiser.module.config
    assert loaded.t5 is not None
    if denoiser.in_channels != denoiser.latent_channels:
        raise UnusableModel(message("unfit.channels", count=denoiser.in_channels))
    if loaded.t5.width != config.joint_attention_dim:
        raise UnusableModel(message("weights.context", made=loaded.t5.width, taken=config.joint_attention_dim))
    shift = shift_of_scheduler(loaded.scheduler, facts.shift_of(""))
    return Chroma(
        facts.name, text=MaskedText(loaded.t5, length=facts.length_of(""), fill=FILL, seen=1), denoiser=denoiser,
        noise=_NOISE, autoencoder=loaded.autoencoder, shift=shift, warnings=loaded.warnings,
        native=int(model.main.options.get("resolution") or facts.native),
    )  # fmt: skip
