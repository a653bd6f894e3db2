"""PixArt-Sigma: a transformer over a picture's tokens that attends to T5's, and predicts the noise.

Numbers and their order are those of diffusers' `PixArtSigmaPipeline` (0.42, Apache-2.0).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...words.errors import UnusableModel
from ...words.model import Model
from ..device.device import Device
from ..execution.execution import Inputs
from ..loading.maps import pixart as layout
from ..loading.opened_networks import OnProgress
from ..loading.statements import noise_of_scheduler
from ..loading.transformer_model import TransformerKind, check_fit, load_transformer
from ..parts.joint_text import MaskedText
from ..parts.part import Held
from ..sampling.noise import Noise
from .seen_text_model import FILL, TEXT, SeenTextModel

NOISE = Noise(beta_start=0.0001, beta_end=0.02, beta_schedule="linear", spacing="linspace")
"""As it is published."""


def call_pixart(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `PixArtTransformer2DModel`; what it answers of the noise's variance, no sampler here takes."""
    latents, timesteps, context, added = inputs
    assert added is not None
    answer: Tensor = network(
        latents, encoder_hidden_states=context, timestep=timesteps, encoder_attention_mask=added["seen"],
        return_dict=False,
    )[0]  # fmt: skip
    return answer[:, : latents.shape[1]]


def _prepare(network: Any) -> None:
    network.pos_embed.height = 0  # no picture is so high: it makes places for each anew


KIND = TransformerKind(
    name="PixArtTransformer2DModel", call=call_pixart, config=layout.config, taken=layout.taken,
    original="x_embedder.proj.weight", theirs="pos_embed.proj.weight", patch=1, prepare=_prepare, variance=True,
)  # fmt: skip


class PixArt(SeenTextModel):
    """One loaded checkpoint."""

    space = "sdxl"
    multiple = facts_of("pixart").multiple


def open_pixart(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> PixArt:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, t5=TEXT)
    denoiser, text = loaded.denoiser, loaded.t5
    assert text is not None
    if denoiser.module.use_additional_conditions:
        raise UnusableModel(facts.refused["alpha"])
    check_fit(loaded, text.width, denoiser.module.config.caption_channels)
    noise = NOISE
    if loaded.scheduler is not None:
        noise = noise_of_scheduler(model.main.options, loaded.scheduler)
    heard = MaskedText(text, length=facts.length_of(""), fill=FILL, small=True)
    return PixArt(
        facts.name, text=heard, denoiser=denoiser, noise=noise, autoencoder=loaded.autoencoder,
        native=int(model.main.options.get("resolution") or facts.native), warnings=loaded.warnings,
    )  # fmt: skip
