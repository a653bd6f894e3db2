"""Tiny models of transformers with the published ones' names, in every layout that files come in."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from imagine.engine.loading.maps import flux as flux_map
from imagine.engine.loading.t5_tokenizer import FILE as T5_FILE
from tests.checkpoints import TOKENIZER_FOLDER
from tools.original_layout import original_tensors

_WIDTH = 32
"""Of what text encoders make."""


class TinyFlux(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    clip: Any
    t5: Any
    vae: Any


def tiny_flux(*, told: bool = True, taken: int = 64, seed: int = 0) -> TinyFlux:
    """`told`: it takes its guidance as a number, as dev does; `taken`: channels of a token, 384 of Fill."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = diffusers.FluxTransformer2DModel(
            in_channels=taken, out_channels=64, num_layers=2, num_single_layers=2, attention_head_dim=16,
            num_attention_heads=4, joint_attention_dim=_WIDTH, pooled_projection_dim=_WIDTH, guidance_embeds=told,
            axes_dims_rope=(4, 6, 6),
        )  # fmt: skip
        return TinyFlux(spread(made).eval(), _clip(), _t5(), _vae())


def spread(network: Any) -> Any:
    """Whose answer to one step is far from nothing, as a trained one's is."""
    for parameter in network.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, 0.2, 0.2)
    return network


def _clip() -> Any:
    config = CLIPTextConfig(
        hidden_size=_WIDTH, intermediate_size=37, num_hidden_layers=2, num_attention_heads=1, projection_dim=_WIDTH
    )
    return CLIPTextModel(config).eval()


def _t5() -> Any:
    config = T5Config(
        vocab_size=32_128, d_model=_WIDTH, d_ff=64, d_kv=8, num_heads=4, num_layers=2, feed_forward_proj="gated-gelu"
    )
    return T5EncoderModel(config).eval()


def _vae() -> Any:
    return diffusers.AutoencoderKL(
        latent_channels=16, block_out_channels=(32, 32, 64, 64), norm_num_groups=32, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.3611, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False,
    ).eval()  # fmt: skip


def flux_pipeline(modules: TinyFlux, folder: Path, kind: Any = diffusers.FluxPipeline) -> Any:
    """diffusers' own; `folder` is for what its tokenizer is read from."""
    (folder / "tokenizer.json").write_bytes(gzip.decompress(T5_FILE.read_bytes()))
    clip = CLIPTokenizer(
        str(TOKENIZER_FOLDER / "vocab.json"), str(TOKENIZER_FOLDER / "merges.txt"), model_max_length=77
    )
    dynamic = modules.transformer.config.guidance_embeds
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=dynamic, shift=3.0 if dynamic else 1.0)
    pipe = kind(
        transformer=modules.transformer, scheduler=scheduler, vae=modules.vae, text_encoder=modules.clip,
        tokenizer=clip, text_encoder_2=modules.t5, tokenizer_2=T5Tokenizer.from_pretrained(folder),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_flux(path: Path, modules: TinyFlux, layout: str = "folder", kind: Any = diffusers.FluxPipeline) -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given; gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        pipe = flux_pipeline(modules, path, kind)
        (path / "tokenizer.json").unlink()
        pipe.save_pretrained(path)
        return path
    ours = original_tensors(modules.transformer.state_dict(), flux_map.LAYOUT)
    if layout == "split":
        for name, tensors in (("flux", ours), ("clip_l", _clip_tensors(modules)), ("t5xxl", t5_tensors(modules)),
                              ("ae", vae_tensors(modules))):  # fmt: skip
            save(path / f"{name}.safetensors", tensors)
        return path / "flux.safetensors"
    prefixes = {
        "model.diffusion_model.": ours, "text_encoders.clip_l.transformer.": _clip_tensors(modules),
        "text_encoders.t5xxl.transformer.": t5_tensors(modules), "vae.": vae_tensors(modules),
    }  # fmt: skip
    file = path / "flux.safetensors"
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file


def map_lora(transformer: Any, seed: int = 1, rank: int = 4) -> dict[str, torch.Tensor]:
    """What Canny and Depth are as LoRAs, under diffusers' names: beside every linear map, with a bias, of which the
    first takes a map's tokens behind the latents', and norms' own weights. Layers that are one in the original share
    what they take."""
    tensors, generator = {}, torch.Generator().manual_seed(seed)
    for name, module in transformer.named_modules():
        if isinstance(module, torch.nn.RMSNorm):
            tensors[f"{name}.weight"] = 1 + 0.3 * torch.randn(module.weight.shape, generator=generator)
        if isinstance(module, torch.nn.Linear):
            taken, made = module.in_features * (2 if name == "x_embedder" else 1), module.out_features
            down = torch.randn(rank, taken, generator=torch.Generator().manual_seed(taken))
            up = torch.randn(made, rank, generator=generator) * 0.3 * float(module.weight.detach().std()) / rank**0.5
            tensors |= {f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}
            tensors[f"{name}.lora_B.bias"] = 0.05 * torch.randn(made, generator=generator)
    return tensors


def original_map_lora(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same under Black Forest Labs' names."""
    made = {name.replace(".lora_B", ""): each for name, each in tensors.items() if ".lora_A." not in name}
    originals = original_tensors(made, flux_map.LAYOUT)
    state = {_of_lora(name): each for name, each in originals.items()}
    layers = flux_map.LAYOUT.originals([name.rpartition(".")[0] for name in made])
    downs = {original: tensors.get(f"{names[0]}.lora_A.weight") for original, names in layers}
    return state | {f"{original}.lora_A.weight": down for original, down in downs.items() if down is not None}


def _of_lora(name: str) -> str:
    layer, _, parameter = name.rpartition(".")
    return name if parameter == "scale" else f"{layer}.lora_B.{parameter}"


def with_map(modules: TinyFlux, tensors: dict[str, torch.Tensor]) -> TinyFlux:
    """What such a LoRA makes of a model: one that takes a map beside the latents."""
    made, state = tiny_flux(taken=128).transformer, dict(modules.transformer.state_dict())
    first = state["x_embedder.weight"]
    state["x_embedder.weight"] = torch.cat([first, torch.zeros_like(first)], 1)
    for name, each in tensors.items():
        layer, _, part = name.partition(".lora_")
        if part == "B.weight":
            state[f"{layer}.weight"] = state[f"{layer}.weight"] + each @ tensors[f"{layer}.lora_A.weight"]
        elif part == "B.bias":
            state[f"{layer}.bias"] = state[f"{layer}.bias"] + each
        elif not part:
            state[name] = each
    made.load_state_dict(state)
    return modules._replace(transformer=made)


def save(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, path)


def _clip_tensors(modules: TinyFlux) -> dict[str, torch.Tensor]:
    """With `text_model.` in front, as files have it."""
    tensors = {name.removeprefix("text_model."): tensor for name, tensor in modules.clip.state_dict().items()}
    return {f"text_model.{name}": tensor for name, tensor in tensors.items() if not name.endswith("position_ids")}


def t5_tensors(modules: TinyFlux) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = dict(modules.t5.state_dict())
    tensors.pop("encoder.embed_tokens.weight", None)
    return tensors


def vae_tensors(modules: TinyFlux) -> dict[str, torch.Tensor]:
    """Under diffusers' names, which files have as well as the original's."""
    return dict(modules.vae.state_dict())
