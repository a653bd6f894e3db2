"""The parts a checkpoint is made of, baked into it or in files of their own: VAEs and text encoders; and upscalers."""

from __future__ import annotations

from collections.abc import Mapping

from imagine.registry.adapters import Found
from imagine.registry.header import TensorInfo

_TEXT_ENCODERS = (
    ("clip_l", "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight"),
    ("clip_l", "cond_stage_model.transformer.embeddings.position_embedding.weight"),
    ("clip_l", "conditioner.embedders.0.transformer.text_model.embeddings.position_embedding.weight"),
    ("clip_h", "cond_stage_model.model.positional_embedding"),
    ("clip_g", "conditioner.embedders.0.model.positional_embedding"),
    ("clip_g", "conditioner.embedders.1.model.positional_embedding"),
)
_VAE_PREFIXES = ("first_stage_model.", "vae.")
# In a VAE's last layers some are laid out as a plain convolution, some with a wrapped one.
_DECODER_INPUTS = ("decoder.conv_in.weight", "decoder.conv_in.conv.weight", "decoder.conv1.weight")


def text_encoders(tensors: Mapping[str, TensorInfo]) -> tuple[str, ...]:
    """The names of the text encoders baked into a checkpoint, as `clip_l` or `t5xxl`, sorted."""
    found = {encoder for encoder, name in _TEXT_ENCODERS if name in tensors}
    if not found:
        found = {name.split(".", 2)[1] for name in tensors if name.startswith("text_encoders.")}
    return tuple(sorted(found))


def baked_vae_channels(tensors: Mapping[str, TensorInfo]) -> int | None:
    """The latent channels of the VAE baked into a checkpoint, 0 if they can't be told; None where there is no VAE."""
    for prefix in _VAE_PREFIXES:
        for name in _DECODER_INPUTS:
            if info := tensors.get(prefix + name):
                return _input_channels(info)
        if any(name.startswith(prefix + "decoder.") for name in tensors):
            return 0
    return None


def _input_channels(info: TensorInfo) -> int:
    return info.shape[1] if len(info.shape) >= 4 else 0


def find_vae(tensors: Mapping[str, TensorInfo]) -> tuple[Found, int] | None:
    """A VAE in a file of its own and its latent channels, else None.

    SD1, SD2 and SDXL share one topology, so a 4-channel VAE's family is told as "".
    """
    for prefix in ("", *_VAE_PREFIXES):
        decoder = tensors.get(prefix + "decoder.conv_in.weight")
        if decoder and (prefix or prefix + "encoder.conv_in.weight" in tensors):
            channels = _input_channels(decoder)
            if prefix + "bn.running_mean" in tensors:
                return ("vae", "flux2", ""), channels
            return ("vae", {16: "flux", 32: "flux2"}.get(channels, ""), ""), channels
    if "decoder.middle.0.residual.0.gamma" in tensors:
        decoder = tensors.get("decoder.conv1.weight")
        return ("vae", "wan", ""), _input_channels(decoder) if decoder else 0
    if "decoder.stages.1.op_list.0.main.conv.conv.bias" in tensors:
        return ("vae", "sana", ""), 0
    return _find_tiny_vae(tensors)


def _find_tiny_vae(tensors: Mapping[str, TensorInfo]) -> tuple[Found, int] | None:
    """TAESD and its like: a plain stack of numbered layers, whose decoder begins with a convolution of the latents."""
    for first, second in (
        ("decoder.layers.0.weight", "decoder.layers.2.conv.0.weight"),
        ("decoder.1.weight", "decoder.3.conv.0.weight"),
        ("taesd_decoder.1.weight", "taesd_decoder.3.conv.0.weight"),
        ("1.weight", "3.conv.0.weight"),
    ):
        if first in tensors and second in tensors:
            return ("vae", "", "tiny"), _input_channels(tensors[first])
    return None


_UPSCALERS = (
    ("esrgan", ("conv_first.weight", "body.0.rdb1.conv1.weight")),
    ("esrgan", ("model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight")),
    ("hat", ("conv_first.weight", "layers.0.residual_group.overlap_attn.relative_position_bias_table")),
    ("swinir", ("conv_first.weight", "layers.0.residual_group.blocks.0.attn.relative_position_bias_table")),
    ("swin2sr", ("conv_first.weight", "layers.0.residual_group.blocks.0.attn.logit_scale")),
    ("dat", ("conv_first.weight", "layers.0.blocks.0.attn.qkv.weight")),
    ("span", ("conv_1.sk.weight", "block_1.c1_r.sk.weight")),
    ("omnisr", ("input.weight", "residual_layer.0.residual_layer.0.layer.0.fn.0.weight")),
    ("compact", ("body.0.weight", "body.1.weight", "body.2.weight")),
)


def find_upscaler(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """A network that enlarges pictures, by its architecture, else None."""
    for prefix in ("", "params_ema.", "params.", "module."):
        for architecture, names in _UPSCALERS:
            if all(prefix + name in tensors for name in names):
                return "upscaler", architecture, ""
    return None


_LONE_ENCODERS = (
    ("image-encoder", "clip_vision", "vision_model.embeddings.patch_embedding.weight"),
    ("image-encoder", "clip_vision", "visual.conv1.weight"),
    ("text-encoder", "clip", "text_model.embeddings.position_embedding.weight"),
    ("text-encoder", "clip", "transformer.resblocks.0.attn.in_proj_weight"),
    ("text-encoder", "t5", "encoder.block.0.layer.0.SelfAttention.q.weight"),
    ("text-encoder", "llm", "model.layers.0.self_attn.q_proj.weight"),
    ("text-encoder", "llm", "model.language_model.layers.0.self_attn.q_proj.weight"),
)
_CLIP_BY_WIDTH = {768: "clip_l", 1024: "clip_h", 1280: "clip_g"}


def find_encoder(tensors: Mapping[str, TensorInfo]) -> Found | None:
    """A text or image encoder in a file of its own, else None."""
    for kind, family, name in _LONE_ENCODERS:
        if info := tensors.get(name):
            if family == "clip" and info.shape:
                family = _CLIP_BY_WIDTH.get(info.shape[-1], "clip")
            return kind, family, ""
    return None
