"""A checkpoint of Stable Diffusion 1, 2 or XL as parts: from one file or a folder, in what its family computes in."""

from __future__ import annotations

from typing import NamedTuple

from ...families.facts import FamilyFacts
from ...messages import Message, message
from ...words.errors import UnusableModel
from ...words.model import Model
from ..device.device import Device
from ..parts.autoencoder import Autoencoder
from ..parts.denoiser import DenoiserPart
from ..parts.part import Held
from ..parts.picture_embedder import PictureEmbedder
from ..parts.running import execution_for
from ..parts.text_part import TextPart
from ..quantised.tensor import dequantise
from ..sampling.noise import Noise
from .components import Components
from .diffusers_folder import load_diffusers_folder
from .held import part_or_held
from .opened_networks import OnProgress
from .single_file import load_single_file
from .width import unet_width


class LoadedParts(NamedTuple):
    """What a family is made of; `native` is the side of the square it was trained on, `warnings` what was odd about
    its file."""

    denoiser: DenoiserPart
    text: list[TextPart]
    autoencoder: Autoencoder
    noise: Noise
    native: int
    warnings: tuple[Message, ...]
    embedder: PictureEmbedder | None = None


def load_stable_diffusion(
    model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held
) -> LoadedParts:
    """The parts of a model on the device: those that are `held` already, and those that it reads.

    Raises UnusableModel, saying why it can't be used.
    """
    compiled = device.compiles(model.main.options)
    dtype = device.precision.decide(facts.dtypes, lambda: unet_width(model.main))
    load = load_diffusers_folder if model.main.format == "diffusers" else load_single_file
    loaded = load(model, device=device.opens_in, dtype=dtype, progress=progress, held=held)
    if compiled:
        dequantise(loaded.unet)  # the compiler knows plain numbers
    return parts_from_components(loaded, facts, device, held, compiled=compiled)


def parts_from_components(
    loaded: Components, facts: FamilyFacts, device: Device, held: Held, *, compiled: bool
) -> LoadedParts:
    """Raises UnusableModel where the denoiser is told what it can't be given, or takes another number of channels."""
    if loaded.unet.class_embedding is not None and loaded.embedder is None:
        raise UnusableModel(message("unfit.labels"))
    if loaded.in_channels not in (loaded.latent_channels, 2 * loaded.latent_channels + 1):
        raise UnusableModel(message("unfit.channels", count=loaded.in_channels))
    # diffusers' default is True, and so Stable Diffusion 1's, whose VAE is fine: the family has to say it as well.
    overflows = "vae" in facts.wide and bool(loaded.vae.config.force_upcast)
    vae, keys = loaded.vae, loaded.keys
    text = zip(loaded.text_encoders, loaded.tokenizers, keys.text, strict=True)
    return LoadedParts(
        denoiser=_denoiser(loaded, device, held, compiled=compiled),
        text=[part_or_held(held, TextPart(module, tokenizer, key)) for module, tokenizer, key in text],
        autoencoder=part_or_held(held, Autoencoder(vae, keys.vae, scale=loaded.scaling_factor, overflows=overflows)),
        noise=loaded.noise,
        native=loaded.resolution,
        warnings=tuple(loaded.report.warnings),
        embedder=None if loaded.embedder is None else part_or_held(
            held, PictureEmbedder(loaded.embedder.module, loaded.embedder.noising, keys.embedder)
        ),
    )  # fmt: skip


def _denoiser(loaded: Components, device: Device, held: Held, *, compiled: bool) -> DenoiserPart:
    unet, there = loaded.unet, held.get(loaded.keys.unet)
    if isinstance(there, DenoiserPart):
        return there
    execution = execution_for(unet, device.torch, compiled=compiled, recordings=device.recordings)
    return DenoiserPart(
        unet, loaded.keys.unet, execution, latent_channels=int(unet.config.out_channels),
        in_channels=loaded.in_channels,
    )  # fmt: skip
