"""Tiny SANAs with the published one's names, in every layout that files come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch

from imagine.engine.loading.maps import sana as sana_map
from tests.flux_files import save, spread
from tests.gemma_files import gemma_tensors, gemma_tokenizer, tiny_gemma
from tools.original_layout import original_tensors

_BLOCKS = ("ResBlock",) * 5 + ("EfficientViTBlock",)
_SCALES = ((),) * 5 + ((5,),)


class TinySana(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    gemma: Any
    vae: Any


def tiny_sana(seed: int = 0, **settings: Any) -> TinySana:
    """For pictures of 128², of sixteen latents; `settings` are its transformer's."""
    gemma = tiny_gemma()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = diffusers.SanaTransformer2DModel(
            in_channels=32, out_channels=settings.pop("out_channels", 32), num_layers=2, num_attention_heads=2,
            attention_head_dim=32, num_cross_attention_heads=1, cross_attention_head_dim=64, cross_attention_dim=64,
            caption_channels=gemma.config.hidden_size, sample_size=4, **settings,
        )  # fmt: skip
        vae = diffusers.AutoencoderDC(
            latent_channels=32, attention_head_dim=32, encoder_block_types=_BLOCKS, decoder_block_types=_BLOCKS,
            encoder_block_out_channels=(8, 16, 16, 32, 32, 32), decoder_block_out_channels=(8, 16, 16, 32, 32, 32),
            encoder_qkv_multiscales=_SCALES, decoder_qkv_multiscales=_SCALES, encoder_layers_per_block=(1,) * 6,
            decoder_layers_per_block=(2, 1, 1, 1, 1, 1), downsample_block_type="conv",
            upsample_block_type="interpolate", scaling_factor=0.41407,
        )  # fmt: skip
        return TinySana(spread(made).eval(), gemma, vae.eval())


def sana_pipeline(modules: TinySana) -> Any:
    """diffusers' own."""
    scheduler = diffusers.DPMSolverMultistepScheduler(
        use_flow_sigmas=True, flow_shift=3.0, prediction_type="flow_prediction"
    )
    pipe = diffusers.SanaPipeline(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.gemma, tokenizer=gemma_tokenizer(),
        scheduler=scheduler,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def sana_tensors(modules: TinySana) -> dict[str, torch.Tensor]:
    """The denoiser's, under its makers' names, with what lies beside them in their files."""
    state = dict(modules.transformer.state_dict())
    moved = sana_map.tables(len(modules.transformer.transformer_blocks))
    beside = {name: state.pop(ours) for ours, name in moved.items()}
    return original_tensors(state, sana_map.LAYOUT) | beside | {
        "pos_embed": torch.zeros(1, 16, 64), "y_embedder.y_embedding": torch.zeros(300, 32),
    }  # fmt: skip


def write_sana(path: Path, modules: TinySana, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; `split` files, of which the denoiser's is given, or with
    diffusers' names in it (`renamed`); one file with `all` of it; gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        sana_pipeline(modules).save_pretrained(path)
        return path
    ours = sana_tensors(modules) if layout != "renamed" else dict(modules.transformer.state_dict())
    gemma, vae, file = gemma_tensors(modules.gemma), dict(modules.vae.state_dict()), path / "sana.safetensors"
    if layout != "all":
        save(file, ours)
        save(path / "gemma_2_2b.safetensors", gemma)
        save(path / "sana_vae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, "text_encoders.gemma2_2b.transformer.": gemma, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file
