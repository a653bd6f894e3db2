"""The parts a checkpoint is made of, baked into it or in files of their own: VAEs, text encoders and image encoders."""

from __future__ import annotations

from collections.abc import Mapping

from ..families.table import FAMILIES, family_of_vae
from .header import TensorInfo
from .signatures import Detected, TensorView, rows

_TEXT_ENCODERS = (
    ("clip_l", "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"),
    ("clip_l", "cond_stage_model.transformer.embeddings.position_embedding.weight"),
    ("clip_l", "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight"),
    ("clip_h", "cond_stage_model.model.positional_embedding"),
    ("clip_g", "conditioner.embedders.0.model.positional_embedding"),
    ("clip_g", "conditioner.embedders.1.model.positional_embedding"),
)
_COMFYS = {
    "t5xxl": "t5-xxl", "umt5xxl": "umt5-xxl", "qwen3_06b": "qwen3-0.6b", "qwen3_4b": "qwen3-4b", "qwen3_8b": "qwen3-8b",
    "qwen25_7b": "qwen2.5-vl-7b", "gemma2_2b": "gemma2-2b", "mistral3_24b": "mistral3-24b",
    "ministral3_3b": "ministral3-3b", "pile_t5xl": "pile-t5-xl",
}  # fmt: skip
"""What ComfyUI calls text encoders that it bakes into a checkpoint, where we call the kind otherwise."""
VAE_PREFIXES = ("first_stage_model.", "vae.")
# In a VAE's last layers some are laid out as a plain convolution, some with a wrapped one.
_DECODER_INPUTS = ("decoder.conv_in.weight", "decoder.conv_in.conv.weight", "decoder.conv1.weight")


def text_encoders(tensors: Mapping[str, TensorInfo], family: str) -> tuple[str, ...]:
    """The kinds of the text encoders baked into a checkpoint of `family`, as `clip_l` or `t5-xxl`, sorted."""
    encoders = {encoder for encoder, name in _TEXT_ENCODERS if name in tensors}
    if family == "sd2" and "clip_g" in encoders:  # SD-Turbo names its only one as SDXL's refiner does
        encoders = {"clip_h"}
    if not encoders:
        named = {name.split(".", 2)[1] for name in tensors if name.startswith("text_encoders.")}
        encoders = {_COMFYS.get(name, name) for name in named}
    return tuple(sorted(encoders))


def baked_vae_channels(tensors: Mapping[str, TensorInfo]) -> int | None:
    """The latent channels of the VAE baked into a checkpoint, 0 if they can't be told; None where there is no VAE."""
    for prefix in VAE_PREFIXES:
        for name in _DECODER_INPUTS:
            if info := tensors.get(prefix + name):
                return _input_channels(info.shape)
        if any(name.startswith(prefix + "decoder.") for name in tensors):
            return 0
    return None


def _input_channels(shape: tuple[int, ...]) -> int:
    return shape[1] if len(shape) >= 4 else 0


_IN = "decoder.conv_in.weight"
_GENERIC_VAES = rows(
    ("", "vq", _IN, "quantize.embedding.weight"),
    # SD1, SD2 and SDXL share one topology, of which others have more channels.
    ("", "", (_IN, 4)),
)
# TAESD and its like: a plain stack of numbered layers, whose decoder begins with a convolution of the latents.
_TINY = (
    ("decoder.layers.0.weight", "decoder.layers.2.conv.0.weight"),
    ("decoder.1.weight", "decoder.3.conv.0.weight"),
    ("taesd_decoder.1.weight", "taesd_decoder.3.conv.0.weight"),
    ("1.weight", "3.conv.0.weight"),
)
_INPUTS = (*_DECODER_INPUTS, "decoder.conv_in.conv_s.weight", "decoder_unet.conv_in.weight")


def find_vae(tensors: Mapping[str, TensorInfo]) -> tuple[Detected, int] | None:
    """A VAE in a file of its own and its latent channels, else None."""
    for prefix in ("", *VAE_PREFIXES):
        view = TensorView(tensors, prefix)
        row = view.first_family((each, each.vaes) for each in FAMILIES.values() if each.vaes) or view.first(
            _GENERIC_VAES
        )
        if row is None:
            continue
        channels = next((taken for name in _INPUTS if (taken := _input_channels(view.shape(name)))), 0)
        family = row.family or ("" if row.variant else family_of_vae(channels))
        if prefix or family or view.has("encoder.conv_in.weight"):
            return Detected("vae", family, row.variant), channels
    for first, second in _TINY:
        if first in tensors and second in tensors:
            channels = _input_channels(tensors[first].shape)
            return Detected("vae", family_of_vae(channels), "tiny"), channels
    return None


