"""Tiny folders of pipelines that run whole, with what is odd in the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import (
    Qwen2Tokenizer,
    Qwen3VLConfig,
    Qwen3VLModel,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

_LETTERS = [chr(code) for code in range(33, 127)]
_PLACES = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3], "mrope_interleaved": True}
_WIDTH = 32


def write_whole(path: Path, family: str) -> Path:
    """A folder of that family's pipeline, as diffusers saves it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _PIPELINES[family]().save_pretrained(path)
    return path


def _letters(kind: Any, beginning: list[str], space: str = "▁") -> Any:
    """A tokenizer that knows letters alone."""
    made = kind({piece: place for place, piece in enumerate([*beginning, *_LETTERS, space])}, [])
    made.pad_token = beginning[0]
    return made


def _vae() -> Any:
    return diffusers.AutoencoderKL(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip


def _pixart() -> Any:
    pieces = [(piece, -float(place)) for place, piece in enumerate(["<pad>", "</s>", "<unk>", *_LETTERS, "▁"])]
    config = T5Config(vocab_size=128, d_model=_WIDTH, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    return diffusers.PixArtAlphaPipeline(
        transformer=diffusers.PixArtTransformer2DModel(
            num_layers=1, num_attention_heads=2, attention_head_dim=8, cross_attention_dim=16, caption_channels=_WIDTH,
            use_additional_conditions=False,
        ),
        scheduler=diffusers.DPMSolverMultistepScheduler(), vae=_vae(), text_encoder=T5EncoderModel(config),
        tokenizer=T5Tokenizer(pieces, extra_ids=0),
    )  # fmt: skip


def _krea2() -> Any:
    """Its index holds a list of numbers."""
    text = {
        "vocab_size": 128, "hidden_size": _WIDTH, "intermediate_size": 64, "num_hidden_layers": 3,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16, "rope_parameters": _PLACES,
    }  # fmt: skip
    sight = {
        "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": _WIDTH,
        "deepstack_visual_indexes": [],
    }  # fmt: skip
    return diffusers.Krea2Pipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, max_image_seq_len=6400),
        vae=diffusers.AutoencoderKLQwenImage(base_dim=8, num_res_blocks=1),
        text_encoder=Qwen3VLModel(Qwen3VLConfig(text_config=text, vision_config=sight)),
        tokenizer=_letters(Qwen2Tokenizer, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "Ġ"),
        transformer=diffusers.Krea2Transformer2DModel(
            num_layers=1, attention_head_dim=16, num_attention_heads=2, num_key_value_heads=1, intermediate_size=32,
            text_hidden_dim=_WIDTH, num_text_layers=2, text_num_attention_heads=2, text_num_key_value_heads=2,
            text_intermediate_size=16, num_layerwise_text_blocks=1, num_refiner_text_blocks=1,
            axes_dims_rope=(4, 6, 6),
        ),
        text_encoder_select_layers=(1, 3), is_distilled=True,
    )  # fmt: skip


_PIPELINES = {"krea2": _krea2, "pixart": _pixart}
WHOLE = tuple(_PIPELINES)
