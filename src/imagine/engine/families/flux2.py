"""FLUX.2: [klein], 4B and 9B, which takes four steps without guidance, its base models, guided by a second row, and
[dev], which is told its guidance as a number. All of them see other pictures.

Numbers and their order are those of diffusers' `Flux2KleinPipeline` and `Flux2Pipeline` (0.42, Apache-2.0). A token is
one of the denoiser's latents, of 16 × 16 pixels (`parts/token_autoencoder`).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from torch import Tensor

from ...families.double_stream import KV
from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Model
from ..adapters.adapter import Networks
from ..device.device import Device
from ..device.transfer import sent
from ..execution.execution import Inputs
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import flux2 as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import LoadedTransformer, TransformerKind, load_transformer
from ..parts.chat_text import QWEN3, ChatTemplate, ChatTextPart, read_chat
from ..parts.flux2_apart import call_apart, prepare_apart
from ..parts.flux2_tokens import STEPS, places_of, tokens_of, words_of
from ..parts.part import Held
from ..parts.prompts import Encoded
from ..parts.qwen import MISTRAL_ASKED
from ..parts.rows import REFERENCE, Rows
from ..parts.seen_sizes import within_area
from ..parts.token_autoencoder import SIDE, TokenAutoencoder
from ..sampling.guidance import Guided
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest
from .stepped_model import SteppedModel, conditioned


class _Hearing(NamedTuple):
    """How a text encoder is asked: in which template, and behind which of its layers what it made is told, side by
    side."""

    template: ChatTemplate
    layers: tuple[int, ...]


_KLEIN = _Hearing(QWEN3._replace(behind=f"{QWEN3.behind}<think>\n\n</think>\n\n"), (9, 18, 27))
"""Qwen3, where all of its thoughts are thought."""
_DEV = _Hearing(
    ChatTemplate(
        "<s>[SYSTEM_PROMPT]You are an AI that reasons about image descriptions. You give structured responses focusing "
        "on object relationships, object\nattribution and actions without speculation.[/SYSTEM_PROMPT][INST]",
        "[/INST]",
    ),
    (10, 20, MISTRAL_ASKED),
)
"""Mistral Small 3, told what it was told in training."""


def empirical_mu(tokens: int, steps: int) -> float:
    """The logarithm of how far noise levels are moved, of a picture of so many tokens in so many steps: diffusers'
    `compute_empirical_mu`, two lines that were fitted, for 10 steps and for 200, and what lies between.

    >>> round(empirical_mu(4096, 4), 4), round(empirical_mu(4096, 50), 4), round(empirical_mu(16384, 4), 4)
    (2.2912, 2.0234, 3.23)
    """
    many = 0.00016927 * tokens + 0.45666666
    if tokens > 4300:
        return many
    few = 8.73809524e-05 * tokens + 1.89833333
    slope = (many - few) / 190.0
    return slope * steps + (many - 200.0 * slope)


def call_flux2(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `Flux2Transformer2DModel` of latents (rows, C, h, w) what moves them."""
    latents, timesteps, context, added = inputs
    height, width = latents.shape[2:]
    told = added or {}
    tokens, where = [tokens_of(latents)], [places_of(latents)]
    for picture, seen in enumerate((each for name, each in told.items() if name.startswith(REFERENCE)), 1):
        tokens.append(tokens_of(seen))
        where.append(places_of(seen, picture=picture))
    answer: Tensor = network(
        hidden_states=torch.cat(tokens, 1),
        encoder_hidden_states=context,
        timestep=timesteps.to(latents.dtype) / STEPS,
        img_ids=torch.cat(where),
        txt_ids=words_of(context),
        guidance=told.get("guidance"),
        return_dict=False,
    )[0]
    return answer[:, : height * width].transpose(1, 2).reshape(len(latents), -1, height, width)


KIND = TransformerKind(
    name="Flux2Transformer2DModel", call=call_flux2, config=layout.config, taken=layout.taken,
    original="img_in.weight", theirs="x_embedder.weight", patch=1,
)  # fmt: skip
_APART = KIND._replace(call=call_apart, prepare=prepare_apart)
"""That which sees pictures apart."""


