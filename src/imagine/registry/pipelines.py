"""Diffusers' pipelines: which are there, which our samplers step, which need a picture, and what keeps one out."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ..families.table import facts_of
from ..formats.folder_json import is_component
from ..messages import Message, message
from .identify import Identity

_LIBRARIES = frozenset({"diffusers", "transformers"})
FROM_PICTURES = (
    "InstructPix2Pix", "Depth2Img", "Upscale", "ImageVariation", "ControlNet", "Adapter", "Redux", "Fill",
    "PaintByExample", "ImageToVideo", "StableVideoDiffusion", "ImageEdit", "UnCLIPImg2Img",
)  # fmt: skip
"""Words in the names of those that make nothing without a picture."""
_VIDEOS = re.compile(
    r"Video|Animat|I2V|T2V|TI2VA|SanaWM|^(?:LTX|Wan|SkyReels|Mochi|Allegro|Latte|AnyFlow|ChronoEdit|ConsisID|Helios|LucyEdit"
    r"|PIA|HunyuanSkyreels|Cosmos(?!2TextToImage)|Kandinsky6|MiniMaxH3)"
)
_SOUND = re.compile(r"Audio|Music|AceStep|Dance|Spectrogram")
"""What stands in the names of those that make no pictures."""
_STANDARDISED = frozenset({"AutoencoderKLQwenImage", "AutoencoderKLWan"})
"""Classes of VAEs whose latents are known so."""
_NAMED = re.compile(r'"(\w+Pipeline)"')


def pipeline_problem(name: str, path: Path, index: Mapping[str, Any]) -> Message | None:
    """Why the pipeline `name` of the folder at `path` isn't opened, in a clause, or None: it makes no pictures, or has
    foreign classes, or code."""
    if _VIDEOS.search(name):
        return message("unfit.videos", name=name[:80])
    if _SOUND.search(name):
        return message("unfit.sound", name=name[:80])
    if not name.endswith("Pipeline") or (_pipelines() and name not in _pipelines()):
        return message("folder.pipeline", name=name[:80])
    for part, entry in index.items():
        if part.startswith("_") or not is_component(entry) or entry[:1] == [None]:
            continue
        library = entry[0] if entry else None
        if not isinstance(library, str) or (_groups() and library not in _LIBRARIES | _groups()):
            return message("folder.library", part=part[:80], library=str(library)[:80])
        if any((path / part).glob("*.py")):
            return message("folder.code", part=part[:80])
    return None


def package_problem(family: str) -> Message | None:
    """Which package a pipeline of this family lacks, or None."""
    lacking = (name for name in facts_of(family).packages if importlib.util.find_spec(name) is None)
    return next((message("folder.package", package=name) for name in lacking), None)


def stepped_problem(identity: Identity, vae: Mapping[str, Any]) -> Message | None:
    """Why our samplers can't step a folder of this `identity` and VAE configuration, or None."""
    facts = facts_of(identity.family)
    if identity.prediction.type == "edm":
        return message("unfit.edm_like")
    if identity.prediction.type not in (("flow",) if facts.predicts.usual == "flow" else ("epsilon", "v_prediction")):
        return message("folder.scheduler", prediction=identity.prediction.type)
    if not identity.has_vae:
        return message("folder.no_vae")
    if vae.get("latents_mean") is not None and vae.get("_class_name") not in _STANDARDISED:
        return message("folder.latents_mean")
    latents = identity.latent_channels
    if identity.in_channels and latents and not facts.takes(identity.in_channels, latents):
        return message("unfit.channels", count=identity.in_channels)
    return None


@cache
def _library() -> Path | None:
    """Where diffusers lies, found without importing it; None where its sources aren't files, as in the binary."""
    spec = importlib.util.find_spec("diffusers")
    path = Path(spec.origin) if spec and spec.origin else None
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
