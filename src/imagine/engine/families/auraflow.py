"""AuraFlow: a transformer over the tokens of picture and text together, told its prompt by Pile-T5.

Numbers and their order are those of diffusers' `AuraFlowPipeline` and `AuraFlowTransformer2DModel` (0.42, Apache-2.0).
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...words.model import Model
from ..device.device import Device
from ..execution.execution import Inputs
from ..execution.packing import SIDE
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import auraflow as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import TransformerKind, check_fit, load_transformer
from ..parts.joint_text import MaskedText
from ..parts.part import Held
from ..sampling.noise import Noise
from .seen_text_model import TEXT, SeenTextModel

_STEPS = 1000
"""The timestep of pure noise."""


def call_auraflow(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `AuraFlowTransformer2DModel` of latents (rows, C, h, w) what moves them. It sees padding, too:
    as nothing."""
    latents, timesteps, context, added = inputs
    assert added is not None
    told = context * added["seen"][..., None]
    when = (timesteps / _STEPS).to(latents.dtype)  # rounded once, as its pipeline does, unlike Flux's
    answer: Tensor = network(latents, told, when, return_dict=False)[0]
    return answer


KIND = TransformerKind(
    name="AuraFlowTransformer2DModel", call=call_auraflow, config=layout.config, taken=layout.taken,
    original="init_x_linear.weight", theirs="pos_embed.proj.weight", patch=1,
)  # fmt: skip


class AuraFlow(SeenTextModel):
    """One loaded checkpoint."""

    space = "sdxl"
    multiple = facts_of("auraflow").multiple


def open_auraflow(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> AuraFlow:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, t5=TEXT)
    denoiser, text, config = loaded.denoiser, loaded.t5, loaded.denoiser.module.config
    assert text is not None
    check_fit(loaded, text.width, config.joint_attention_dim)
    shift = shift_of_scheduler(loaded.scheduler, facts.shift_of(""))
    return AuraFlow(
        facts.name, text=MaskedText(text, length=facts.length_of("")), denoiser=denoiser, shift=shift,
        autoencoder=loaded.autoencoder, noise=Noise(prediction="flow"), warnings=loaded.warnings,
        native=int(model.main.options.get("resolution") or facts.native),
        widest=math.isqrt(int(config.pos_embed_max_size)) * SIDE * AuraFlow.downscale,
    )  # fmt: skip
