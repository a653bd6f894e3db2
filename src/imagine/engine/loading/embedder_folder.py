"""What shows a model pictures, of the folder that diffusers saves a stable unCLIP pipeline in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from ..parts.clip_vision import ClipVisionModel, vision_config
from ..parts.part import Held
from ..parts.part_key import PartKey
from ..parts.picture_embedder import Noising
from ..sampling.schedules import signal_levels
from .components import LoadReport
from .folder_file import read_json, read_weights
from .held import folder_key, network_or_held
from .networks import Network, network_of
from .statements import noise_of_scheduler
from .weights import Shards, read_all

_ENCODER, _NORMALIZER, _SCHEDULER = "image_encoder", "image_normalizer", "image_noising_scheduler"


def embedder_key(component: Component, dtype: torch.dtype | None) -> PartKey:
    """Of a folder's image encoder, with how noise came into what it sees."""
    return folder_key(component, (_ENCODER, _NORMALIZER, _SCHEDULER), dtype)


class OpenEmbedder(NamedTuple):
    """The image encoder, which may have to be filled yet, and how noise came into what it sees."""

    network: Network
    noising: Noising


def embedder_of(folder: Path, key: PartKey, held: Held, unet: Network, report: LoadReport) -> OpenEmbedder:
    """Of a pipeline's folder, beside its U-Net. Raises UnusableModel, ValueError."""
    network = network_or_held(key, held, partial(_encoder, folder / _ENCODER, report))
    width = int(network.module.config.projection_dim)
    _check(unet.module.config, 2 * width)
    return OpenEmbedder(network, _noising(folder, width))


def _encoder(folder: Path, report: LoadReport) -> Network:
    files = read_weights(folder)
    report.bytes_mapped += sum(file.nbytes for file in files)
    config = vision_config(read_json(folder / "config.json"))
    tensors = {name: each for name, each in read_all(Shards(files)).items() if not name.endswith("position_ids")}
    return network_of("image encoder", partial(ClipVisionModel, config), tensors)


def _check(unet: Any, made: int) -> None:
    """Raises UnusableModel where a U-Net of these settings is told other numbers of a picture than are made of it."""
    taken = unet.projection_class_embeddings_input_dim if unet.class_embed_type == "projection" else 0
    if made != taken:
        raise UnusableModel(message("weights.shown", made=made, taken=taken))


def _noising(folder: Path, width: int) -> Noising:
    weights = Shards(read_weights(folder / _NORMALIZER))
    if missing := {"mean", "std"} - set(weights.names):
        raise UnusableModel(message("weights.missing", part=_NORMALIZER, names=", ".join(sorted(missing))))
    mean, deviation = (weights.read(name).float().clone() for name in ("mean", "std"))
    for name, numbers in (("mean", mean), ("std", deviation)):
        if numbers.shape != (1, width):
            shapes = {"shape": str(list(numbers.shape)), "expected": str([1, width])}
            raise UnusableModel(message("weights.shape", part=_NORMALIZER, name=name, **shapes))
    config = read_json(folder / _SCHEDULER / "scheduler_config.json")
    return Noising(mean, deviation, signal_levels(noise_of_scheduler({}, config)))
