"""Tiny Z-Images with the published one's names, in every layout that files come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from transformers import Qwen3Config, Qwen3Model

from imagine.engine.loading.maps import z_image as z_image_map
from tests.flux_files import save, spread, tiny_flux
from tests.qwen_tokenizer import templated
from tools.original_layout import original_tensors

_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen3's, as far as it says anything of who asks once."""


class TinyZImage(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    qwen: Any
    vae: Any


def tiny_qwen(*, width: int = 32, layers: int = 3) -> Any:
    config = Qwen3Config(
        vocab_size=151_936, hidden_size=width, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )  # fmt: skip
    return spread(Qwen3Model(config)).eval()


def tiny_z_image(seed: int = 0, *, heard: int = 32) -> TinyZImage:
    """`heard`: how wide what its text encoder makes is."""
    vae = tiny_flux(seed=seed).vae
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = diffusers.ZImageTransformer2DModel(
            dim=48, n_layers=2, n_refiner_layers=1, n_heads=3, n_kv_heads=3, cap_feat_dim=heard, axes_dims=[4, 6, 6],
        )  # fmt: skip
        for token in (made.x_pad_token, made.cap_pad_token):  # zeros, unless they were trained
            torch.nn.init.normal_(token)
        return TinyZImage(spread(made).eval(), tiny_qwen(width=heard), vae)


def z_image_pipeline(modules: TinyZImage, kind: Any = diffusers.ZImagePipeline, **more: Any) -> Any:
    """diffusers' own, with what it has beside."""
    pipe = kind(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.qwen, tokenizer=templated(_TEMPLATE),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0), **more,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


def write_z_image(path: Path, modules: TinyZImage, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given; gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        pipe = z_image_pipeline(modules)
        pipe.tokenizer = None
        pipe.save_pretrained(path)
        return path
    state = dict(modules.transformer.state_dict())
    padding = {name: state.pop(name) for name in z_image_map.PADDING}
    ours = original_tensors(state, z_image_map.LAYOUT) | padding | {"norm_final.weight": torch.ones(48)}
    qwen = {f"model.{name}": tensor for name, tensor in modules.qwen.state_dict().items()}
    vae, file = dict(modules.vae.state_dict()), path / "z_image_turbo.safetensors"
    if layout == "split":
        save(file, ours)
        save(path / "qwen_3_4b.safetensors", qwen)
        save(path / "ae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, "text_encoders.qwen3_4b.transformer.": qwen, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file


GENERATIONS = {
    "1.0": {"control_in_dim": 16}, "2.0": {"control_in_dim": 33, "add_control_noise_refiner": "control_layers"},
    "2.1": {"control_in_dim": 33, "add_control_noise_refiner": "control_noise_refiner"},
}  # fmt: skip
"""Of the published ControlNets."""


def tiny_z_image_control(modules: TinyZImage, generation: str = "1.0", seed: int = 1, **changes: Any) -> Any:
    """A ControlNet beside such a transformer, that knows it; what is trained from zeros is random, so that it acts."""
    own = modules.transformer.config
    settings = {name: own[name] for name in ("dim", "n_heads", "n_kv_heads", "n_refiner_layers")}
    settings |= (
        {"control_layers_places": [0, 1], "control_refiner_layers_places": [0]} | GENERATIONS[generation] | changes
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = spread(diffusers.ZImageControlNetModel(**settings)).eval().requires_grad_(False)
        for name, parameter in made.named_parameters():
            if "before_proj" in name or "after_proj" in name:
                parameter.normal_(std=0.05)
    return made


def write_z_image_control(path: Path, network: Any, generation: str = "1.0", layout: str = "file") -> Path:
    """As its makers publish it, of 2.0 with the blocks that nothing asked in training; or a `folder` of diffusers'."""
    if layout == "folder":
        network.save_pretrained(path)
        return path
    state = {name: each for name, each in network.state_dict().items() if name.startswith("control_")}
    if generation == "2.0":
        first = {name: each for name, each in state.items() if name.startswith("control_layers.0.")}
        unasked = {name.replace("control_layers", "control_noise_refiner"): each for name, each in first.items()}
        state |= {name: torch.zeros_like(each) if "_proj" in name else each.clone() for name, each in unasked.items()}
    save(path, state)
    return path
