"""From what the gateway says of a model to a family ready to denoise: the one place that knows all families."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component, Model
from ..device.device import Device
from ..families.family import Family
from ..families.sdxl import StableDiffusionXL
from ..families.stable_diffusion import StableDiffusion
from ..parts.autoencoder import Autoencoder
from ..parts.denoiser import DenoiserPart
from ..parts.part import Held
from ..parts.prompts import TextEncoder
from ..parts.text_part import TextPart
from ..residency.opening import LoadedModel
from ..whole.pipeline import Whole
from .checkpoint_file import CheckpointFile
from .components import Components
from .diffusers_folder import denoiser_dtype, load_diffusers_folder, runs_whole
from .family_config import UNET
from .folder_file import read_json
from .held import part_or_held
from .ldm_keys import with_live_unet
from .single_file import load_single_file

_WIDTH = 320
"""Of a denoiser that doesn't tell: as Stable Diffusion's."""


def open_model(model: Model, device: Device, progress: Callable[[float], None], held: Held) -> LoadedModel:
    """The model on `device`, made of the parts that are `held` already and of those that it reads.

    Raises UnusableModel, saying why it can't be used.
    """
    folder, path = model.main.format == "diffusers", model.main.path
    if folder and runs_whole(path):
        whole = device.precision.decide_whole(lambda: _folder_width(path), lambda: denoiser_dtype(path))
        pipeline = load_diffusers_folder(model, device=device.torch, dtype=whole, progress=progress)
        return Whole(pipeline, device.torch, device.room())
    dtype = device.precision.decide(lambda: (_folder_width if folder else _width)(path))
    load = load_diffusers_folder if folder else load_single_file
    return family_from_components(load(model, device=device.torch, dtype=dtype, progress=progress, held=held), held)


def file_bytes(components: Sequence[Component]) -> int:
    """The size of their files: about what they will take on a device."""
    paths = [Path(component.path) for component in components]
    files = [file for path in paths for file in (path.rglob("*.safetensors") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


def family_from_components(loaded: Components, held: Held) -> Family:
    """The family that drives these networks, with what was odd about their file.

    Raises UnusableModel for ones that no family here can drive.
    """
    family = _family_of(loaded, held)
    family.warnings = tuple(loaded.report.warnings)
    return family


def _family_of(loaded: Components, held: Held) -> Family:
    if loaded.in_channels not in (loaded.latent_channels, 2 * loaded.latent_channels + 1):
        raise UnusableModel(message("unfit.channels", count=loaded.in_channels))
    # Only SDXL's pipelines read it: diffusers' default is True, and so is Stable Diffusion 1's, whose VAE is fine.
    overflows = loaded.family.startswith("sdxl") and bool(loaded.vae.config.force_upcast)
    vae, unet, keys = loaded.vae, loaded.unet, loaded.keys
    autoencoder = part_or_held(held, Autoencoder(vae, keys.vae, scale=loaded.scaling_factor, overflows=overflows))
    denoiser = part_or_held(held, DenoiserPart(unet, keys.unet))
    towers = zip(loaded.text_encoders, loaded.tokenizers, keys.text, strict=True)
    text = [part_or_held(held, TextPart(module, tokenizer, key)) for module, tokenizer, key in towers]
    if loaded.family.startswith("sdxl"):
        return StableDiffusionXL(
            loaded.family, denoiser=denoiser, text=TextEncoder(*text, penultimate=True), autoencoder=autoencoder,
            noise=loaded.noise, native=loaded.resolution, refiner=loaded.family == "sdxl_refiner",
        )  # fmt: skip
    return StableDiffusion(
        loaded.family, denoiser=denoiser, text=TextEncoder(*text), autoencoder=autoencoder,
        noise=loaded.noise, native=loaded.resolution,
    )  # fmt: skip


def _width(path: str) -> int:
    """The channels of the U-Net's first layer."""
    weights, first = with_live_unet(CheckpointFile(path)), f"{UNET}input_blocks.0.0.weight"
    if first not in weights.names:
        raise UnusableModel(message("weights.no_unet"))
    return weights.shape(first)[0]


def _folder_width(path: str) -> int:
    """About the channels of the first layer of a folder's denoiser, whatever its configuration calls them."""
    for part in ("unet", "transformer"):
        config = Path(path) / part / "config.json"
        if config.is_file():
            said = read_json(config)
            widths = said.get("block_out_channels") or [said.get(k) for k in ("hidden_size", "inner_dim", "dim")]
            return next((w for w in widths if isinstance(w, int)), _WIDTH)
    return _WIDTH
