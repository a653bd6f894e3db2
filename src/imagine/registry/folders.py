"""What a diffusers folder is, told from its `model_index.json`, its configs and the headers of its weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..families.table import FAMILIES, facts_of, is_shown, is_stepped
from ..formats.folder_json import json_object
from ..messages import Message, message
from ..words.beside import UNCLIP
from ..words.errors import UnusableModel
from ..words.sizes import Sizes
from .distilled import distilled_by
from .header import Header, read_header
from .identify import CHECKPOINT, Identity, default_resolution, weigh
from .pipelines import FROM_PICTURES, package_problem, pipeline_problem, stepped_problem
from .prediction import DetectedPrediction
from .reading import read_small
from .scan import INDEX, SAFETENSORS
from .sizes import sizes_of_folder

MAX_JSON_BYTES = 4_000_000

_VARIANTS = (
    ("InstructPix2Pix", "instruct-pix2pix"), ("Inpaint", "inpainting"), ("Fill", "fill"), ("Depth2Img", "depth"),
    ("Kontext", "kontext"), ("Edit", "edit"), ("LatentConsistency", "lcm"), ("StableUnCLIPImg2Img", UNCLIP),
)  # fmt: skip
_WITHOUT_WEIGHTS = ("scheduler", "tokenizer", "processor", "feature_extractor", "safety_checker", "watermark")
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")


class Described(NamedTuple):
    """What a folder is, the SHA-256 of its `model_index.json`, how it may be used (see `Entry`), and what it weighs."""

    identity: Identity
    digest: str
    problem: Message | None
    needs: tuple[str, ...]
    distilled: str
    sizes: Sizes


def describe_folder(path: Path, members: Iterable[Path], name: str = "") -> Described:
    """What the folder at `path`, with these `members`, is; `name` is what it is called.

    Raises UnusableModel where an index, config or header is broken, or a component's weights are missing or pickled.
    """
    raw = _bytes(path / INDEX, INDEX)
    index = _object(raw, INDEX)
    pipeline = index.get("_class_name")
    if not isinstance(pipeline, str):
        raise UnusableModel(message("folder.no_class", name=INDEX))
    configs = {m.parent.name: _read(m, f"{m.parent.name}/config.json") for m in members if m.name == "config.json"}
    schedule = path / "scheduler" / "scheduler_config.json"
    scheduler = _read(schedule, "scheduler/scheduler_config.json") if schedule in set(members) else {}
    stepped = is_stepped(pipeline, configs.get("transformer", {}), scheduler)
    parts = _weighted_parts(index, is_seeing=not stepped or is_shown(pipeline))
    headers = {part: _component_headers(part, path, members) for part in parts}
    identity = _identity(pipeline, configs, headers, scheduler)
    undistilled = facts_of(identity.family).undistilled
    if identity.variant in undistilled and index.get("is_distilled") is not True:
        identity = msgspec.structs.replace(identity, variant=undistilled[identity.variant])
    problem = pipeline_problem(pipeline, path, index) or package_problem(identity.family)
    if problem is None and stepped:
        problem = stepped_problem(identity, configs.get("vae", {}))
    needs = ("img",) if any(word in pipeline for word in FROM_PICTURES) else ()
    distilled = _distilled(name, pipeline, index, scheduler, identity.family)
    sizes = sizes_of_folder(headers, facts_of(identity.family).asked.get(identity.variant, 0) if stepped else 0)
    return Described(identity, hashlib.sha256(raw).hexdigest(), problem, needs, distilled, sizes)


def _distilled(
    name: str, pipeline: str, index: Mapping[str, Any], scheduler: Mapping[str, Any], family: str
) -> str:  # fmt: skip
    """How it was made to take few steps: by what it is called, its scheduler or its pipeline (SANA Sprint's), or since
    its index says that it was (Krea 2 Turbo's); ""."""
    scheduler = {"_class_name": "LCMScheduler"} if "LatentConsistency" in pipeline else scheduler
    told = distilled_by(name, {}, scheduler) or distilled_by(pipeline, {})
    only = [*facts_of(family).distilled][:1] if index.get("is_distilled") is True else []
    return told or "".join(only)


def _read(path: Path, name: str) -> dict[str, Any]:
    return _object(_bytes(path, name), name)


def _bytes(path: Path, name: str) -> bytes:
    try:
        return read_small(path, MAX_JSON_BYTES)
    except UnusableModel as error:
        raise UnusableModel(message("folder.part", name=name, why=error.note)) from error


def _object(raw: bytes, name: str) -> dict[str, Any]:
    try:
        return json_object(raw)
    except ValueError as error:
        raise UnusableModel(message("folder.object", name=name)) from error


def _weighted_parts(index: Mapping[str, Any], *, is_seeing: bool) -> list[str]:
    """The components of the index that hold weights and are loaded: entries are [library, class], null for one left
    out. `is_seeing`: its image encoder is one of them."""
    unread = _WITHOUT_WEIGHTS if is_seeing else (*_WITHOUT_WEIGHTS, "image_encoder")
    parts = []
    for part, entry in index.items():
        named = isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], str)
        if named and not any(word in part for word in unread):
            parts.append(part)
    if not parts:
        raise UnusableModel(message("folder.no_component", name=INDEX))
    return parts


