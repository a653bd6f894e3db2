"""SANA: a transformer of linear attention over few and deep latents, which attends to what Gemma 2 makes of a prompt.

Numbers and their order are those of diffusers' `SanaPipeline` and `SanaTransformer2DModel` (0.42, Apache-2.0). SANA
Sprint, which is told a guidance and has levels of its own, runs whole.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...words.model import Model
from ..device.device import Device
from ..execution.execution import Inputs
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import sana as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import TransformerKind, check_fit, load_transformer
from ..parts.gemma_text import GemmaText
from ..parts.part import Held
from ..sampling.noise import Noise
from .seen_text_model import TEXT, SeenTextModel

_INSTRUCTION = "\n".join((
    "Given a user prompt, generate an 'Enhanced prompt' that provides detailed visual descriptions suitable for image "
    "generation. Evaluate the level of detail in the user prompt:",
    "- If the prompt is simple, focus on adding specifics about colors, shapes, sizes, textures, and spatial "
    "relationships to create vivid and concrete scenes.",
    "- If the prompt is already detailed, refine and enhance the existing details slightly without overcomplicating.",
    "Here are examples of how to transform or refine prompts:",
    "- User Prompt: A cat sleeping -> Enhanced: A small, fluffy white cat curled up in a round shape, sleeping "
    "peacefully on a warm sunny windowsill, surrounded by pots of blooming red flowers.",
    "- User Prompt: A busy city street -> Enhanced: A bustling city street scene at dusk, featuring glowing street "
    "lamps, a diverse crowd of people in colorful clothing, and a double-decker bus passing by towering glass "
    "skyscrapers.",
    "Please generate only the enhanced description for the prompt below and avoid including any additional commentary "
    "or evaluations:",
    "User Prompt: ",
))  # fmt: skip
"""As it was trained with (https://github.com/NVlabs/Sana, Apache-2.0)."""


def call_sana(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `SanaTransformer2DModel` of latents (rows, C, h, w) what moves them."""
    latents, timesteps, context, added = inputs
    assert added is not None
    answer: Tensor = network(
        latents, encoder_hidden_states=context, timestep=timesteps, encoder_attention_mask=added["seen"],
        return_dict=False,
    )[0]  # fmt: skip
    return answer


def _prepare(network: Any) -> None:
    network.patch_embed.height = 0  # no picture is so high: where tokens have places, they are made for each anew


KIND = TransformerKind(
    name="SanaTransformer2DModel", call=call_sana, config=layout.config, taken=layout.taken,
    original="x_embedder.proj.weight", theirs="patch_embed.proj.weight", patch=1, prepare=_prepare,
)  # fmt: skip


class Sana(SeenTextModel):
    """One loaded checkpoint, a latent of which covers 32 × 32 pixels."""

    space = "sana"
    multiple = facts_of("sana").multiple
    downscale = 32


def open_sana(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> Sana:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, chat=TEXT)
    denoiser, text = loaded.denoiser, loaded.chat
    assert text is not None
    check_fit(loaded, text.width, denoiser.module.config.caption_channels)
    shift = shift_of_scheduler(loaded.scheduler, facts.shift_of(""))
    return Sana(
        facts.name, denoiser=denoiser, autoencoder=loaded.autoencoder, noise=Noise(prediction="flow"), shift=shift,
        text=GemmaText(text, _INSTRUCTION, length=facts.length_of(""), behind=0, hidden=True, small=True),
        native=int(model.main.options.get("resolution") or facts.native), warnings=loaded.warnings,
    )  # fmt: skip
