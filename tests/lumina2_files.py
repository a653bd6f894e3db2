"""Tiny Lumina 2s with the published one's names, in every layout that files come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch

from imagine.engine.loading.maps import lumina2 as lumina2_map
from tests.flux_files import save, spread, tiny_flux
from tests.gemma_files import gemma_tensors, gemma_tokenizer, tiny_gemma
from tools.original_layout import original_tensors


class TinyLumina2(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    gemma: Any
    vae: Any


def tiny_lumina2(seed: int = 0) -> TinyLumina2:
    gemma = tiny_gemma()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = diffusers.Lumina2Transformer2DModel(
            hidden_size=72, num_layers=2, num_refiner_layers=1, num_attention_heads=3, num_kv_heads=1, multiple_of=16,
            axes_dim_rope=(8, 8, 8), cap_feat_dim=gemma.config.hidden_size,
        )  # fmt: skip
        heard = made.time_caption_embed.caption_embedder[1].weight
        torch.nn.init.normal_(heard, std=1.0)  # so that it matters which prompt it is
        return TinyLumina2(spread(made).eval(), gemma, tiny_flux(seed=seed).vae)


def lumina2_pipeline(modules: TinyLumina2) -> Any:
    """diffusers' own."""
    pipe = diffusers.Lumina2Pipeline(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.gemma, tokenizer=gemma_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=6.0),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_lumina2(path: Path, modules: TinyLumina2, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given; gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        lumina2_pipeline(modules).save_pretrained(path)
        return path
    ours = original_tensors(modules.transformer.state_dict(), lumina2_map.LAYOUT)
    ours |= {"norm_final.weight": torch.ones(72)}  # which nothing asks
    gemma, vae, file = gemma_tensors(modules.gemma), dict(modules.vae.state_dict()), path / "lumina_2.safetensors"
    if layout == "split":
        save(file, ours)
        save(path / "gemma_2_2b.safetensors", gemma)
        save(path / "ae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, "text_encoders.gemma2_2b.transformer.": gemma, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file
