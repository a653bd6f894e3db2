"""Tiny FLUX.2s, klein and dev, with the published ones' names, in every layout that files come in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from torch import Tensor
from transformers import Qwen3Config, Qwen3ForCausalLM

from imagine.engine.loading.maps import flux2 as flux2_map
from tests.flux_files import save, spread
from tests.mistral_files import mistral_tensors, mistral_tokenizer, tekken_tensor, tiny_mistral
from tests.qwen_tokenizer import templated
from tools.ldm_layout import vae_tensors
from tools.original_layout import original_tensors

_INSIDE = {"quant_conv.": "encoder.quant_conv.", "post_quant_conv.": "decoder.post_quant_conv."}
_WIDTH = 16
"""Of what the text encoder makes, three times of which is told."""
_KLEIN = ("flux-2-klein-4b", "qwen_3_4b", "qwen3_4b")
_DEV = ("flux2-dev", "mistral_3_small_flux2_bf16", "mistral3_24b")
"""What files are called, and a text encoder within one."""
_UNTHINKING = (
    "{% for said in messages %}<|im_start|>{{ said.role }}\n{{ said.content }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n{% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
)
"""What Qwen3's own template makes of one message of a user."""


class TinyFlux2(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    text: Any
    vae: Any
    dev: bool


@cache
def tiny_flux2(*, dev: bool = False) -> TinyFlux2:
    """`dev`: it takes its guidance as a number, and hears by Mistral."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = diffusers.Flux2Transformer2DModel(
            in_channels=128, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=4,
            joint_attention_dim=3 * _WIDTH, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=dev,
        )  # fmt: skip
        text = tiny_mistral(_WIDTH) if dev else spread(_qwen()).eval()
        return TinyFlux2(_sharp(spread(made)).eval(), text, tiny_vae(), dev)


def _sharp(network: Any) -> Any:
    """Whose attention looks at some tokens more than at others, as a trained one's does, and hears what it is told."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".attn.norm_" in name or "add_v_proj" in name:
                parameter.mul_(5.0)
    return network


def _qwen() -> Any:
    """Of 28 layers, of which the 27th is the last that is asked."""
    config = Qwen3Config(
        vocab_size=151_936, hidden_size=_WIDTH, intermediate_size=24, num_hidden_layers=28, num_attention_heads=2,
        num_key_value_heads=1, head_dim=8, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )  # fmt: skip
    return Qwen3ForCausalLM(config)


def tiny_vae(*, decoder: tuple[int, ...] | None = None) -> Any:
    """Of 32 latents as the published one, whose statistics are far from plain; with a `decoder` of other widths."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = diffusers.AutoencoderKLFlux2(
            block_out_channels=(32, 32, 64, 64), layers_per_block=1, decoder_block_out_channels=decoder
        )
        vae.bn.running_mean.normal_(0.1, 0.3)
        vae.bn.running_var.uniform_(0.3, 2.0)
    return vae.eval()


def flux2_pipeline(modules: TinyFlux2, kind: Any = None) -> Any:
    """diffusers' own."""
    kind = kind or (diffusers.Flux2Pipeline if modules.dev else diffusers.Flux2KleinPipeline)
    pipe = kind(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.text,
        tokenizer=mistral_tokenizer() if modules.dev else templated(_UNTHINKING),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def tokens_of(pipe: Any, unpatchified: Tensor) -> Tensor:
    """Latents that a pipeline ends with, as the denoiser has them."""
    deviation = torch.sqrt(pipe.vae.bn.running_var + pipe.vae.config.batch_norm_eps)
    latents: Tensor = pipe._patchify_latents(unpatchified) - pipe.vae.bn.running_mean[:, None, None]
    return latents / deviation[:, None, None]


def write_flux2(path: Path, modules: TinyFlux2, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given; gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        flux2_pipeline(modules).save_pretrained(path)
        return path
    ours = original_tensors(modules.transformer.state_dict(), flux2_map.LAYOUT)
    named, beside, within = _DEV if modules.dev else _KLEIN
    state = modules.text.state_dict()
    text = {name: tensor for name, tensor in state.items() if not name.startswith("lm_head")}
    text = mistral_tensors(modules.text) | tekken_tensor() if modules.dev else text
    vae, file = original_vae_tensors(modules.vae), path / f"{named}.safetensors"
    if layout == "split":
        save(file, ours)
        save(path / f"{beside}.safetensors", text)
        save(path / "flux2-vae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, f"text_encoders.{within}.transformer.": text, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file


def original_vae_tensors(vae: Any) -> dict[str, Tensor]:
    """Under the names that Black Forest Labs have for them."""
    state = dict(vae.state_dict())
    beside = {name: state.pop(name) for name in list(state) if name.startswith("bn.")}
    made = vae_tensors(state)
    for ours, theirs in _INSIDE.items():
        made = {name.replace(ours, theirs, 1) if name.startswith(ours) else name: one for name, one in made.items()}
    return made | beside