def _component_headers(part: str, path: Path, members: Iterable[Path]) -> list[Header]:
    """The headers of one component's weights, of the plain variant where there is one."""
    inside = [member for member in members if member.parent == path / part]
    variants: dict[str, list[Path]] = {}
    for member in inside:
        if member.suffix == SAFETENSORS:
            variant = ".".join(_SHARD.sub("", member.stem).split(".")[1:])
            variants.setdefault(variant, []).append(member)
    if not variants:
        if any(member.suffix == ".bin" for member in inside):
            raise UnusableModel(message("folder.pickles", part=part))
        raise UnusableModel(message("folder.no_weights", part=part))
    files = variants[min(variants)]
    if (shard := _SHARD.search(files[0].name)) and len(files) != int(shard[2]):
        raise UnusableModel(message("folder.shards", part=part, count=len(files), of=int(shard[2])))
    return [_part_header(file) for file in files]


def _part_header(file: Path) -> Header:
    try:
        return read_header(file)
    except UnusableModel as error:
        name = f"{file.parent.name}/{file.name}"
        raise UnusableModel(message("folder.part", name=name, why=error.note)) from error


def _identity(
    pipeline: str,
    configs: Mapping[str, Mapping[str, Any]],
    headers: Mapping[str, list[Header]],
    scheduler: Mapping[str, Any],
) -> Identity:
    denoiser = next((part for part in ("unet", "transformer", "prior") if part in headers), "")
    config, vae = configs.get(denoiser, {}), configs.get("vae", {})
    family, told = _family(pipeline, config)
    prediction = _prediction(family, scheduler)
    named = next((variant for word, variant in _VARIANTS if word in pipeline), "")
    variant = told if not named or told.startswith(named) else named  # of "edit" which
    weights = {part: weigh(t for header in each for t in header.tensors.values()) for part, each in headers.items()}
    return Identity(
        kind=CHECKPOINT,
        family=family,
        variant=variant,
        prediction=prediction,
        parameters=sum(elements for elements, _ in weights.values()),
        dtype=weights.get(denoiser, (0, ""))[1],
        resolution=_resolution(family, config, prediction.type, variant),
        in_channels=_natural(config.get("in_channels")) // facts_of(family).patch ** 2,
        latent_channels=_natural(vae.get("latent_channels", vae.get("z_dim"))),
        has_vae="vae" in headers or "vqvae" in headers,
        text_encoders=tuple(sorted(part for part in headers if part.startswith("text_encoder"))),
        context=_natural(config.get("cross_attention_dim")) if facts_of(family).unet else 0,
    )


def _family(pipeline: str, config: Mapping[str, Any]) -> tuple[str, str]:
    """The family, and which variant of it the denoiser's config tells."""
    rows = [(row, facts.name) for facts in FAMILIES.values() for row in facts.pipelines if row.fits(pipeline, config)]
    if rows:
        row, family = max(rows, key=lambda row: row[0].exactness)
        return family, row.variant
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", pipeline.removesuffix("Pipeline")).lower(), ""


def _prediction(family: str, scheduler: Mapping[str, Any]) -> DetectedPrediction:
    kind, named = str(scheduler.get("prediction_type", "")), str(scheduler.get("_class_name", ""))
    zero_snr = scheduler.get("rescale_betas_zero_snr") is True
    predicts = facts_of(family).predicts
    if predicts.always:
        return DetectedPrediction(predicts.usual, "family")
    if named.startswith("FlowMatch") or scheduler.get("use_flow_sigmas") is True or kind == "flow_prediction":
        return DetectedPrediction("flow", "scheduler_config.json")
    if named.startswith("EDM"):
        return DetectedPrediction("edm", "scheduler_config.json")
    if kind in {"epsilon", "v_prediction", "sample"}:
        return DetectedPrediction(kind, "scheduler_config.json", zero_snr)
    return DetectedPrediction("epsilon", "default", zero_snr)


def _resolution(family: str, config: Mapping[str, Any], prediction: str, variant: str) -> int:
    """A U-Net's `sample_size` is in latents, 8 pixels each; other networks count in units of their own."""
    size = _natural(config.get("sample_size"))
    return 8 * size if facts_of(family).unet and size else default_resolution(family, prediction, variant)


def _natural(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**31 else 0
