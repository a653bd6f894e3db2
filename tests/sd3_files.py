"""Tiny Stable Diffusion 3 models with the published ones' names, in every layout that files come in."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from torch import Tensor
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

from imagine.engine.loading.maps.sd3 import layout_of
from imagine.engine.loading.maps.sd3_controlnet import LAYOUT as CONTROLNET
from imagine.engine.loading.t5_tokenizer import FILE as T5_FILE
from tests.checkpoints import TOKENIZER_FOLDER, save
from tools.original_layout import original_tensors

L, G, T5 = 32, 48, 96
"""What the encoders make for each token."""
KINDS: dict[str, dict[str, Any]] = {
    "3.5 medium": {"dual_attention_layers": (0,), "qk_norm": "rms_norm", "attention_head_dim": 16},
    "3.5 large": {"qk_norm": "rms_norm", "attention_head_dim": 16},
    "3": {"attention_head_dim": 64},
}
_FROM_DENOISER = (
    "sample_size", "patch_size", "attention_head_dim", "num_attention_heads", "joint_attention_dim",
    "caption_projection_dim", "pooled_projection_dim", "pos_embed_max_size", "dual_attention_layers", "qk_norm",
)  # fmt: skip


class TinySD3(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    clips: tuple[Any, Any]
    t5: Any
    vae: Any


def tiny_sd3(kind: str = "3.5 medium", *, blocks: int = 2, seed: int = 0) -> TinySD3:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        settings = KINDS[kind]
        made = diffusers.SD3Transformer2DModel(
            sample_size=8, num_layers=blocks, num_attention_heads=64 // settings["attention_head_dim"],
            joint_attention_dim=T5, caption_projection_dim=64, pooled_projection_dim=L + G, pos_embed_max_size=8,
            **settings,
        )  # fmt: skip
        for parameter in made.parameters():
            if parameter.dim() == 1:
                torch.nn.init.normal_(parameter, 0.2, 0.2)  # whose answer is far from nothing, as a trained one's is
        long = T5Config(
            vocab_size=32_128, d_model=T5, d_ff=64, d_kv=8, num_heads=4, num_layers=2, feed_forward_proj="gated-gelu"
        )
        vae = diffusers.AutoencoderKL(
            latent_channels=16, block_out_channels=(32, 32, 64, 64), layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False,
        )  # fmt: skip
        return TinySD3(made.eval(), (_clip(L, "quick_gelu"), _clip(G, "gelu")), T5EncoderModel(long).eval(), vae.eval())


def _clip(width: int, activation: str) -> Any:
    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=37, num_hidden_layers=3, num_attention_heads=1, projection_dim=width,
        hidden_act=activation,
    )  # fmt: skip
    made = CLIPTextModelWithProjection(config).eval()
    if width == L:
        torch.nn.init.eye_(made.text_projection.weight)  # as it is published: single files haven't it at all
    return made


def sd3_pipeline(
    modules: TinySD3, folder: Path, kind: Any = diffusers.StableDiffusion3Pipeline, *, t5: bool = True, **more: Any
) -> Any:
    """diffusers' own, with `more` networks; `folder` is for what its tokenizer is read from."""
    (folder / "tokenizer.json").write_bytes(gzip.decompress(T5_FILE.read_bytes()))
    end, bang = (
        CLIPTokenizer(str(TOKENIZER_FOLDER / "vocab.json"), str(TOKENIZER_FOLDER / "merges.txt"), model_max_length=77)
        for _ in range(2)
    )
    bang.pad_token = "!"
    pipe = kind(
        transformer=modules.transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=modules.vae, text_encoder=modules.clips[0], tokenizer=end, text_encoder_2=modules.clips[1],
        tokenizer_2=bang, text_encoder_3=modules.t5 if t5 else None,
        tokenizer_3=T5Tokenizer.from_pretrained(folder) if t5 else None, **more,
    )  # fmt: skip
    (folder / "tokenizer.json").unlink()
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_sd3(path: Path, modules: TinySD3, layout: str = "folder", *, t5: bool = True) -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it, or with all under `diffusers` names
    where it has any; `split` files, of which the denoiser's is given. Gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        sd3_pipeline(modules, path, t5=t5).save_pretrained(path)
        return path
    theirs = layout == "diffusers"
    parts = {
        "model.diffusion_model.": dict(modules.transformer.state_dict()) if theirs else original(modules),
        "text_encoders.clip_l.transformer.": _clip_tensors(modules.clips[0], projection=False),
        "text_encoders.clip_g.transformer.": _clip_tensors(modules.clips[1], projection=True),
        "text_encoders.t5xxl.transformer.": _t5_tensors(modules) if t5 else {},
        "vae.": dict(modules.vae.state_dict()),
    }
    file = path / "sd3.safetensors"
    if layout == "split":
        save(file, parts["model.diffusion_model."])
        names = ("clip_l", "clip_g", "t5xxl", "sd3_vae")
        for name, tensors in zip(names, list(parts.values())[1:], strict=True):
            if tensors:
                save(path / f"{name}.safetensors", tensors)
        return file
    save(file, {prefix + name: tensor for prefix, each in parts.items() for name, tensor in each.items()})
    return file


