"""No token of a transformer looks at nothing, padding neither: what kernels answer then is their own affair, and where
that is no number it spreads to the picture."""

import pytest
import torch
from torch.nn import functional

from tests.chroma_files import tiny_chroma, write_chroma
from tests.engine.running import latents_of, model_at, wish
from tests.flux2_files import tiny_flux2, write_flux2
from tests.flux_files import tiny_flux, write_flux
from tests.qwen_image_files import tiny_qwen_image, write_qwen_image
from tests.sd3_files import tiny_sd3, write_sd3

WRITERS = {
    "chroma": lambda path: write_chroma(path, tiny_chroma()),
    "flux": lambda path: write_flux(path, tiny_flux()),
    "flux2": lambda path: write_flux2(path, tiny_flux2()),
    "qwen-image": lambda path: write_qwen_image(path, tiny_qwen_image()),
    "sd3": lambda path: write_sd3(path, tiny_sd3()),
}
HIDING = {"chroma": [(1, 1)] * 4, "flux2": [(1, 512)] * 2 * 27, "qwen-image": [(1, 1)] * 2}
"""Of keys alone; and of both prompts, in each layer of a language model, in which every token looks back."""


@pytest.mark.parametrize("family", WRITERS)
def test_every_token_looks_at_something(family, tmp_path, monkeypatch):
    masks, attend = [], functional.scaled_dot_product_attention

    def watched(query, key, value, attn_mask=None, **more):
        masks.append(attn_mask)
        return attend(query, key, value, attn_mask=attn_mask, **more)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    latents_of(wish(model_at(WRITERS[family](tmp_path)), guidance=3.0, neg="a dog", num_steps=1))
    told = [mask for mask in masks if mask is not None]
    assert all(_seen(mask).any(-1).all() for mask in told)
    hiding = [mask for mask in told if mask.dtype == torch.bool]
    assert [tuple(mask.shape[1:3]) for mask in hiding] == HIDING.get(family, [])


def _seen(mask):
    return mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
