"""Tiny Qwen-Images with the published one's names, in every layout that files come in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import diffusers
import torch
from torch import Tensor
from transformers import BatchFeature, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from tests.flux_files import save, spread
from tests.qwen_tokenizer import their_tokenizer

_WIDTH = 128
"""Of what the text encoder makes."""
_PLACE = "<|image_pad|>"
_HEADS = {"norm_out": "head.0", "conv_out": "head.2", "conv_in": "conv1"}
_RESIDUAL = {
    "norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}  # fmt: skip
_MIDDLE = {"resnets.0": "0", "attentions.0": "1", "resnets.1": "2"}
_LAYERS = 4
"""Of a level on the way up: three residual blocks, and what doubles its sides."""


def tiny_frame_vae() -> Any:
    """Of four levels and 16 latents as the published one."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        vae = diffusers.AutoencoderKLQwenImage(base_dim=8)
        for name, parameter in vae.named_parameters():
            if name.endswith("gamma"):
                torch.nn.init.normal_(parameter, 1.0, 0.2)
    return vae.eval()


def original_frame_vae(vae: Any) -> dict[str, Tensor]:
    """Its tensors under Wan's names for them."""
    return {_original(name): tensor for name, tensor in vae.state_dict().items()}


def _original(name: str) -> str:
    if name.startswith(("quant_conv", "post_quant_conv")):
        return name.replace("post_quant_conv", "conv2").replace("quant_conv", "conv1")
    side, rest = name.split(".", 1)
    part, inner = rest.split(".", 1)
    if part in _HEADS:
        return f"{side}.{_HEADS[part]}.{inner}"
    if part == "mid_block":
        block, kind, inner = re.fullmatch(r"(\w+\.\d)\.(\w+)\.(.+)", inner).groups()  # type: ignore[union-attr]
        return f"{side}.middle.{_MIDDLE[block]}.{_RESIDUAL.get(kind, kind)}.{inner}"
    if part == "up_blocks":
        level, layers, place, inner = inner.split(".", 3)
        inner = f"{int(level) * _LAYERS + (_LAYERS - 1 if layers == 'upsamplers' else int(place))}.{inner}"
    place, kind, inner = inner.split(".", 2)
    return f"{side}.{part.replace('_blocks', 'samples')}.{place}.{_RESIDUAL.get(kind, kind)}.{inner}"


class TinyQwenImage(NamedTuple):
    """Its modules, in float32."""

    transformer: Any
    qwen: Any
    vae: Any


@cache
def tiny_qwen_image() -> TinyQwenImage:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = diffusers.QwenImageTransformer2DModel(
            num_layers=2, attention_head_dim=32, num_attention_heads=2, joint_attention_dim=_WIDTH,
            axes_dims_rope=(4, 14, 14),
        )  # fmt: skip
        return TinyQwenImage(spread(made).eval(), spread(_qwen()).eval(), tiny_frame_vae())


def _qwen() -> Any:
    """Of one head, as wide as all of Qwen2.5's are, and of two in what sees: single files say nothing of that."""
    text = {
        "vocab_size": 151_936, "hidden_size": _WIDTH, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 1, "num_key_value_heads": 1, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
    }  # fmt: skip
    seeing = {
        "depth": 8, "hidden_size": 160, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": _WIDTH,
    }  # fmt: skip
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=text, vision_config=seeing))


def qwen_image_pipeline(modules: TinyQwenImage, kind: Any = diffusers.QwenImagePipeline, **more: Any) -> Any:
    """diffusers' own, with the published scheduler's settings, and with what it has beside."""
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02
    )
    beside = {"processor": TheirProcessor()} if "Edit" in kind.__name__ else {}
    pipe = kind(
        transformer=modules.transformer, vae=modules.vae, text_encoder=modules.qwen, tokenizer=their_tokenizer(),
        scheduler=scheduler, **beside, **more,
    )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe


class TheirProcessor:
    """transformers' `Qwen2VLProcessor` (5.24) with the published bounds of sizes and without films, whose half wants
    another library."""

    def __init__(self) -> None:
        self._sees = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 12_845_056})
        self._reads = their_tokenizer()

    def __call__(self, text: list[str], images: Any, **_: Any) -> BatchFeature:
        made = self._sees(images=images, return_tensors="pt") if images else {}
        (said,) = text
        for frames, high, wide in made.get("image_grid_thw", []):
            said = said.replace(_PLACE, "\0" * int(frames * high * wide // 4), 1)
        read = self._reads([said.replace("\0", _PLACE)], return_tensors="pt")
        return BatchFeature({**read, **made})


@contextmanager
def told_where_pictures_are(qwen: Any) -> Iterator[None]:
    """diffusers' pipelines (0.42) don't tell transformers 5 which tokens are pictures', so that they would stand one
    behind the other; as when the model was trained they have rows and columns."""

    def tell(_: Any, given: Any, told: dict[str, Any]) -> Any:
        if told.get("image_grid_thw") is not None:
            told["mm_token_type_ids"] = (told["input_ids"] == qwen.config.image_token_id).int()
        return given, told

    handle = qwen.register_forward_pre_hook(tell, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


def write_qwen_image(path: Path, modules: TinyQwenImage, layout: str = "folder") -> Path:
    """The model as people have it: a diffusers `folder`; one file with `all` of it; `split` files, of which the
    denoiser's is given; gives what it is opened by."""
    path.mkdir(parents=True, exist_ok=True)
    if layout == "folder":
        pipe = qwen_image_pipeline(modules)
        pipe.tokenizer = None
        pipe.save_pretrained(path)
        return path
    ours, vae = dict(modules.transformer.state_dict()), original_frame_vae(modules.vae)
    qwen, file = _comfys(modules.qwen.state_dict()), path / "qwen_image.safetensors"
    if layout == "split":
        save(file, ours)
        save(path / "qwen_2.5_vl_7b.safetensors", qwen)
        save(path / "qwen_image_vae.safetensors", vae)
        return file
    prefixes = {"model.diffusion_model.": ours, "text_encoders.qwen25_7b.transformer.": qwen, "vae.": vae}
    save(file, {prefix + name: tensor for prefix, each in prefixes.items() for name, tensor in each.items()})
    return file


def _comfys(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As ComfyUI has it: the names of before there were models that see."""
    return {
        name.replace("model.language_model.", "model.").replace("model.visual.", "visual."): tensor
        for name, tensor in state.items()
    }
