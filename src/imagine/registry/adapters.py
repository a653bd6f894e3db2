"""What is added to a checkpoint, LoRAs apart: ControlNets, IP-Adapters, motion modules, embeddings and the like.

The names are those of the projects that made each: ControlNet, T2I-Adapter, IP-Adapter, AnimateDiff, GLIGEN, Flux tools
and diffusers' classes (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping

from ..families.table import FAMILIES, family_of_context
from .header import TensorInfo
from .loras import stated_family
from .signatures import Detected, Row, TensorView, rows

_CONTROLNETS = rows(
    # Control-LoRA: a marker of its own beside the low-rank halves; ControlNet-XS: an adapter, or grown into its U-Net.
    ("", "control-lora", "lora_controlnet"),
    ("", "xs", "control_to_base_for_conv_in.weight"),
    ("", "xs", "control_model.input_blocks.0.0.weight", "control_model.enc_zero_convs_out.0.weight"),
    ("", "union", "controlnet_cond_embedding.conv_in.weight", "control_add_embedding.linear_1.weight"),
    ("", "union", "task_embedding", "transformer_layes.0.attn.in_proj_weight"),
    ("", "sparse", "controlnet_cond_embedding.weight", "controlnet_mid_block.weight"),
    ("", "", "control_model.input_hint_block.0.weight"),
    ("", "", "control_model.time_embed.0.weight"),
    ("", "", "controlnet_cond_embedding.conv_in.weight"),
    ("", "", "input_hint_block.0.weight", "input_blocks.0.0.weight"),
)
_LEFT = rows(
    ("", "", "controlnet_blocks.0.weight"),
    ("", "t2i-adapter", "body.0.block1.weight"),
    ("", "t2i-adapter", "adapter.body.0.resnets.0.block1.weight"),
    ("", "t2i-adapter", "body.0.body.0.block1.weight"),
)

_KEY = "ip_adapter.1.to_k_ip.weight"
_IP_ADAPTERS = rows(
    ("", "faceid-plus", "image_proj.perceiver_resampler.latents"),
    ("", "faceid-plus", "image_proj.perceiver_resampler.proj_in.weight"),
    ("", "instantid", "image_proj.latents", ("image_proj.proj_in.weight", 1, 512)),
    ("", "timed", "image_proj.latents", "image_proj.time_embedding.linear_1.weight"),
    ("", "plus", "image_proj.latents"),
    ("", "full-face", "image_proj.proj.3.weight"),
    ("", "faceid", "image_proj.proj.0.weight", "image_proj.norm.weight", "ip_adapter.0.to_q_lora.down.weight"),
    ("", "faceid", "ip_adapter.0.to_q_lora.down.weight"),
    ("", "faceid-portrait", "image_proj.proj.0.weight", "image_proj.norm.weight", "image_proj.proj.2.weight"),
    ("", "", "image_proj.proj.weight"),
    ("", "", _KEY),
)  # fmt: skip

_GENERIC = {"controlnet": (_CONTROLNETS, _LEFT), "ip-adapter": (_IP_ADAPTERS, ())}
_KINDS = ("controlnet", "ip-adapter", "motion-module", "style-model", "gligen")
"""In the order that they are looked for."""
_HYPERNETWORK_WIDTHS = ("320", "640", "768", "1024", "1280")
_MAX_VECTORS = 256


def find_adapter(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> Detected | None:
    """What is added to a checkpoint and is neither a LoRA nor an embedding, else None.

    Its family is told by shapes, and where these are nobody's by what its metadata states.
    """
    view = TensorView(tensors)
    for kind in _KINDS:
        if row := _row_of(kind, view):
            family = row.family or (_ip_family(view) if kind == "ip-adapter" else _family_of(view))
            return Detected(kind, family or stated_family(metadata), row.variant)
    return _find_hypernetwork(tensors)


def _row_of(kind: str, view: TensorView) -> Row | None:
    """What tells it: a project's own manner, then the families' rows, then what is left when no family knows it."""
    families = ((each, each.adapters[kind]) for each in FAMILIES.values() if kind in each.adapters)
    before, after = _GENERIC.get(kind, ((), ()))
    return view.first(before) or view.first_family(families) or view.first(after)


def _family_of(view: TensorView) -> str:
    """Which U-Net a ControlNet goes with: by its size embedding, then by the conditioning that it attends to."""
    names = [name.removeprefix("control_model.") for name in view.tensors]
    if any(name.startswith(("label_emb.0.", "add_embedding.linear_1.", "base_add_embedding.")) for name in names):
        return "sdxl"
    for name, info in view.tensors.items():
        # A low-rank half ends in .down, and its width is the same.
        if name.endswith(("attn2.to_k.weight", "attn2.to_k.down")) and len(info.shape) == 2:
            return family_of_context(info.shape[1]) or _by_projection(view)
    return _by_projection(view)


def _by_projection(view: TensorView) -> str:
    for prefix in ("control_model.", ""):
        for first in ("input_blocks.1.1.", "down_blocks.0.attentions.0."):
            if projection := view.shape(f"{prefix}{first}proj_in.weight"):
                return "stable_diffusion" if len(projection) == 4 else "sd2"
    return ""


def _ip_family(view: TensorView) -> str:
    made, context = (*view.shape(_KEY), 0, 0)[:2]
    if context == 4096 or made in (2432, 3072):
        return "sd3.5" if made == 2432 else "flux"
    return family_of_context(context)


def _find_hypernetwork(tensors: Mapping[str, TensorInfo]) -> Detected | None:
    """A1111's: pairs of small networks, under the width of the conditioning or of the latents that each changes."""
    widths = {name.partition(".")[0] for name in tensors}
    if not tensors or not widths <= set(_HYPERNETWORK_WIDTHS) or len(widths) == len(tensors):
        return None
    family = next((family_of_context(int(w)) for w in ("1024", "768") if w in widths), "")
    return Detected("hypernetwork", family)


def embedding_width(tensors: Mapping[str, TensorInfo]) -> int:
    """How many numbers a vector of an embedding is, those for each text encoder together."""
    return sum({info.shape[-1] for info in tensors.values() if info.shape})


def find_embedding(tensors: Mapping[str, TensorInfo]) -> Detected | None:
    """A textual-inversion embedding: vectors for a few words, for each text encoder, and nothing else; else None."""
    if not tensors or len(tensors) > _MAX_VECTORS:
        return None
    if any(len(info.shape) not in (1, 2) or info.elements == 0 for info in tensors.values()):
        return None
    if {"clip_g", "text_encoders_1"} & set(tensors):
        return Detected("embedding", "sd3" if "t5xxl" in tensors else "sdxl")
    widths = {info.shape[-1] for info in tensors.values()}
    few = all(len(info.shape) == 1 or info.shape[0] <= _MAX_VECTORS for info in tensors.values())
    name = next(iter(tensors))
    named = name in {"emb_params", "clip_l", "text_encoders_0"} or name.startswith("string_to_param.")
    if not few or len(widths) != 1 or any(name.endswith((".weight", ".bias")) for name in tensors):
        return Detected("embedding") if named and len(tensors) == 1 else None
    family = family_of_context(widths.pop())
    if not (named or family):
        return None
    return Detected("embedding", "sdxl" if family == "sdxl_refiner" else family)
