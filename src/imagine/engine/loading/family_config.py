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

    heads: int = 0
    head_width: int = 0
    time_ids: int = 0
    """How many sizes and scores are embedded beside the pooled prompt."""
    unet: dict[str, Any] = {}
    vae: dict[str, Any]
    text_encoders: tuple[TextEncoderConfig, ...]


@cache
def family_config(family: str) -> FamilyConfig:
    return msgspec.json.decode((FOLDER / f"{family}.json").read_bytes(), type=FamilyConfig)


def check_family(family: str, names: Collection[str], *, alone: bool = False) -> None:
    """Raises UnusableModel where a file with tensors of these `names`, live ones, is no checkpoint of this family.

    So it is for a U-Net with another family's text encoders, or with none unless it comes `alone`, and for none in the
    original layout.
    """
    if UNET + "input_blocks.0.0.weight" not in names:
        raise UnusableModel(message("weights.no_unet"))
    if alone:
        return
    if "edm_mean" in names or "edm_vpred.sigma_max" in names:
        raise UnusableModel(message("unfit.edm_like"))
    config = family_config(family)
    labelled, prefix = UNET + "label_emb.0.0.weight" in names, config.text_encoders[-1].prefix
    if labelled == bool(config.time_ids) and any(name.startswith(prefix) for name in names):
        return
    if any(name.startswith(("cond_stage_model.", "conditioner.")) for name in names):
        raise UnusableModel(message("weights.no_family"))
    raise UnusableModel(message("weights.unet_alone"))
