"""Tiny Chromas with the published one's names, in every layout that files come in."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import T5Tokenizer

from imagine.engine.loading.maps import chroma as chroma_map
from imagine.engine.loading.t5_tokenizer import FILE as T5_FILE
from tests.flux_files import TinyFlux, save, spread, t5_tensors, tiny_flux, vae_tensors
from tools.original_layout import original_tensors


def tiny_chroma(seed: int = 0) -> TinyFlux:
    """Its modules, in float32; it has no CLIP."""
    beside = tiny_flux(seed=seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = diffusers.ChromaTransformer2DModel(
            in_channels=64, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=4,
            joint_attention_dim=beside.t5.config.d_model, axes_dims_rope=(4, 6, 6), approximator_num_channels=16,
            approximator_hidden_dim=32, approximator_layers=2,
        )  # fmt: skip
        return beside._replace(transformer=spread(made).eval(), clip=None)


def chroma_pipeline(modules: TinyFlux, folder: Path, kind: Any = diffusers.ChromaPipeline) -> Any:
    """diffusers' own; `folder` is for what its tokenizer is read from."""
    (folder / "tokenizer.json").write_bytes(gzip.decompress(T5_FILE.read_bytes()))
    pipe = kind(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.t5,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        tokenizer=T5Tokenizer.from_pretrained(folder),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_chroma(path: Path, modules: TinyFlux, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given; gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        pipe = chroma_pipeline(modules, path)
        (path / "tokenizer.json").unlink()
        pipe.save_pretrained(path)
        return path
    ours, t5, vae = (
        original_tensors(modules.transformer.state_dict(), chroma_map.LAYOUT), t5_tensors(modules), vae_tensors(modules)
    )  # fmt: skip
    file = path / "chroma.safetensors"
    if layout == "split":
        save(file, ours)
        save(path / "t5xxl.safetensors", t5)
        save(path / "ae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, "text_encoders.t5xxl.transformer.": t5, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file
