"""What a safetensors file is, told from its header: kind, family, variant, and what a user or a loader asks next."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping

import msgspec

from ..families.table import facts_of
from ..formats.four_bits import WIDTHS
from ..formats.gguf import KINDS
from .adapters import embedding_width, find_adapter, find_embedding
from .components import baked_vae_channels, find_encoder, find_vae, text_encoders
from .denoisers import EMA_PREFIX, LDM_PREFIX, Denoiser, find_denoiser
from .embedders import find_embedder
from .header import BITS, Header, TensorInfo
from .loras import find_lora
from .prediction import DetectedPrediction, Sidecar, tell_prediction
from .preprocessors import find_preprocessor
from .safety import find_safety
from .signatures import Detected
from .upscalers import find_upscaler
from .views import views_of

CHECKPOINT = "checkpoint"
DIFFUSION_MODEL = "diffusion-model"
LORA = "lora"
MODEL_KINDS = (CHECKPOINT, DIFFUSION_MODEL)
"""What a model can be named by; no two of these kinds have one name."""

DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "I8": "int8", "U8": "uint8",
}  # fmt: skip
"""torch's names for what weights are stored as; another dtype keeps the format's name, in small letters."""


_WIDTHS: Mapping[str, float] = {k.name.upper(): 8 * k.nbytes / k.elements for k in KINDS.values()} | BITS | WIDTHS
"""Bits of an element, of what is stored in blocks on the average."""
_BESIDE = {"controlnet": "attn2.to_k.weight", "ip-adapter": "to_k_ip.weight"}
"""What of a file that goes beside a denoiser takes what that attends to."""
_RESOLUTION = re.compile(r"\s*(\d{2,5})(?:\s*x\s*(\d{2,5}))?\s*", re.IGNORECASE)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a file is. `kind` is one of checkpoint, diffusion-model, lora, vae, controlnet, embedding, upscaler,
    preprocessor, safety, embedder, ip-adapter, text-encoder, image-encoder, motion-module, style-model, hypernetwork,
    gligen, unknown; only a checkpoint can generate.

    `parameters` counts the elements of what generates: denoiser, text encoders and VAE, without EMA copies.
    `dtype` is what most of the denoiser is stored as. `resolution` is the side of the native square, in pixels.
    `context` is the width of the text that a U-Net attends to, or what goes beside one, that a text encoder makes, or
    that an embedding's vectors have, those for each text encoder together. `views` are as an `Entry` has them.
    Zero, "" and () stand for what doesn't apply.
    """

    kind: str
    family: str = ""
    variant: str = ""
    prediction: DetectedPrediction = DetectedPrediction()
    parameters: int = 0
    dtype: str = ""
    resolution: int = 0
    in_channels: int = 0
    latent_channels: int = 0
    has_vae: bool = False
    text_encoders: tuple[str, ...] = ()
    context: int = 0
    views: tuple[int, ...] = ()


def identify(header: Header, sidecar: Sidecar | None = None) -> Identity:
    """Tell what the file with this `header` is; `sidecar` is what the YAML beside it says about its prediction."""
    tensors = header.tensors
    # What is added to a denoiser may carry some of its tensors' names; a whole checkpoint isn't looked through for it.
    whole = LDM_PREFIX + "input_blocks.0.0.weight" in tensors
    detected = None if whole else find_adapter(tensors, header.metadata) or find_lora(tensors, header.metadata)
    if detected:
        return _plain(detected, tensors)
    if denoiser := find_denoiser(tensors):
        return _with_denoiser(denoiser, header, sidecar)
    if vae := find_vae(tensors):
        return _plain(vae[0], tensors, latent_channels=vae[1], has_vae=True)
    finds = (find_safety, find_encoder, find_upscaler, find_preprocessor, find_embedder, find_embedding)
    detected = next(filter(None, (find(tensors) for find in finds)), Detected("unknown"))
    return _plain(detected, tensors)


def _plain(
    detected: Detected, tensors: Mapping[str, TensorInfo], *, latent_channels: int = 0, has_vae: bool = False
) -> Identity:
    kind, family, variant = detected
    parameters, dtype = weigh(tensors.values())
    return Identity(
        kind=kind, family=family, variant=variant, parameters=parameters, dtype=dtype,
        latent_channels=latent_channels, has_vae=has_vae,
        context=_context(kind, tensors), views=views_of(kind, variant, tensors),
    )  # fmt: skip


def _context(kind: str, tensors: Mapping[str, TensorInfo]) -> int:
    if kind == "embedding":
        return embedding_width(tensors)
    if kind in _BESIDE:
        return _width(tensors, _BESIDE[kind])
    return _width(tensors, "token_embedding.weight") if kind == "text-encoder" else 0


