"""Files in the original layout, of SD1, SD2, SDXL or its refiner, to networks ready to infer: offline, no copy.

They are mapped; their tensors' names become diffusers'; the networks are built without memory, from settings read off
the shapes, and take the mapped tensors as they are. What has to be cast is, one tensor at a time, on the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import torch

from ...families.table import facts_of
from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Model
from ..parts.part import Held
from ..parts.part_key import is_read
from ..sampling.noise import Noise
from .components import Components, LoadReport, PartKeys
from .family_config import FamilyConfig, TextEncoderConfig, check_family, family_config
from .held import network_or_held, text_key, unet_key, vae_key
from .ldm_keys import unknown_names, with_live_unet, with_sd_names
from .networks import Network, text_network, unet_network, vae_network
from .opened_networks import OnProgress, fill_all, without_collection
from .part_file import PartFiles, check_context, refusing
from .read_ahead import ReadAhead
from .statements import noise_of, resolution_of
from .tokenizer import ClipTokenizer
from .weights import Weights

_TICK = 0.1
"""Seconds between two words on a cold file's progress."""


@dataclass
class _NetworkPlan:
    """A checkpoint's networks, empty unless they are held, and what they need to know of each other."""

    noise: Noise
    resolution: int
    text: list[Network]
    unet: Network
    vae: Network
    keys: PartKeys


def load_single_file(
    model: Model,
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    progress: OnProgress | None = None,
    held: Held | None = None,
) -> Components:
    """The checkpoint at `model.main.path` on `device`, computing in `dtype`: None is what each network is stored as.

    `model.parts` are files of text encoders and of a VAE that go with it, or replace its own. `model.main.options` may
    say `prediction`, `zero_snr` and `resolution`, which win over what the file says.
    `progress` hears 0…1, from this thread; what it raises ends the loading. What is `held` already isn't read again.

    At the stored dtype, on the CPU, the networks' weights are the mapped file itself; quantised ones are in any.
    Raises UnusableModel for a file that isn't whole or isn't such a checkpoint, saying why.
    """
    report, held = LoadReport(), held or {}
    with ReadAhead(*(one.path for one in model.components if not is_read(one, held))) as read_ahead:
        report.cold = read_ahead.cold
        with report.stage("open"):
            files = _Mapped(model, dtype, report)
        with report.stage("build"), refusing(), without_collection():
            plan = _plan(model, files, dtype, report, held)

        def tell_placed(fraction: float) -> None:
            _tell(progress, min(fraction, read_ahead.fraction))

        with report.stage("place"):
            fill_all([*plan.text, plan.unet, plan.vae], device, dtype, report, tell_placed)
        with report.stage("read"):
            while not read_ahead.wait(_TICK):
                tell_placed(1.0)
    _tell(progress, 1.0)
    report.log(model.name)
    return Components(
        family=model.family,
        unet=plan.unet.module,
        vae=plan.vae.module,
        text_encoders=[network.module for network in plan.text],
        tokenizers=[ClipTokenizer(encoder.pad_token) for encoder in family_config(model.family).text_encoders],
        noise=plan.noise,
        resolution=plan.resolution,
        keys=plan.keys,
        report=report,
    )


class _Mapped:
    """The files of a model: the first mapped at once, those beside it when something is to be read of them."""

    def __init__(self, model: Model, dtype: torch.dtype | None, report: LoadReport) -> None:
        """Raises UnusableModel where the first isn't whole."""
        self._model = model
        self._parts = PartFiles(dtype, report)
        self._main = self._parts.opened(model.main)

    @cached_property
    def main(self) -> Weights:
        """The weights of the first, under the names of a checkpoint."""
        return with_sd_names(with_live_unet(self._main))

    def text(self, encoder: TextEncoderConfig) -> Network:
        """A text encoder, of its own file or of the first one."""
        part = self._model.parts.get(encoder.role)
        return text_network(self.main, encoder) if part is None else self._parts.text(part, encoder)

    def vae(self, family: FamilyConfig) -> Network:
        """The VAE, of its own file or of the first one."""
        if (part := self._model.parts.get("vae")) is not None:
            return self._parts.vae(part, family)
        if (network := vae_network(self.main, family)) is None:
            raise UnusableModel(message("weights.no_vae"))
        return network


def _plan(model: Model, files: _Mapped, dtype: torch.dtype | None, report: LoadReport, held: Held) -> _NetworkPlan:
    weights, options = files.main, model.main.options
    check_family(model.family, weights.names, alone=model.main.role == "denoiser")
    family, facts = family_config(model.family), facts_of(model.family)
    noise = noise_of(options, weights.metadata, weights.names, facts)
    resolution = resolution_of(options, weights.metadata, facts, noise.prediction)
    of_text = tuple(text_key(model, encoder, dtype) for encoder in family.text_encoders)
    text = [
        network_or_held(key, held, partial(files.text, encoder))
        for key, encoder in zip(of_text, family.text_encoders, strict=True)
    ]
    pooled = int(text[-1].module.config.projection_dim) if family.time_ids else 0
    keys = PartKeys(of_text, unet_key(model, model.family, pooled, dtype), vae_key(model, family, dtype))
    unet = network_or_held(keys.unet, held, lambda: unet_network(weights, family, pooled=pooled, resolution=resolution))
    check_context(text, unet)
    vae = network_or_held(keys.vae, held, lambda: files.vae(family))
    if unknown := unknown_names(weights.names, family):
        report.warnings.append(message("model.unknown_tensors", count=len(unknown), name=unknown[0]))
    return _NetworkPlan(noise, resolution, text, unet, vae, keys)


def _tell(progress: OnProgress | None, fraction: float) -> None:
    if progress is not None:
        progress(fraction)
