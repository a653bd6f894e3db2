"""What a family's checkpoints share and no tensor's shape tells: one small JSON file each, in `configs/`."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Role
from ..sampling.noise import Prediction

FOLDER = Path(__file__).parent / "configs"
UNET = "model.diffusion_model."
VAE = "first_stage_model."


class TextEncoderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One text encoder: where its tensors lie in a checkpoint, and its fixed settings."""

    role: Role
    prefix: str
    projection: bool
    """It gives a pooled projection too, from all of its layers; else a file's OpenCLIP has one layer too many."""
    config: dict[str, Any]
    pad_token: str
    layers: int = 0
    """How many the whole OpenCLIP model has, where the last is not used; a file may lack it."""


class FamilyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A family. Attention has `heads` heads at every level, or as many as heads of `head_width` fit."""

    resolution: dict[Prediction, int]
    prediction: Prediction
    heads: int = 0
    head_width: int = 0
    time_ids: int = 0
    """How many sizes and scores are embedded beside the pooled prompt."""
    unet: dict[str, Any]
    vae: dict[str, Any]
    text_encoders: tuple[TextEncoderConfig, ...]


@cache
def family_config(family: str) -> FamilyConfig:
    return msgspec.json.decode((FOLDER / f"{family}.json").read_bytes(), type=FamilyConfig)


def tell_family(names: Collection[str]) -> str:
    """The family of a checkpoint with tensors of these `names`, live ones; told by its text encoders.

    Raises UnusableModel for a U-Net without text encoders, for one of a kind that none of the families has, and for
    what has no U-Net in the original layout.
    """
    if UNET + "input_blocks.0.0.weight" not in names:
        raise UnusableModel(message("weights.no_unet"))
    if "edm_mean" in names or "edm_vpred.sigma_max" in names:
        raise UnusableModel(message("unfit.edm_like"))
    labelled = UNET + "label_emb.0.0.weight" in names
    for family in ("sdxl", "sdxl_refiner") if labelled else ("sd2", "stable_diffusion"):
        prefix = family_config(family).text_encoders[-1].prefix
        if any(name.startswith(prefix) for name in names):
            return family
    if any(name.startswith(("cond_stage_model.", "conditioner.")) for name in names):
        raise UnusableModel(message("weights.no_family"))
    raise UnusableModel(message("weights.unet_alone"))