def _with_denoiser(denoiser: Denoiser, header: Header, sidecar: Sidecar | None) -> Identity:
    tensors, family = header.tensors, denoiser.family
    encoders, vae_channels = text_encoders(tensors, family), baked_vae_channels(tensors)
    only_ema = denoiser.prefix.startswith(EMA_PREFIX)
    parameters, dtype = _weigh_checkpoint(tensors, denoiser.prefix, only_ema=only_ema)
    variant = denoiser.variant or _marked_variant(tensors)
    prediction = tell_prediction(header, family, variant, sidecar)
    kind = CHECKPOINT if _encodes(family, variant, encoders) else DIFFUSION_MODEL
    return Identity(
        kind="upscaler" if family == "sd_x4_upscaler" else kind,
        family=family,
        variant=variant,
        prediction=prediction,
        parameters=parameters,
        dtype=dtype,
        resolution=_resolution(header.metadata, family, prediction.type, variant),
        in_channels=denoiser.in_channels,
        latent_channels=vae_channels or denoiser.latent_channels,
        has_vae=vae_channels is not None,
        text_encoders=encoders,
        context=_width(tensors, "attn2.to_k.weight") if facts_of(family).unet else 0,
    )


def _encodes(family: str, variant: str, encoders: Collection[str]) -> bool:
    """Are these all text encoders that a family, which has to be known, can't do without?"""
    needed = facts_of(family).needed(variant)
    needs = [need for need in needed if need.role.startswith("text_encoder") and not need.optional]
    return bool(family and encoders) and all(set(need.fits) & set(encoders) for need in needs)


def _width(tensors: Mapping[str, TensorInfo], ending: str) -> int:
    """The second side of the first matrix whose name ends so; 0 where there is none."""
    shapes = (info.shape for name, info in tensors.items() if name.endswith(ending))
    return next((shape[1] for shape in shapes if len(shape) == 2), 0)


def _marked_variant(tensors: Mapping[str, TensorInfo]) -> str:
    """SDXL's relatives that sample by EDM's noise levels say so by a tensor, and only by it."""
    if "edm_mean" in tensors:
        return "playground-v2.5"
    return "cosxl" if "edm_vpred.sigma_max" in tensors else ""


def _resolution(metadata: Mapping[str, str], family: str, prediction: str, variant: str) -> int:
    """The side of the native square: what the metadata says, else what the family was trained at."""
    if match := _RESOLUTION.fullmatch(metadata.get("modelspec.resolution", "")):
        width, height = int(match[1]), int(match[2] or match[1])
        if min(width, height) >= 16 and max(width, height) <= 16384:
            return math.isqrt(width * height)
    return default_resolution(family, prediction, variant)


def predicting(identity: Identity, header: Header, prediction: DetectedPrediction) -> Identity:
    """The same checkpoint, once its prediction is known better: its native square may be another then."""
    resolution = _resolution(header.metadata, identity.family, prediction.type, identity.variant)
    return msgspec.structs.replace(identity, prediction=prediction, resolution=resolution)


def default_resolution(family: str, prediction: str, variant: str = "") -> int:
    """The side that the family was trained at, by what it predicts and which of its variants it is."""
    return facts_of(family).side(prediction, variant)


def _weigh_checkpoint(tensors: Mapping[str, TensorInfo], prefix: str, *, only_ema: bool) -> tuple[int, str]:
    """The elements of what generates, and what most of the denoiser is stored as."""
    denoiser: dict[str, int] = {}
    others: dict[str, int] = {}
    for name, info in tensors.items():
        start, end = info.data_offsets
        if name.startswith(prefix):
            denoiser[info.dtype] = denoiser.get(info.dtype, 0) + end - start
        # A name without a dot is a schedule's buffer or a marker, no weight.
        elif "." in name and (only_ema or not name.startswith(EMA_PREFIX)):
            others[info.dtype] = others.get(info.dtype, 0) + end - start
    parameters, dtype = _elements(denoiser)
    return parameters + _elements(others)[0], dtype


def weigh(infos: Iterable[TensorInfo]) -> tuple[int, str]:
    """How many elements there are, and torch's name of the dtype that most of them have."""
    taken: dict[str, int] = {}
    for info in infos:
        start, end = info.data_offsets
        taken[info.dtype] = taken.get(info.dtype, 0) + end - start
    return _elements(taken)


def _elements(taken: Mapping[str, int]) -> tuple[int, str]:
    """The same, of so many bytes of each dtype."""
    elements = {dtype: int(8 * size / _WIDTHS.get(dtype, 8)) for dtype, size in taken.items()}
    if not elements:
        return 0, ""
    most = max(elements, key=lambda dtype: elements[dtype])
    return sum(elements.values()), DTYPES.get(most, most.lower())
