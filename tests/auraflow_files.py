"""Tiny AuraFlows with the published one's names, in every layout that files come in, and Llama's vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from transformers import LlamaTokenizer, UMT5Config, UMT5EncoderModel
from transformers.tokenization_utils_base import generate_merges

from imagine.engine.loading.maps import auraflow as auraflow_map
from tests.flux_files import save, spread
from tests.pixart_files import sdxls_vae
from tools.original_layout import original_tensors

_BYTES = tuple(f"<0x{number:02X}>" for number in range(256))
_JOINED = ("re", "red", "▁red", "fo", "fox", "▁fox", "ho", "us", "hous", "▁hous", "bl", "ue")
PIECES = ("<unk>", "<s>", "</s>", *_BYTES, *_JOINED, *map(chr, range(33, 127)), "▁")
_WIDTH = 32


class TinyAuraFlow(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    t5: Any
    vae: Any


def llama_tokenizer() -> Any:
    """transformers' own."""
    ids = {piece: place for place, piece in enumerate(PIECES)}
    merges = generate_merges(ids, {piece: -float(place) for piece, place in ids.items()})
    return LlamaTokenizer(ids, merges, add_bos_token=False, add_eos_token=True, pad_token="<s>")


def tiny_auraflow(seed: int = 0) -> TinyAuraFlow:
    """For pictures of up to 128²."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = UMT5Config(vocab_size=len(PIECES), d_model=_WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
        t5 = UMT5EncoderModel(config)
        for block in t5.encoder.block:
            torch.nn.init.normal_(block.layer[0].SelfAttention.relative_attention_bias.weight)
        made = diffusers.AuraFlowTransformer2DModel(
            num_mmdit_layers=2, num_single_dit_layers=1, attention_head_dim=_WIDTH, num_attention_heads=1,
            joint_attention_dim=_WIDTH, caption_projection_dim=_WIDTH, pos_embed_max_size=64,
        )  # fmt: skip
        for name, weight in made.named_parameters():  # so that it matters which prompt it is
            if weight.dim() == 2:
                torch.nn.init.normal_(weight, std=1.0 if name.startswith("context") else 0.15)
        return TinyAuraFlow(spread(made).eval(), t5.eval(), sdxls_vae())


def auraflow_pipeline(modules: TinyAuraFlow) -> Any:
    """diffusers' own."""
    pipe = diffusers.AuraFlowPipeline(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.t5, tokenizer=llama_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=1.73),
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def auraflow_tensors(modules: TinyAuraFlow) -> dict[str, torch.Tensor]:
    """The denoiser's, under its makers' names."""
    state = dict(modules.transformer.state_dict())
    beside = {name: state.pop(ours) for ours, name in auraflow_map.BESIDE.items()}
    return original_tensors(state, auraflow_map.LAYOUT) | beside


def write_auraflow(path: Path, modules: TinyAuraFlow, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given, or with diffusers' names in it (`renamed`); gives what it is opened by. Vocabularies lie beside
    the files."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        auraflow_pipeline(modules).save_pretrained(path)
        return path
    ours = auraflow_tensors(modules) if layout != "renamed" else dict(modules.transformer.state_dict())
    t5 = {
        name: each.clone() for name, each in modules.t5.state_dict().items() if not name.endswith("embed_tokens.weight")
    }
    vae, file = dict(modules.vae.state_dict()), path / "auraflow.safetensors"
    said = file if layout == "all" else path / "pile_t5xl.safetensors"
    said.with_suffix(".tokenizer.json").write_text(llama_tokenizer().backend_tokenizer.to_str())
    if layout != "all":
        save(file, ours)
        save(said, t5)
        save(path / "sdxl_vae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, "text_encoders.pile_t5xl.transformer.": t5, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file