def original(modules: TinySD3, prefix: str = "") -> dict[str, Tensor]:
    """Its denoiser in Stability AI's layout."""
    state = dict(modules.transformer.state_dict())
    places = state.pop("pos_embed.pos_embed")
    blocks = int(modules.transformer.config.num_layers)
    return {f"{prefix}pos_embed": places, **original_tensors(state, layout_of(blocks), prefix)}


def _clip_tensors(clip: Any, *, projection: bool) -> dict[str, Tensor]:
    """With `text_model.` in front, as files have it."""
    tensors = {name.removeprefix("text_model."): each for name, each in clip.state_dict().items()}
    own = {name: each for name, each in tensors.items() if not name.endswith("position_ids")}
    last = own.pop("text_projection.weight")
    return {f"text_model.{name}": each for name, each in own.items()} | (
        {"text_projection.weight": last} if projection else {}
    )


def _t5_tensors(modules: TinySD3) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = dict(modules.t5.state_dict())
    tensors.pop("encoder.embed_tokens.weight", None)
    return tensors


def tiny_sd3_control(
    modules: TinySD3, seed: int = 1, *, blocks: int = 2, text: bool = True, masked: bool = False, **more: Any
) -> Any:
    """A ControlNet beside such a model: one with its own embedding of places, or one that sees no `text` and has none,
    as Stability's are; `masked`: told where to paint."""
    settings: dict[str, Any] = {name: modules.transformer.config[name] for name in _FROM_DENOISER}
    if not text:
        settings |= {
            "joint_attention_dim": None, "use_pos_embed": False, "pos_embed_type": None, "pos_embed_max_size": None,
            "dual_attention_layers": (), "qk_norm": None, "force_zeros_for_pooled_projection": False,
        }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        settings |= {"num_layers": blocks, "extra_conditioning_channels": int(masked)} | more
        made = diffusers.SD3ControlNetModel(**settings)
        for parameter in made.parameters():
            if parameter.dim() == 1:
                torch.nn.init.normal_(parameter, 0.2, 0.2)
            elif not parameter.any():  # it begins with these
                torch.nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        return made.eval().requires_grad_(False)


def write_sd3_control(path: Path, module: Any, layout: str = "diffusers", *, maps: int | None = None) -> Path:
    """Its file: under `diffusers` names, in `stability`'s layout, which says what `maps` it is for; or a `folder`,
    which `path` becomes."""
    if layout == "folder":
        module.save_pretrained(path)
        return path
    tensors = dict(module.state_dict())
    if layout == "stability":
        tensors = original_tensors(tensors, CONTROLNET) | {
            "context_embedder.weight": torch.ones(64, T5)
        }  # as theirs have
    if maps is not None:
        tensors["control_type"] = torch.tensor([maps], dtype=torch.int32)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, tensors)
    return path
