"""One file in the original layout, of SD1, SD2, SDXL or its refiner, to networks ready to infer: offline, no copy.

The file is mapped; its tensors' names become diffusers'; the networks are built without memory, from settings read off
the shapes, and take the mapped tensors as they are. What has to be cast is, one tensor at a time, on the device.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Model
from ..device.errors import is_of_device
from ..sampling.noise import Noise
from .checkpoint_file import CheckpointFile
from .components import Components, LoadReport
from .family_config import family_config, tell_family
from .float8 import without_float8
from .ldm_keys import unknown_names, with_live_unet, with_sd_names
from .networks import Network, text_network, unet_network, vae_network
from .read_ahead import ReadAhead
from .statements import noise_of, resolution_of
from .tokenizer import ClipTokenizer

Progress = Callable[[float], None]
_TICK = 0.1
"""Seconds between two words on a cold file's progress."""


@dataclass
class _Plan:
    """A checkpoint's networks, still empty, and what they need to know of each other."""

    family: str
    noise: Noise
    resolution: int
    text: list[Network]
    unet: Network
    vae: Network | None


def load_single_file(
    model: Model,
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    vae_dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> Components:
    """The checkpoint at `model.main.path` on `device`, computing in `dtype`: None is what each network is stored as.

    `model.parts["vae"]` names a VAE file that replaces the checkpoint's. `vae_dtype` is the VAE's `dtype` where it
    differs. `model.main.options` may say `prediction`, `zero_snr` and `resolution`, which win over what the file says.
    `progress` hears 0…1, from this thread; what it raises ends the loading.

    At the stored dtype, on the CPU, the networks' weights are the mapped file itself.
    Raises UnusableModel for a file that isn't whole or isn't such a checkpoint, saying why.
    """
    report = LoadReport()
    with ReadAhead(model.main.path) as read_ahead:
        report.cold = read_ahead.cold
        with report.stage("open"):
            file = CheckpointFile(model.main.path)
            report.bytes_mapped = file.nbytes
        with report.stage("build"), _refusing(), _without_collection():
            plan = _plan(model, file, device, dtype, report)
        if "vae" in model.parts:
            plan.vae = _separate_vae(model.parts["vae"].path, plan.family, device, vae_dtype or dtype, report)
        if plan.vae is None:
            raise UnusableModel(message("weights.no_vae"))

        def tell_placed(fraction: float) -> None:
            _tell(progress, min(fraction, read_ahead.fraction))

        networks = [(network, dtype) for network in (*plan.text, plan.unet)]
        with report.stage("place"):
            _fill([*networks, (plan.vae, vae_dtype or dtype)], device, report, tell_placed)
        with report.stage("read"):
            while not read_ahead.wait(_TICK):
                tell_placed(1.0)
    _tell(progress, 1.0)
    return Components(
        family=plan.family,
        unet=plan.unet.module,
        vae=plan.vae.module,
        text_encoders=[network.module for network in plan.text],
        tokenizers=[ClipTokenizer(encoder.pad_token) for encoder in family_config(plan.family).text_encoders],
        noise=plan.noise,
        resolution=plan.resolution,
        dtype=plan.unet.module.dtype,
        report=report,
    )


def load_vae(path: str, *, family: str, device: torch.device, dtype: torch.dtype | None = None) -> Any:
    """The `AutoencoderKL` in the file at `path`, for checkpoints of `family`.

    Its tensors are named as in a checkpoint, the same without the prefix, or as diffusers names them.
    Raises UnusableModel for a file that holds no such VAE.
    """
    network = _separate_vae(path, family, device, dtype, LoadReport())
    return network.fill(device, dtype)


def _plan(
    model: Model, file: CheckpointFile, device: torch.device, dtype: torch.dtype | None, report: LoadReport
) -> _Plan:
    weights = without_float8(with_sd_names(with_live_unet(file)), device, dtype)
    name = tell_family(weights.names)
    family = family_config(name)
    noise = noise_of(model.main.options, file.metadata, weights.names, family)
    resolution = resolution_of(model.main.options, file.metadata, family, noise.prediction)
    text = [text_network(weights, encoder) for encoder in family.text_encoders]
    pooled = int(text[-1].module.config.projection_dim) if family.time_ids else 0
    unet = unet_network(weights, family, pooled=pooled, resolution=resolution)
    vae = None if "vae" in model.parts else vae_network(weights, family)
    if unknown := unknown_names(weights.names, family):
        report.warnings.append(message("model.unknown_tensors", count=len(unknown), name=unknown[0]))
    return _Plan(name, noise, resolution, text, unet, vae)


def _separate_vae(
    path: str, family: str, device: torch.device, dtype: torch.dtype | None, report: LoadReport
) -> Network:
    try:
        file = CheckpointFile(path)
        report.bytes_mapped += file.nbytes
        with _refusing():
            network = vae_network(without_float8(file, device, dtype), family_config(family))
    except UnusableModel as error:
        raise UnusableModel(message("weights.vae_file", name=Path(path).name, why=error.note)) from error
    if network is None:
        raise UnusableModel(message("weights.vae_file_empty", name=Path(path).name))
    return network


def _fill(
    networks: Sequence[tuple[Network, torch.dtype | None]],
    device: torch.device,
    report: LoadReport,
    told: Callable[[float], None],
) -> None:
    """Fill each network in its dtype, in the file's order, so that what has to be cast is as it comes in."""
    total, done = sum(network.nbytes for network, _ in networks), 0

    def placed(nbytes: int) -> None:
        nonlocal done
        done += nbytes
        told(done / total)

    for network, dtype in networks:
        report.casts += network.casts(dtype)
    for network, dtype in sorted(networks, key=lambda pair: pair[0].address):
        network.fill(device, dtype, placed)


@contextmanager
def _refusing() -> Iterator[None]:
    """What a converter trips over in a file that isn't laid out as it should be, said as such."""
    try:
        yield
    except (LookupError, ValueError, TypeError, AttributeError, RuntimeError, StopIteration) as error:
        if is_of_device(error):
            raise
        raise UnusableModel(message("weights.layout", why=str(error))) from error


@contextmanager
def _without_collection() -> Iterator[None]:
    """Building makes a hundred thousand objects and no garbage: looking for some would take a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _tell(progress: Progress | None, fraction: float) -> None:
    if progress is not None:
        progress(fraction)
