"""A VAE's parts make the very bits that diffusers makes at once, and pause where others may go."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL, AutoencoderKLFlux2

from imagine.engine.parts import autoencoder
from imagine.engine.parts.autoencoder import Autoencoder
from imagine.engine.parts.slices import whole
from imagine.engine.parts.vae_slices import decode_parts, encode_parts
from tests.checkpoints import vae_settings

PLAIN = "plain"
VAES = {
    PLAIN: vae_settings("stable_diffusion"),
    "no quantisation": vae_settings("stable_diffusion") | {"use_quant_conv": False, "use_post_quant_conv": False},
    "FLUX.2's": {name: of for name, of in vae_settings("stable_diffusion").items() if name != "scaling_factor"},
    "no attention": vae_settings("stable_diffusion") | {"mid_block_add_attention": False},
}


@pytest.fixture(scope="module", params=VAES)
def vae(request):
    torch.manual_seed(0)
    made = AutoencoderKLFlux2 if request.param == "FLUX.2's" else AutoencoderKL
    vae = made(**VAES[request.param]).eval()
    vae.tile_latent_min_size, vae.tile_sample_min_size = 8, 64
    return vae


def counted(parts):
    """What was made, and in how many parts."""
    count = 1
    while True:
        try:
            next(parts)
        except StopIteration as end:
            return end.value, count
        count += 1


@pytest.mark.parametrize(
    ("vae", "dtype"),
    [*((name, torch.float32) for name in VAES), (PLAIN, torch.bfloat16)],  # which CPUs add up slowly, whatever the VAE
    indirect=["vae"],
)
@pytest.mark.parametrize("size", [(8, 8), (9, 13)])
@pytest.mark.parametrize("tiled", [False, True])
def test_parts_make_the_bits_of_the_whole(vae, dtype, size, tiled):
    vae.to(dtype)
    vae.use_tiling = tiled
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn(1, 4, *size, generator=generator).to(dtype)
    pixels = (torch.rand(1, 3, size[0] * 8, size[1] * 8, generator=generator) * 2 - 1).to(dtype)
    with torch.inference_mode():
        decoded, mode = vae.decode(latents).sample, vae.encode(pixels).latent_dist.mode()
    vae.use_tiling = False
    made, decoding = counted(decode_parts(vae, latents, tiled=tiled))
    assert torch.equal(made, decoded)
    made, encoding = counted(encode_parts(vae, pixels, tiled=tiled))
    assert torch.equal(made, mode)
    assert min(decoding, encoding) > (50 if tiled and size != (8, 8) else 8), "a tile is a dozen"


def test_nothing_of_it_lasts_between_two_parts(vae):
    """Neither torch's mode, nor a tile's size: another's work comes in between."""
    vae.to(torch.float32)
    parts = decode_parts(vae, torch.zeros(1, 4, 20, 20), tiled=True)
    next(parts)
    assert not torch.is_inference_mode_enabled()
    assert not vae.use_tiling
    assert whole(decode_parts(vae, torch.zeros(1, 4, 8, 8), tiled=False)).shape == (1, 3, 64, 64)
    assert whole(parts).shape == (1, 3, 160, 160)


class Elsewhere:
    """A VAE that says it is on an accelerator, and computes here."""

    def __init__(self, vae):
        self._vae = vae

    def parameters(self):
        return iter([SimpleNamespace(device=torch.device("cuda"), nbytes=0)])

    def __getattr__(self, name):
        return getattr(self._vae, name)


@pytest.mark.parametrize(("place", "side", "several"), [("cpu", 8, True), ("cuda", 8, False), ("cuda", 200, True)])
def test_an_accelerator_pauses_for_large_pictures_only(vae, monkeypatch, place, side, several):
    """There the parts of others are so quick that waiting for each and casting for it would be felt."""
    vae.to(torch.float32)
    seen = []

    def parts(given, value, *, tiled):
        seen.append(value)
        yield
        yield
        return value

    monkeypatch.setattr(autoencoder, "decode_parts", parts)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *_, **__: tensor)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)
    made = Autoencoder(vae if place == "cpu" else Elsewhere(vae), scale=1.0)
    _, count = counted(made.decoding(torch.zeros(1, 4, side, side)))
    assert seen
    assert (count > 1) == several
