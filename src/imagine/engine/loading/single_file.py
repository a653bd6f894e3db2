"""Files in the original layout, of SD1, SD2, SDXL or its refiner, to networks ready to infer: offline, no copy.

They are mapped; their tensors' names become diffusers'; the networks are built without memory, from settings read off
the shapes, and take the mapped tensors as they are. What has to be cast is, one tensor at a time, on the device.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component, Model, Role
from ..device.errors import is_of_device
from ..sampling.noise import Noise
from .checkpoint_file import CheckpointFile
from .components import Components, LoadReport
from .family_config import UNET, FamilyConfig, TextEncoderConfig, family_config, tell_family
from .float8 import without_float8
from .ldm_keys import in_its_place, unknown_names, with_live_unet, with_sd_names
from .networks import Network, text_network, unet_network, vae_network
from .read_ahead import ReadAhead
from .statements import noise_of, resolution_of
from .tokenizer import ClipTokenizer
from .weights import Weights

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
    vae: Network


def load_single_file(
    model: Model,
    *,
    device: torch.device,
    dtype: torch.dtype | None = None,
    vae_dtype: torch.dtype | None = None,
    progress: Progress | None = None,
) -> Components:
    """The checkpoint at `model.main.path` on `device`, computing in `dtype`: None is what each network is stored as.

    `model.parts` are files of text encoders and of a VAE that go with it, or replace its own. `vae_dtype` is the VAE's
    `dtype` where it differs. `model.main.options` may say `prediction`, `zero_snr` and `resolution`, which win over
    what the file says.
    `progress` hears 0…1, from this thread; what it raises ends the loading.

    At the stored dtype, on the CPU, the networks' weights are the mapped file itself.
    Raises UnusableModel for a file that isn't whole or isn't such a checkpoint, saying why.
    """
    report = LoadReport()
    with ReadAhead(*(component.path for component in model.components)) as read_ahead:
        report.cold = read_ahead.cold
        with report.stage("open"):
            files = _Files(model, device, report)
        with report.stage("build"), _refusing(), _without_collection():
            plan = _plan(model, files, dtype, vae_dtype or dtype, report)

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


class _Files:
    """The files of a model, mapped."""

    def __init__(self, model: Model, device: torch.device, report: LoadReport) -> None:
        """Raises UnusableModel for one that isn't whole, naming it where it isn't the first."""
        self._device, self._main = device, CheckpointFile(model.main.path)
        self._parts: dict[Role, tuple[Component, CheckpointFile]] = {}
        for role, part in model.parts.items():
            with _laid_to(part):
                self._parts[role] = part, CheckpointFile(part.path)
        report.bytes_mapped = self._main.nbytes + sum(file.nbytes for _, file in self._parts.values())

    def main(self, dtype: torch.dtype | None) -> Weights:
        """The weights of the first, under the names of a checkpoint."""
        return without_float8(with_sd_names(with_live_unet(self._main)), self._device, dtype)

    @contextmanager
    def part(self, role: Role, dtype: torch.dtype | None) -> Iterator[Weights | None]:
        """The weights in a file of their own, None where there is none; what is wrong with them is laid to it."""
        if role not in self._parts:
            yield None
            return
        component, file = self._parts[role]
        with _laid_to(component), _refusing():
            yield without_float8(file, self._device, dtype)


def _plan(
    model: Model, files: _Files, dtype: torch.dtype | None, vae_dtype: torch.dtype | None, report: LoadReport
) -> _Plan:
    weights, options = files.main(dtype), model.main.options
    name = _family_of(model, weights.names)
    family = family_config(name)
    noise = noise_of(options, weights.metadata, weights.names, family)
    resolution = resolution_of(options, weights.metadata, family, noise.prediction)
    text = [_text(files, weights, encoder, dtype) for encoder in family.text_encoders]
    pooled = int(text[-1].module.config.projection_dim) if family.time_ids else 0
    unet = unet_network(weights, family, pooled=pooled, resolution=resolution)
    made = sum(int(network.module.config.hidden_size) for network in text)
    if made != unet.module.config.cross_attention_dim:
        raise UnusableModel(message("weights.context", made=made, taken=unet.module.config.cross_attention_dim))
    vae = _vae(files, weights, family, vae_dtype)
    if unknown := unknown_names(weights.names, family):
        report.warnings.append(message("model.unknown_tensors", count=len(unknown), name=unknown[0]))
    return _Plan(name, noise, resolution, text, unet, vae)


def _family_of(model: Model, names: Collection[str]) -> str:
    """Told by the text encoders among the names, or, of a denoiser alone, by who listed it. Raises UnusableModel."""
    if model.main.role != "denoiser":
        return tell_family(names)
    if UNET + "input_blocks.0.0.weight" not in names:
        raise UnusableModel(message("weights.no_unet"))
    return model.family


def _text(files: _Files, weights: Weights, encoder: TextEncoderConfig, dtype: torch.dtype | None) -> Network:
    """A text encoder, of its own file or of the first one's `weights`."""
    with files.part(encoder.role, dtype) as own:
        return text_network(weights if own is None else in_its_place(own, encoder), encoder)


def _vae(files: _Files, weights: Weights, family: FamilyConfig, dtype: torch.dtype | None) -> Network:
    """The VAE, of its own file or of the first one's `weights`."""
    with files.part("vae", dtype) as own:
        network = vae_network(weights if own is None else own, family)
        if network is not None:
            return network
        missing = message("weights.vae_empty") if own else message("weights.no_vae")
        raise UnusableModel(missing)


@contextmanager
def _laid_to(component: Component) -> Iterator[None]:
    """What is wrong with a file beside the first, said with its name."""
    try:
        yield
    except UnusableModel as error:
        code = "weights.vae_file" if component.role == "vae" else "weights.text_file"
        raise UnusableModel(message(code, name=Path(component.path).name, why=error.note)) from error


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
