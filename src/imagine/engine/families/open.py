"""From what the gateway says of a model to what draws with it: by its family's opener, as its own pipeline, as an
upscaler or a preprocessor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...families.table import facts_of
from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component, Model
from ..device.device import Device
from ..loading.diffusers_folder import denoiser_dtype, load_pipeline, runs_whole
from ..loading.opened_networks import OnProgress
from ..loading.width import folder_width
from ..parts.part import Held
from ..whole.pipeline import Whole
from .enlarger import open_enlarger
from .loaded_model import LoadedModel
from .mapper import open_mapper
from .table import OPENERS


def open_model(model: Model, device: Device, progress: OnProgress, held: Held) -> LoadedModel:
    """The model on `device`, made of the parts that are `held` already and of those that it reads.

    Raises UnusableModel, saying why it can't be used.
    """
    path = model.main.path
    if model.main.role == "upscaler":
        return open_enlarger(model, device, progress, held)
    if model.main.role == "preprocessor":
        return open_mapper(model, device, progress, held)
    if model.main.format == "diffusers" and runs_whole(path):
        dtype = device.precision.decide_whole(lambda: folder_width(path), lambda: denoiser_dtype(path))
        return Whole(load_pipeline(path, dtype=dtype), device.torch, device.room())
    opener = OPENERS.get(model.family)
    if opener is None:
        raise UnusableModel(message("weights.no_opener", family=model.family or "unknown"))
    return opener(model, facts_of(model.family), device, progress, held)


def file_bytes(components: Sequence[Component]) -> int:
    """The size of their files: about what they will take on a device."""
    paths = [Path(component.path) for component in components if component.path]
    files = [file for path in paths for file in (path.rglob("*.safetensors") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())
