"""Image adapters and their encoders as files, tiny and random, in the layouts of the projects that make them.

`write_image_adapter` writes an IP-Adapter for a U-Net of diffusers', `write_encoder` transformers' CLIP image model,
`write_open_clip` one as OpenCLIP names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from tests.checkpoints import save

WIDTH, PROJECTED, PATCHES, FACE = 32, 24, 4, 512
"""Of the encoder: its own width, its projection's, patches a picture, and numbers of a face."""
HEADS = 2
METADATA = {"imagine.image_attention_heads": str(HEADS)}
KINDS = ("base", "plus", "full-face", "faceid", "faceid-plus")


def tiny_encoder(seed: int = 0, **settings: Any) -> Any:
    """transformers' model: pictures of 28² pixels, in four patches."""
    usual = {
        "hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": HEADS,
        "projection_dim": PROJECTED, "image_size": 28, "patch_size": 14, "hidden_act": "gelu",
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return CLIPVisionModelWithProjection(CLIPVisionConfig(**{**usual, **settings})).eval()


def write_encoder(path: Path, model: Any | None = None, *, prefix: str = "") -> Any:
    """An encoder's file; `prefix` is what it has within an adapter's. Returns the model."""
    model = model or tiny_encoder()
    save(path, {prefix + name: tensor for name, tensor in model.state_dict().items()}, METADATA)
    return model


def open_clip_names(model: Any) -> dict[str, Tensor]:
    """The tensors of such a model as OpenCLIP names and lays them."""
    state, made = model.state_dict(), dict[str, Tensor]()
    simple = {
        "embeddings.class_embedding": "class_embedding", "embeddings.patch_embedding.weight": "conv1.weight",
        "embeddings.position_embedding.weight": "positional_embedding",
        "pre_layrnorm.weight": "ln_pre.weight", "pre_layrnorm.bias": "ln_pre.bias",
        "post_layernorm.weight": "ln_post.weight", "post_layernorm.bias": "ln_post.bias",
    }  # fmt: skip
    for ours, theirs in simple.items():
        made[f"visual.{theirs}"] = state[f"vision_model.{ours}"]
    made["visual.proj"] = state["visual_projection.weight"].t()
    parts = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
             "self_attn.out_proj": "attn.out_proj"}  # fmt: skip
    for layer in range(model.config.num_hidden_layers):
        before, behind = f"vision_model.encoder.layers.{layer}.", f"visual.transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            for ours, theirs in parts.items():
                made[f"{behind}{theirs}.{kind}"] = state[f"{before}{ours}.{kind}"]
            split = [state[f"{before}self_attn.{which}_proj.{kind}"] for which in "qkv"]
            made[f"{behind}attn.in_proj_{kind}"] = torch.cat(split)
    return made


def adapter_tensors(unet: Any, kind: str = "base", *, seed: int = 0, strength: float = 1.0) -> dict[str, Tensor]:
    """The tensors of an IP-Adapter beside a U-Net, in the original layout. `strength` scales what it answers."""
    context = unet.config.cross_attention_dim
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) / (shape[-1] if len(shape) > 1 else 10) ** 0.5

    made = {f"image_proj.{name}": drawn(*shape) for name, shape in _projection(kind, context).items()}
    for name, tensor in made.items():
        if (".norm" in name and name.endswith("weight")) or name.endswith(("proj.3.weight", "1.0.weight")):
            tensor += 1
    for number, attention in enumerate(_attentions(unet)):
        if attention.is_cross_attention:
            for which in ("k", "v"):
                made[f"ip_adapter.{number}.to_{which}_ip.weight"] = drawn(attention.to_k.out_features, context)
            made[f"ip_adapter.{number}.to_v_ip.weight"] *= strength
        if kind.startswith("faceid"):
            for which, layer in (("q", attention.to_q), ("k", attention.to_k), ("v", attention.to_v),
                                 ("out", attention.to_out[0])):  # fmt: skip
                made[f"ip_adapter.{number}.to_{which}_lora.down.weight"] = drawn(4, layer.in_features)
                made[f"ip_adapter.{number}.to_{which}_lora.up.weight"] = drawn(layer.out_features, 4) * 0.3
    return made


def write_image_adapter(
    path: Path, unet: Any, kind: str = "base", *, seed: int = 0, strength: float = 1.0, encoder: Any | None = None
) -> Path:
    """An IP-Adapter's file; with an `encoder`, that lies in it as well, as in Toybox's."""
    tensors: Mapping[str, Tensor] = adapter_tensors(unet, kind, seed=seed, strength=strength)
    if encoder is not None:
        tensors = {**tensors, **{f"image_encoder.{name}": each for name, each in encoder.state_dict().items()}}
    save(path, tensors, METADATA)
    return path


def _attentions(unet: Any) -> list[Any]:
    return [layer for name, layer in unet.named_modules() if name.endswith((".attn1", ".attn2"))]


def _projection(kind: str, context: int) -> dict[str, tuple[int, ...]]:
    if kind == "base":
        count = 4
        return {"proj.weight": (count * context, PROJECTED), "proj.bias": (count * context,),
                "norm.weight": (context,), "norm.bias": (context,)}  # fmt: skip
    if kind == "full-face":
        return {"proj.0.weight": (WIDTH, WIDTH), "proj.0.bias": (WIDTH,), "proj.2.weight": (context, WIDTH),
                "proj.2.bias": (context,), "proj.3.weight": (context,), "proj.3.bias": (context,)}  # fmt: skip
    if kind == "plus":
        inner = 64
        return {"latents": (1, 5, inner), **_resampler("", inner, context)}
    face = {"proj.0.weight": (2 * FACE, FACE), "proj.0.bias": (2 * FACE,), "proj.2.weight": (4 * context, 2 * FACE),
            "proj.2.bias": (4 * context,), "norm.weight": (context,), "norm.bias": (context,)}  # fmt: skip
    return face if kind == "faceid" else {**face, **_resampler("perceiver_resampler.", context, context)}


def _resampler(prefix: str, inner: int, context: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {
        "proj_in.weight": (inner, WIDTH), "proj_in.bias": (inner,), "proj_out.weight": (context, inner),
        "proj_out.bias": (context,), "norm_out.weight": (context,), "norm_out.bias": (context,),
    }  # fmt: skip
    for layer in range(4):
        for norm in ("0.norm1", "0.norm2", "1.0"):
            shapes |= {f"layers.{layer}.{norm}.{kind}": (inner,) for kind in ("weight", "bias")}
        shapes |= {
            f"layers.{layer}.0.to_q.weight": (64, inner), f"layers.{layer}.0.to_kv.weight": (128, inner),
            f"layers.{layer}.0.to_out.weight": (inner, 64), f"layers.{layer}.1.1.weight": (4 * inner, inner),
            f"layers.{layer}.1.3.weight": (inner, 4 * inner),
        }  # fmt: skip
    return {prefix + name: shape for name, shape in shapes.items()}
