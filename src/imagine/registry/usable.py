"""Whether a file can be drawn with here, told while it is listed; and what has to be said beside its name for that."""

from __future__ import annotations

from collections.abc import Mapping

from imagine.registry.entry import Entry
from imagine.registry.families import facts_of
from imagine.registry.header import TensorInfo
from imagine.registry.identify import CHECKPOINT, Identity

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_FLOAT8 = frozenset({"float8_e4m3fn", "float8_e5m2"})
_SCALES = (".scale_weight", ".weight_scale")
_SCALE_DTYPES = frozenset({"F32", "F16", "BF16"})
_QUANTISED = "its weights are quantised ({}), which isn't supported"
UNTOLD = "its tensors aren't those of any model that is known here"

USES: Mapping[str, str] = {
    "vae": "with a model, as its vae",
    "diffusion-model": "not alone: its text encoders are missing",
    "lora": "no: LoRAs can't be applied yet",
    "controlnet": "no: ControlNets can't be applied yet",
    "ip-adapter": "no: IP-Adapters can't be applied yet",
    "embedding": "no: embeddings can't be applied yet",
    "hypernetwork": "no: hypernetworks can't be applied",
    "upscaler": "no: upscalers can't be run yet",
    "text-encoder": "no: a text encoder draws nothing alone",
    "image-encoder": "no: an image encoder draws nothing alone",
    "motion-module": "no: motion modules make videos",
    "style-model": "no: style models can't be applied yet",
    "gligen": "no: GLIGEN can't be applied yet",
}
"""What can be done with each kind of file but a checkpoint, in a clause."""
_NEEDED = {
    "vae": "with a VAE only: put one beside it as NAME.vae.safetensors, or name one as vae",
    "img": "with a picture to start from only",
}
"""What can be done with a checkpoint that needs more than a prompt, by the field that it needs."""


def problem_of(identity: Identity, tensors: Mapping[str, TensorInfo]) -> str | None:
    """One clause that says why a single file of this `identity` can't be used as what it is, or None."""
    if identity.kind == "unknown":
        return UNTOLD
    if identity.kind != CHECKPOINT:
        return None
    facts = facts_of(identity.family)
    if not facts.single_file:
        return f"a whole {identity.family or 'unknown'} model in one file isn't supported; its diffusers folder may be"
    if identity.variant in facts.refused:
        return facts.refused[identity.variant]
    if identity.prediction.type not in ("epsilon", "v_prediction"):
        return f"it predicts '{identity.prediction.type}', which isn't supported for its family"
    if identity.in_channels not in (identity.latent_channels, 2 * identity.latent_channels + 1):
        return f"its U-Net takes {identity.in_channels} channels, which no way of drawing here gives"
    return _quantised(identity, tensors)


def use_of(entry: Entry) -> str:
    """What can be done with a file, in a clause."""
    if entry.problem:
        return f"no: {entry.problem}"
    need = next((_NEEDED[need] for need in entry.needs if need in _NEEDED), None)
    return need or USES.get(entry.kind, "yes")


def needs_of(identity: Identity) -> tuple[str, ...]:
    """The fields that a request must say for this checkpoint to be drawn with."""
    return ("vae",) if identity.kind == CHECKPOINT and not identity.has_vae else ()


def _quantised(identity: Identity, tensors: Mapping[str, TensorInfo]) -> str | None:
    if identity.dtype in _FLOATS:
        return None
    if identity.dtype not in _FLOAT8:
        return _QUANTISED.format(identity.dtype)
    for name, info in tensors.items():
        if name.endswith(_SCALES) and info.dtype not in _SCALE_DTYPES:
            return _QUANTISED.format(f"scales of {info.dtype}")
        if name.endswith((".weight_scale_2", ".pre_quant_scale")):
            return _QUANTISED.format("scales of scales")
    return None
