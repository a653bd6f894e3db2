"""Tiny PixArt-Sigmas with the published one's names, in every layout that files come in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from transformers import T5Tokenizer

from imagine.engine.loading.maps import pixart as pixart_map
from imagine.engine.loading.t5_tokenizer import FILE as T5_FILE
from tests.flux_files import save, spread, t5_tensors, tiny_flux, vae_tensors
from tools.original_layout import original_tensors

_OLD = {"_class_name": "Transformer2DModel", "double_self_attention": False, "only_cross_attention": False}
"""What the published folder's denoiser says: it was of a class that diffusers has parted since."""


class TinyPixArt(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    t5: Any
    vae: Any


def tiny_pixart(seed: int = 0, *, layers: int = 2) -> TinyPixArt:
    """For pictures of 64²: what places its tokens have at other sizes, it makes as the published one does."""
    t5 = tiny_flux(seed=seed).t5
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = diffusers.PixArtTransformer2DModel(
            num_layers=layers, num_attention_heads=16, attention_head_dim=4, cross_attention_dim=64,
            caption_channels=t5.config.d_model, use_additional_conditions=False,
        )  # fmt: skip
        return TinyPixArt(spread(made).eval(), t5, sdxls_vae())


def sdxls_vae() -> Any:
    """A tiny one of its kind."""
    return diffusers.AutoencoderKL(
        latent_channels=4, block_out_channels=(32, 32, 64, 64), norm_num_groups=32, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, scaling_factor=0.13025,
    ).eval()  # fmt: skip


def pixart_pipeline(modules: TinyPixArt, folder: Path, kind: Any = diffusers.PixArtSigmaPipeline) -> Any:
    """diffusers' own; `folder` is for what its tokenizer is read from."""
    (folder / "tokenizer.json").write_bytes(gzip.decompress(T5_FILE.read_bytes()))
    pipe = kind(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.t5,
        scheduler=diffusers.DPMSolverMultistepScheduler(), tokenizer=T5Tokenizer.from_pretrained(folder),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def pixart_tensors(modules: TinyPixArt) -> dict[str, torch.Tensor]:
    """The denoiser's, under its makers' names, with what lies beside them in their files."""
    state, blocks = dict(modules.transformer.state_dict()), len(modules.transformer.transformer_blocks)
    moved = pixart_map.tables({f"blocks.{place}.scale_shift_table": (6, 64) for place in range(blocks)})
    beside = {name: state.pop(ours) for ours, name in moved.items()}
    return original_tensors(state, pixart_map.LAYOUT) | beside | {
        "pos_embed": torch.zeros(1, 64 * 64, 64), "y_embedder.y_embedding": torch.zeros(300, 32),
    }  # fmt: skip


def write_pixart(path: Path, modules: TinyPixArt, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given, or with diffusers' names in it (`renamed`); gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        pipe = pixart_pipeline(modules, path)
        (path / "tokenizer.json").unlink()
        pipe.save_pretrained(path)
        config = path / "transformer" / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | _OLD))
        return path
    ours = pixart_tensors(modules) if layout != "renamed" else dict(modules.transformer.state_dict())
    t5, vae, file = t5_tensors(modules), vae_tensors(modules), path / "pixart.safetensors"
    if layout != "all":
        save(file, ours)
        save(path / "t5xxl.safetensors", t5)
        save(path / "sdxl_vae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, "text_encoders.t5xxl.transformer.": t5, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file
