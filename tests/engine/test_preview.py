"""Previews: the linear map is a good one, and every picture has the size it should."""

import io

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load
from torch.nn.functional import avg_pool2d, interpolate

from imagine.engine.loading.watch import Watch
from imagine.engine.residency.preview import fit, latents_bytes
from imagine.engine.residency.resident import Resident
from tests.engine.plain_family import PlainFamily, plain_model

MIX = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(3))).Q


def linear_vae(pixels):
    """Latents that mix mean colours and brightness, shifted."""
    colours = avg_pool2d(pixels, 8)
    return torch.einsum("ij,njhw->nihw", MIX, torch.cat([colours, colours.mean(1, keepdim=True)], 1)) * 3 + 0.7


def curved_vae(pixels):
    return torch.tanh(linear_vae(pixels) / 2) + 0.05 * torch.sin(9 * linear_vae(pixels))


def photo(side, seed=5):
    small = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return interpolate(small, (side, side), mode="bicubic").clamp(-1, 1)


def shrunk(pixels):
    return ((avg_pool2d(pixels, 8)[0].permute(1, 2, 0) + 1) * 127.5).numpy()


def test_a_linear_vae_is_found_exactly():
    pixels = photo(128)
    shown = fit(linear_vae, 8).picture(linear_vae(pixels), (128, 128), (16, 16))
    assert np.abs(np.asarray(shown) - shrunk(pixels)).max() <= 1


def test_a_latent_of_many_pixels_is_several_colours():
    def token_vae(pixels):
        return torch.nn.functional.pixel_unshuffle(linear_vae(pixels), 2)

    pixels = photo(128)
    shown = fit(token_vae, 16).picture(token_vae(pixels), (128, 128), (16, 16))
    assert np.abs(np.asarray(shown) - shrunk(pixels)).max() <= 1


def test_a_curved_vae_is_shown_in_its_colours():
    pixels = photo(128)
    shown = fit(curved_vae, 8).picture(curved_vae(pixels), (128, 128), (16, 16))
    assert np.corrcoef(np.asarray(shown).ravel(), shrunk(pixels).ravel())[0, 1] > 0.96


def test_the_part_that_is_no_picture_is_cut():
    latents = linear_vae(torch.ones(1, 3, 64, 64))
    latents[..., 4:] = linear_vae(-torch.ones(1, 3, 64, 64))[..., 4:]
    shown = fit(linear_vae, 8).picture(latents, (32, 64), (100, 50))
    assert shown.size == (100, 50)
    assert np.asarray(shown).min() > 250


def test_numbers_beyond_every_colour_are_cut_off():
    preview = fit(linear_vae, 8)
    shown = preview.picture(linear_vae(photo(64)) * 100, (64, 64), (8, 8))
    assert {0, 255} <= set(np.asarray(shown).ravel().tolist())


def test_the_map_is_fitted_once_for_a_model():
    family = PlainFamily()
    resident = Resident(plain_model(), family, 0, 0, Watch(plain_model()))
    first = resident.preview
    assert resident.preview is first
    assert family.calls == ["encode_picture"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_latents_are_a_safetensors_file_of_halves(dtype):
    clean = torch.randn(1, 4, 6, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    read = load(latents_bytes(clean))
    assert list(read) == ["latents"]
    assert read["latents"].dtype == torch.float16
    assert torch.equal(read["latents"], clean[0].half())


def test_previews_are_pictures():
    shown = fit(linear_vae, 8).picture(linear_vae(photo(64)), (64, 64), (64, 64))
    file = io.BytesIO()
    shown.save(file, "PNG")
    assert Image.open(io.BytesIO(file.getvalue())).mode == "RGB"
