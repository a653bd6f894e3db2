"""FLUX.2 [klein] 9B KV, which sees other pictures as they are at the end: each step alike, and each other alone.

Numbers and their order are those of diffusers' `Flux2KleinKVPipeline` (0.42, Apache-2.0), which keeps what pictures are
to the others from its first step on; here that is made at each.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..execution.execution import Inputs
from ..libraries.light import flux2_processors
from .flux2_tokens import STEPS, places_of, tokens_of, words_of
from .rows import REFERENCE


def prepare_apart(network: Any) -> None:
    """Has a diffusers `Flux2Transformer2DModel` attend to pictures that attend to themselves."""
    double, single = flux2_processors()
    for block in network.transformer_blocks:
        block.attn.set_processor(double())
    for block in network.single_transformer_blocks:
        block.attn.set_processor(single())


def call_apart(network: Any, inputs: Inputs) -> Tensor:
    """Asks it of latents (rows, C, h, w) what moves them; other pictures stand before their tokens, and are told that
    nothing of them is noise."""
    latents, timesteps, context, added = inputs
    (rows, _, height, width), told = latents.shape, context.shape[1]
    seen = [each for name, each in (added or {}).items() if name.startswith(REFERENCE)]
    pictures = [*seen, latents]
    numbers = [*range(1, len(seen) + 1), 0]
    at = [places_of(each, picture=number) for each, number in zip(pictures, numbers, strict=True)]
    shown = sum(each.shape[2] * each.shape[3] for each in seen)
    now = (timesteps.to(latents.dtype) / STEPS) * STEPS
    when, still = network.time_guidance_embed(now, None), network.time_guidance_embed(torch.zeros_like(now), None)
    turned = network.pos_embed(torch.cat([words_of(context), *at]))
    text, picture = network.context_embedder(context), network.x_embedder(torch.cat([*map(tokens_of, pictures)], 1))
    asked = {"kv_cache_mode": "extract", "num_ref_tokens": shown} if shown else {}
    moved = _moved(network.double_stream_modulation_img, when, still, (0, shown, height * width))
    told_text = network.double_stream_modulation_txt(when)
    for block in network.transformer_blocks:
        text, picture = block(
            hidden_states=picture, encoder_hidden_states=text, temb_mod_img=moved, temb_mod_txt=told_text,
            image_rotary_emb=turned, joint_attention_kwargs=asked,
        )  # fmt: skip
    joined = torch.cat([text, picture], 1)
    moved = _moved(network.single_stream_modulation, when, still, (told, shown, height * width))
    asked = asked | ({"num_txt_tokens": told} if shown else {})
    for block in network.single_transformer_blocks:
        joined = block(
            hidden_states=joined, encoder_hidden_states=None, temb_mod=moved, image_rotary_emb=turned,
            joint_attention_kwargs=asked,
        )  # fmt: skip
    answer: Tensor = network.proj_out(network.norm_out(joined[:, told + shown :], when))
    return answer.transpose(1, 2).reshape(rows, -1, height, width)


def _moved(modulation: Any, when: Tensor, still: Tensor, counts: tuple[int, int, int]) -> Tensor:
    """By what tokens are moved, (rows, tokens, width): of a text, of other pictures, whose noise stands still, and of
    the one in the making, so many each."""
    now = modulation(when)[:, None]
    before, shown, behind = counts
    if not shown:
        return now
    apart = modulation(still)[:, None].expand(-1, shown, -1)
    return torch.cat([now.expand(-1, before, -1), apart, now.expand(-1, behind, -1)], 1)
