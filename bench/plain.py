"""Plain diffusers, as its own documentation has it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from transformers import CLIPTextConfig, CLIPTextModel

from bench.arms import PROMPT
from imagine.engine.parts.clip import ClipTextModel

TOKENS = 77
"""Of a prompt, which CLIP takes; the configuration that `bench/load.py` makes doesn't say so."""


def load_pipeline(model: Path, configs: Path, dtype: torch.dtype) -> Any:
    pipeline = StableDiffusionPipeline.from_single_file(
        str(model), config=str(configs), local_files_only=True, torch_dtype=dtype
    )
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config)
    pipeline.tokenizer.model_max_length = TOKENS
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def text_encoder_of(ours: ClipTextModel) -> CLIPTextModel:
    """transformers' own with the weights of ours, which diffusers' pipeline can't call."""
    theirs = CLIPTextModel(CLIPTextConfig(**msgspec.structs.asdict(ours.config)))
    theirs.load_state_dict(ours.state_dict())
    return theirs.to(ours.dtype).eval()


def plain_picture(pipeline: Any, side: int, steps: int) -> bytes:
    """A PNG."""
    generator = torch.Generator().manual_seed(1)
    made = pipeline(PROMPT, width=side, height=side, num_inference_steps=steps, guidance_scale=7.0, generator=generator)
    written = io.BytesIO()
    made.images[0].save(written, "PNG")
    return written.getvalue()
