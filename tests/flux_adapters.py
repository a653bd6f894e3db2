"""Image adapters of FLUX.1 as files, tiny and random, under the names of the published ones, and SigLIP, which sees for
one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.flux.modeling_flux import ReduxImageEncoder
from torch import Tensor
from transformers import SiglipVisionConfig, SiglipVisionModel

from tests.checkpoints import save
from tests.image_adapters import METADATA, PROJECTED

SIDE, WIDTH = 112, 32
"""Of the pictures that SigLIP sees, in 64 patches, and its own."""


def tiny_siglip(seed: int = 0) -> Any:
    """transformers' model."""
    settings = {
        "hidden_size": WIDTH, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2,
        "image_size": SIDE, "patch_size": 14,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SiglipVisionModel(SiglipVisionConfig(**settings)).eval()


def siglip_tensors(model: Any) -> dict[str, Tensor]:
    """As Google publishes them: what makes one of all patches among them, and one of the text model's."""
    return {f"vision_model.{name}": each for name, each in model.state_dict().items()} | {
        "text_model.final_layer_norm.weight": torch.ones(3), "logit_scale": torch.ones(1),
    }  # fmt: skip


def write_siglip(path: Path, model: Any) -> Path:
    save(path, siglip_tensors(model), METADATA)
    return path


def tiny_redux(flux: Any, seed: int = 1) -> ReduxImageEncoder:
    """diffusers' module, beside such a transformer, among whose 512 tokens of text these are to be heard."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = ReduxImageEncoder(redux_dim=WIDTH, txt_in_features=flux.config.joint_attention_dim).eval()
        torch.nn.init.normal_(made.redux_down.weight, std=8.0)
        return made


def write_redux(path: Path, module: ReduxImageEncoder) -> Path:
    save(path, module.state_dict(), {})
    return path


def xlabs_tensors(flux: Any, seed: int = 1, count: int = 4) -> dict[str, Tensor]:
    """Of XLabs' adapter beside such a transformer, which makes so many tokens of a picture."""
    generator, config = torch.Generator().manual_seed(seed), flux.config
    context, inner = config.joint_attention_dim, config.num_attention_heads * config.attention_head_dim

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) / (shape[-1] if len(shape) > 1 else 10) ** 0.5

    made = {
        "ip_adapter_proj_model.proj.weight": drawn(count * context, PROJECTED),
        "ip_adapter_proj_model.proj.bias": drawn(count * context),
        "ip_adapter_proj_model.norm.weight": 1 + drawn(context), "ip_adapter_proj_model.norm.bias": drawn(context),
    }  # fmt: skip
    for block in range(config.num_layers):
        for which in "kv":
            stem = f"double_blocks.{block}.processor.ip_adapter_double_stream_{which}_proj"
            made |= {f"{stem}.weight": drawn(inner, context), f"{stem}.bias": drawn(inner)}
    return made


def write_xlabs(path: Path, tensors: dict[str, Tensor]) -> Path:
    save(path, tensors, {})
    return path