class Flux2(SteppedModel):
    """One loaded FLUX.2; rows hold `context` (1, tokens, dim), of one that is told its guidance `guidance` (1,), and
    latents of pictures to see."""

    space = "flux2"
    multiple = facts_of("flux2").multiple
    downscale = SteppedModel.downscale * SIDE

    def __init__(
        self, name: str, *, text: ChatTextPart, length: int, native: int, terminal: float, **parts: Any
    ) -> None:
        """`length`: the text encoder's tokens; `terminal`: the last noise level, 0 where it follows from the steps."""
        noise = Noise(prediction="flow", spacing="trailing", terminal=terminal)
        super().__init__(name, encoders=(text,), noise=noise, native=native, **parts)
        self._text, self._length = text, length
        self._told = bool(self._denoiser.module.config.guidance_embeds)
        self._hearing = _hearing(text)
        self.seen_as = partial(within_area, area=native**2, multiple=self.multiple)

    @property
    def networks(self) -> Networks:
        return {"denoiser": self._denoiser.module, "text_encoder": self._text.module}

    def noise(self, size: tuple[int, int], steps: int) -> Noise:
        """Moved as far as its size and its steps say, unless a folder says how far."""
        if self._shift is not None:
            return super().noise(size, steps)
        tokens = (size[0] // self.downscale) * (size[1] // self.downscale)
        return replace(self._noise, shift=math.exp(empirical_mu(tokens, steps)))

    def cfg(self, told: Guided) -> float:
        return told.true_cfg if self._told else told.guidance

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        return conditioned(request, self._heard, partial(self._rows, request))

    def _heard(self, prompt: str, *, clip: int, mix: Any, words: Any, field: str = "prompt") -> Encoded:
        template, layers = self._hearing
        chunk, warnings = read_chat(self._text.tokenizer, prompt, template, self._length, field=field, words=words)
        made = self._text.encode(chunk, layers=layers, length=self._length, mix=mix)
        unheard = [message("clip.no_layers", "clip")] if clip > 1 else []
        return Encoded(made, None, (*warnings, *unheard))

    def _rows(self, request: EncodeRequest, encoded: Encoded) -> Rows:
        device = self._denoiser.device
        rows = {"context": encoded.embeddings.to(device, self._denoiser.dtype)}
        if self._told:
            rows["guidance"] = sent(torch.tensor([request.guidance], dtype=torch.float32), device)
        return rows

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        added = {name: rows[name].to(self._denoiser.dtype) for name in rows if name.startswith(REFERENCE)}
        if self._told:
            added["guidance"] = rows["guidance"]
        return super().inputs(latents, timesteps, rows)._replace(added=added or None)


def _hearing(text: ChatTextPart) -> _Hearing:
    return _KLEIN if text.module.config.qk_norm else _DEV


def open_flux2(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> Flux2:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    kind = _APART if model.main.options.get("variant") == KV else KIND
    loaded = load_transformer(model, facts, kind, device, progress, held, chat="text_encoder")
    _check(loaded)
    said = shift_of_scheduler(loaded.scheduler)
    moved = loaded.scheduler is None or loaded.scheduler.get("use_dynamic_shifting")
    assert loaded.chat is not None
    return Flux2(
        facts.name, text=loaded.chat, length=facts.length_of(""), terminal=said.terminal, denoiser=loaded.denoiser,
        autoencoder=loaded.autoencoder, shift=None if moved else said,
        native=int(model.main.options.get("resolution") or facts.native), warnings=loaded.warnings,
    )  # fmt: skip


def _check(loaded: LoadedTransformer) -> None:
    """Raises UnusableModel where its networks don't fit together."""
    config = loaded.denoiser.module.config
    vae = loaded.autoencoder
    if not isinstance(vae, TokenAutoencoder) or vae.channels != loaded.denoiser.in_channels:
        raise UnusableModel(message("unfit.channels", count=loaded.denoiser.in_channels))
    assert loaded.chat is not None
    made = len(_hearing(loaded.chat).layers) * loaded.chat.width
    if made != config.joint_attention_dim:
        raise UnusableModel(message("weights.context", made=made, taken=config.joint_attention_dim))
