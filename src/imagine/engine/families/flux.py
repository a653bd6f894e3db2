"""FLUX.1: dev and what was tuned on it, schnell, Fill, which sees a mask, Canny and Depth, which see a map, and
Kontext, which sees other pictures.

Numbers and their order are those of diffusers' `FluxPipeline`, `FluxFillPipeline`, `FluxControlPipeline` and
`FluxKontextPipeline` (0.42, Apache-2.0). Several pictures, of which that knows one, are told from each other as it
tells the first: by a number.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pixel_unshuffle

from ...families.facts import FamilyFacts, Shift
from ...families.table import facts_of
from ...messages import Message, message
from ...words.errors import UnusableModel
from ...words.model import Model
from ..adapters.adapter import Networks
from ..device.device import Device
from ..device.transfer import sent
from ..execution.execution import Inputs
from ..execution.packing import SIDE, packed, places, unpacked
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import flux as layout
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import LoadedTransformer, TransformerKind, load_transformer
from ..parts.autoencoder import Autoencoder
from ..parts.denoiser import DenoiserPart
from ..parts.joint_text import FluxText
from ..parts.part import Held
from ..parts.prompts import Encoded
from ..parts.rows import REFERENCE, Rows
from ..parts.seen_sizes import nearest_in_shape
from ..sampling.guidance import Guided
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest
from .stepped_model import SteppedModel, conditioned

_STEPS = 1000
"""The timestep of pure noise."""
_SEEN = (
    (672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184), (944, 1104),
    (1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720), (1504, 688),
    (1568, 672),
)  # fmt: skip
"""Sizes of pictures that Kontext was trained on (diffusers' `PREFERRED_KONTEXT_RESOLUTIONS`)."""
_SIDE = 1024
"""The side of a square among them."""


def call_flux(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `FluxTransformer2DModel` of latents (rows, C, h, w) what moves them, (rows, C', h, w)."""
    latents, timesteps, context, added = inputs
    assert added is not None
    height, width = latents.shape[2:]
    tokens, where = [packed(latents)], [places(height, width, latents.device)]
    for picture, seen in enumerate((each for name, each in added.items() if name.startswith(REFERENCE)), 1):
        tokens.append(packed(seen))
        where.append(places(seen.shape[2], seen.shape[3], latents.device, picture=picture))
    answer: Tensor = network(
        hidden_states=torch.cat(tokens, 1),
        encoder_hidden_states=context,
        pooled_projections=added["pooled"],
        timestep=timesteps.to(latents.dtype) / _STEPS,
        img_ids=torch.cat(where),
        txt_ids=torch.zeros(context.shape[1], 3, device=latents.device),
        guidance=added.get("guidance"),
        return_dict=False,
    )[0]
    return unpacked(answer[:, : tokens[0].shape[1]], height, width)


KIND = TransformerKind(
    "FluxTransformer2DModel", call_flux, layout.config, layout.taken, "img_in.weight", "x_embedder.weight", SIDE
)


class Flux(SteppedModel):
    """One loaded FLUX.1; rows hold `context` (1, tokens, dim), `pooled` (1, dim), of one that is told its guidance
    `guidance` (1,), of Fill `inpainting` (1, 16 + 64, h, w), of Canny and Depth one of 16 channels, and latents of
    pictures to see."""

    space = "flux"
    multiple = facts_of("flux").multiple

    def __init__(
        self, name: str, *, denoiser: DenoiserPart, text: FluxText, autoencoder: Autoencoder, shift: Shift,
        told: bool, native: int, warnings: tuple[Message, ...] = (),
    ) -> None:  # fmt: skip
        """`told`: its denoiser takes the guidance as a number."""
        super().__init__(
            name, denoiser=denoiser, encoders=text.parts, autoencoder=autoencoder,
            noise=Noise(prediction="flow", spacing="trailing"), native=native, shift=shift, warnings=warnings,
        )  # fmt: skip
        self._text, self._told = text, told
        self.takes_mask = denoiser.in_channels == _filled(self.latent_channels)
        self.takes_map = denoiser.in_channels == 2 * self.latent_channels
        if denoiser.in_channels == self.latent_channels:
            self.seen_as = partial(nearest_in_shape, sizes=_sizes(native, self.multiple))

    @property
    def networks(self) -> Networks:
        clip, long = self._text.parts
        return {"denoiser": self._denoiser.module, "text_encoder": clip.module, "text_encoder_2": long.module}

    def cfg(self, told: Guided) -> float:
        return told.true_cfg

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        return conditioned(request, self._text.encode, partial(self._rows, request))

    def _rows(self, request: EncodeRequest, encoded: Encoded) -> Rows:
        assert encoded.pooled is not None
        device, dtype = self._denoiser.device, self._denoiser.dtype
        rows = {"context": encoded.embeddings.to(device, dtype), "pooled": encoded.pooled.to(device, dtype)}
        if self._told:
            rows["guidance"] = sent(torch.tensor([request.guidance], dtype=torch.float32), device)
        return rows

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        added = {name: rows[name] for name in ("pooled", "guidance") if name in rows}
        added |= {name: rows[name].to(self._denoiser.dtype) for name in rows if name.startswith(REFERENCE)}
        return super().inputs(latents, timesteps, rows)._replace(added=added)

    def inpainting_channels(self, mask: Tensor, masked: Tensor) -> Tensor:
        """All of a latent's 8 × 8 pixels of the mask are channels of it."""
        painted = pixel_unshuffle((mask >= 0.5).to(masked), self.downscale)
        return torch.cat([masked, painted], 1)


def _filled(latents: int) -> int:
    """Channels that Fill sees: the latents', the masked picture's and the mask's."""
    return 2 * latents + SteppedModel.downscale**2


def _sizes(native: int, multiple: int) -> tuple[tuple[int, int], ...]:
    """Those that a model sees that was trained on squares of that side."""

    def near(side: int) -> int:
        return max(1, round(side * native / _SIDE / multiple)) * multiple

    return tuple((near(width), near(height)) for width, height in _SEEN)


def open_flux(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> Flux:
    """A checkpoint on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, t5="text_encoder_2")
    _check(loaded)
    told = bool(loaded.denoiser.module.config.guidance_embeds)
    variant = "" if told else "schnell"
    shift = shift_of_scheduler(loaded.scheduler, facts.shift_of(variant))
    assert loaded.t5 is not None
    return Flux(
        facts.name, denoiser=loaded.denoiser,
        text=FluxText(loaded.clips["text_encoder"], loaded.t5, length=facts.length_of(variant)),
        autoencoder=loaded.autoencoder, shift=shift, told=told,
        native=int(model.main.options.get("resolution") or facts.native), warnings=loaded.warnings,
    )  # fmt: skip


def _check(loaded: LoadedTransformer) -> None:
    """Raises UnusableModel where its networks don't fit together, or its denoiser sees what it can't be given."""
    denoiser, config = loaded.denoiser, loaded.denoiser.module.config
    latents = denoiser.latent_channels
    if denoiser.in_channels not in (latents, 2 * latents, _filled(latents)):
        raise UnusableModel(message("unfit.channels", count=denoiser.in_channels))
    assert loaded.t5 is not None
    pairs = (
        (loaded.t5.width, config.joint_attention_dim),
        (loaded.clips["text_encoder"].module.config.hidden_size, config.pooled_projection_dim),
    )
    for made, taken in pairs:
        if made != taken:
            raise UnusableModel(message("weights.context", made=made, taken=taken))
