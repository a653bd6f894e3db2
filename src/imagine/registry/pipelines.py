"""Diffusers' pipelines: which are there, which our samplers step, which need a picture, and what keeps one out."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from imagine.registry.identify import Identity

_LIBRARIES = frozenset({"diffusers", "transformers"})
STEPPED = frozenset(
    f"{base}{kind}Pipeline" for base in ("StableDiffusion", "StableDiffusionXL") for kind in ("", "Img2Img", "Inpaint")
)
"""The pipelines whose components the engine steps by itself."""
FROM_PICTURES = (
    "InstructPix2Pix", "Depth2Img", "Upscale", "ImageVariation", "ControlNet", "Adapter", "Redux", "Fill",
    "PaintByExample", "ImageToVideo", "StableVideoDiffusion", "ImageEdit",
)  # fmt: skip
"""Words in the names of those that make nothing without a picture."""
_NAMED = re.compile(r'"(\w+Pipeline)"')


def pipeline_problem(name: str, path: Path, index: Mapping[str, Any]) -> str | None:
    """Why the pipeline `name` of the folder at `path` isn't opened, in a clause, or None: foreign classes, or code."""
    if not name.endswith("Pipeline") or (_pipelines() and name not in _pipelines()):
        return f"its pipeline '{name[:80]}' is not one of diffusers'"
    for part, entry in index.items():
        if part.startswith("_") or not isinstance(entry, list) or entry[:1] == [None]:
            continue
        library = entry[0] if entry else None
        if not isinstance(library, str) or (_groups() and library not in _LIBRARIES | _groups()):
            return f"its {part[:80]} is of '{str(library)[:80]}', and code other than diffusers' is never run"
        if any((path / part).glob("*.py")):
            return f"its {part[:80]} comes with code of its own, which is never run"
    return None


def stepped_problem(identity: Identity, vae: Mapping[str, Any]) -> str | None:
    """Why our samplers can't step a Stable Diffusion folder of this `identity` and VAE configuration, or None."""
    if identity.prediction.type == "edm":
        return "it samples by EDM's noise levels (as Playground v2.5 and CosXL do), which isn't supported"
    if identity.prediction.type not in ("epsilon", "v_prediction"):
        return f"its scheduler is made for '{identity.prediction.type}', which isn't supported for its family"
    if not identity.has_vae:
        return "it has no VAE"
    if vae.get("latents_mean") is not None:
        return "its VAE normalises its latents (latents_mean), which isn't supported for its family"
    latents = identity.latent_channels
    if identity.in_channels and latents and identity.in_channels not in (latents, 2 * latents + 1):
        return f"its U-Net takes {identity.in_channels} channels, which no way of drawing here gives"
    return None


@cache
def _library() -> Path | None:
    """Where diffusers lies, found without importing it; None where its sources aren't files, as in the binary."""
    found = importlib.util.find_spec("diffusers")
    path = Path(found.origin) if found and found.origin else None
    return path.parent if path and path.is_file() else None


@cache
def _pipelines() -> frozenset[str]:
    """The pipelines that diffusers names; none where it can't be looked into."""
    folder = _library()
    return frozenset(_NAMED.findall((folder / "__init__.py").read_text(encoding="utf-8"))) if folder else frozenset()


@cache
def _groups() -> frozenset[str]:
    """The folders of its pipelines, which an index may name as libraries."""
    folder = _library()
    return frozenset(child.name for child in (folder / "pipelines").iterdir()) if folder else frozenset()