_FEED, _NORM = "layers.0.pre_feedforward_layernorm.weight", "layers.0.self_attn.q_norm.weight"
_Q, _GATE = "layers.0.self_attn.q_proj.weight", "layers.0.post_attention_layernorm.weight"
_EACH_FAR = "encoder.block.1.layer.0.SelfAttention.relative_attention_bias.weight"
"""What a T5 has whose layers each tell distances apart."""
_TEXT = rows(
    ("clip_g", "", ("embeddings.position_embedding.weight", 1, 1280)),
    ("clip_h", "", ("embeddings.position_embedding.weight", 1, 1024)),
    ("clip_l", "", ("embeddings.position_embedding.weight", 1, 768)),
    ("clip", "", "embeddings.position_embedding.weight"),
    ("clip_g", "", ("transformer.resblocks.0.attn.in_proj_weight", 1, 1280)),
    ("clip_h", "", ("transformer.resblocks.0.attn.in_proj_weight", 1, 1024)),
    ("clip_l", "", ("transformer.resblocks.0.attn.in_proj_weight", 1, 768)),
    ("clip", "", "transformer.resblocks.0.attn.in_proj_weight"),
    ("byt5", "", "encoder.block.0.layer.0.SelfAttention.q.weight", ("shared.weight", 1, 1472)),
    ("umt5-xxl", "", "encoder.block.0.layer.0.SelfAttention.q.weight", ("shared.weight", 0, 256384)),
    ("pile-t5-xl", "", _EACH_FAR, ("shared.weight", 1, 2048)),
    ("t5-xxl", "", ("encoder.block.0.layer.0.SelfAttention.q.weight", 1, 4096)),
    ("t5-xl", "", ("encoder.block.0.layer.0.SelfAttention.q.weight", 1, 2048)),
    ("t5", "", "encoder.block.0.layer.0.SelfAttention.q.weight"),
    ("chatglm3-6b", "", "encoder.layers.0.self_attention.query_key_value.weight"),
    # Language models, by whether they normalise queries or have biases, and by width.
    ("gemma3-12b", "", _FEED, _NORM, (_GATE, 0, 3840)),
    ("gemma3", "", _FEED, _NORM),
    ("gemma2-2b", "", _FEED, (_GATE, 0, 2304)),
    ("gemma2", "", _FEED),
    ("qwen3-0.6b", "", _NORM, (_GATE, 0, 1024)),
    ("qwen3-1.7b", "", _NORM, (_GATE, 0, 2048)),
    ("qwen3-4b", "", _NORM, (_GATE, 0, 2560)),
    ("qwen3-8b", "", _NORM, (_GATE, 0, 4096)),
    ("qwen3", "", _NORM),
    ("qwen2.5-vl-7b", "", ("layers.0.self_attn.k_proj.bias", 0, 512)),
    ("qwen2.5-vl-3b", "", ("layers.0.self_attn.k_proj.bias", 0, 256)),
    ("qwen2.5", "", "layers.0.self_attn.k_proj.bias"),
    ("mistral3-24b", "", _Q, (_GATE, 0, 5120)),
    ("ministral3-3b", "", _Q, (_GATE, 0, 3072)),
    ("llama3-8b", "", _Q, (_GATE, 0, 4096)),
    ("llm", "", _Q),
)  # fmt: skip
_TEXT_PREFIXES = (
    "", "text_model.", "model.", "language_model.model.", "model.language_model.", "transformer.text_model.",
    "transformer.", "transformer.model.",
)  # fmt: skip
_SEES = "visual.blocks.0."
"""In the names of a language model's tensors that sees pictures, too: another was trained, of the same shape."""
_PROJECTIONS = ("text_projection", "text_projection.weight")
_IMAGE = rows(
    ("siglip", "", "vision_model.embeddings.patch_embedding.weight", "vision_model.head.probe"),
    ("siglip", "", "vision_model.embeddings.patch_embedding.bias", "!vision_model.pre_layrnorm.weight"),
    ("clip_vision", "", "vision_model.embeddings.patch_embedding.weight"),
    ("clip_vision", "", "visual.conv1.weight"),
    ("dinov2", "", "embeddings.patch_embeddings.projection.weight"),
)


def find_encoder(tensors: Mapping[str, TensorInfo]) -> Detected | None:
    """A text or image encoder in a file of its own, else None: under its own names, or those it has in a checkpoint."""
    if row := TensorView(tensors).first(_IMAGE):
        return Detected("image-encoder", row.family, row.variant)
    for prefix in _TEXT_PREFIXES:
        if row := TensorView(tensors, prefix).first(_TEXT):
            if row.family.startswith("qwen3") and any(_SEES in name for name in tensors):
                return Detected("text-encoder", row.family.replace("qwen3", "qwen3-vl"), row.variant)
            projects = row.family == "clip" and any(name.endswith(_PROJECTIONS) for name in tensors)
            return Detected("text-encoder", row.family, "projecting" if projects else row.variant)
    baked = {encoder for encoder, name in _TEXT_ENCODERS if name in tensors}
    return Detected("text-encoder", *baked) if len(baked) == 1 else None
