"""The VAE's precision, scale and tiles."""

import pytest
import torch
from diffusers import AutoencoderKL

from imagine.engine.parts.autoencoder import OVERFLOWED, Autoencoder, set_tiles
from imagine.engine.parts.slices import whole
from tests.checkpoints import vae_settings

LATENTS = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
PIXELS = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    return AutoencoderKL(**vae_settings("stable_diffusion")).eval()


class Overflowing(torch.nn.Module):
    """A VAE that gives `broken` in half precision, and its input in float32."""

    use_tiling = False

    def __init__(self, dtype, broken):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1, dtype=dtype))
        self.broken = broken
        self.ran_in = []
        self.tiled = []

    dtype = property(lambda self: self.weight.dtype)
    device = property(lambda self: self.weight.device)

    def enable_tiling(self):
        self.use_tiling = True

    def disable_tiling(self):
        self.use_tiling = False

    def _made(self, value):
        assert value.dtype == self.dtype
        self.ran_in.append(value.dtype)
        self.tiled.append(self.use_tiling)
        return torch.full_like(value, self.broken) if value.dtype != torch.float32 else value

    def decode(self, latents):
        return type("Decoded", (), {"sample": self._made(latents)})

    def encode(self, pixels):
        made = self._made(pixels)
        return type("Encoded", (), {"latent_dist": type("Posterior", (), {"mode": staticmethod(lambda: made)})})


def encoded(autoencoder, pixels, **options):
    return whole(autoencoder.encoding(pixels, **options))


def decoded(autoencoder, latents, **options):
    return whole(autoencoder.decoding(latents, **options))


def test_latents_are_the_scaled_mode(vae):
    made = encoded(Autoencoder(vae, scale=0.5, shift=0.25), PIXELS).values
    with torch.no_grad():
        assert torch.allclose(made, (vae.encode(PIXELS).latent_dist.mode() - 0.25) * 0.5, atol=1e-6)


def test_decoding_takes_scale_and_shift_back(vae):
    made = decoded(Autoencoder(vae, scale=0.5, shift=0.25), (LATENTS - 0.25) * 0.5)
    with torch.no_grad():
        assert torch.allclose(made.values, vae.decode(LATENTS).sample, atol=1e-5)
    assert made.warning is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -1.0])
def test_what_overflows_is_decoded_again_in_float32(dtype, broken):
    vae = Overflowing(dtype, broken)
    made = decoded(Autoencoder(vae, scale=1.0), LATENTS)
    assert vae.ran_in == [dtype, torch.float32]
    assert torch.equal(made.values, LATENTS)
    assert made.warning == OVERFLOWED
    assert vae.dtype == dtype, "the next picture doesn't depend on this one"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_what_overflows_is_encoded_again_in_float32(dtype):
    vae = Overflowing(dtype, float("nan"))
    made = encoded(Autoencoder(vae, scale=1.0), PIXELS)
    assert torch.equal(made.values, PIXELS)
    assert made.warning == OVERFLOWED


def test_one_that_is_known_to_overflow_works_in_float32_once():
    vae = Overflowing(torch.float16, float("nan"))
    made = decoded(Autoencoder(vae, scale=1.0, overflows=True), LATENTS)
    assert vae.ran_in == [torch.float32]
    assert torch.equal(made.values, LATENTS)
    assert made.warning is None
    assert vae.dtype == torch.float16


def test_what_does_not_overflow_is_made_once():
    vae = Overflowing(torch.float16, 0.5)
    made = decoded(Autoencoder(vae, scale=1.0), LATENTS)
    assert vae.ran_in == [torch.float16]
    assert made.warning is None
    assert made.values.dtype == torch.float32


def test_float32_is_all_there_is():
    vae = Overflowing(torch.float32, 0)
    made = decoded(Autoencoder(vae, scale=1.0), torch.full((1, 4, 2, 2), float("nan")))
    assert vae.ran_in == [torch.float32]
    assert made.warning is None


def test_tiles_are_for_one_picture():
    vae = Overflowing(torch.float32, 0)
    autoencoder = Autoencoder(vae, scale=1.0)
    decoded(autoencoder, LATENTS, tiled=True)
    decoded(autoencoder, LATENTS)
    encoded(autoencoder, PIXELS, tiled=True)
    assert vae.tiled == [True, False, True]
    assert not vae.use_tiling


def test_a_failure_leaves_it_as_it_was():
    vae = Overflowing(torch.float16, float("nan"))
    autoencoder = Autoencoder(vae, scale=1.0)
    vae._made = lambda value: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(torch.OutOfMemoryError):
        decoded(autoencoder, LATENTS, tiled=True)
    assert not vae.use_tiling
    assert vae.dtype == torch.float16
    del vae._made
    assert torch.equal(decoded(autoencoder, LATENTS).values, LATENTS)


def test_tiles_give_nearly_the_same_picture(vae):
    latents = torch.nn.functional.interpolate(LATENTS, scale_factor=2.0, mode="bilinear")
    autoencoder = Autoencoder(vae, scale=1.0)
    vae.tile_latent_min_size, vae.tile_sample_min_size = 8, 64
    at_once, tiled = decoded(autoencoder, latents).values, decoded(autoencoder, latents, tiled=True).values
    assert tiled.shape == at_once.shape
    assert not torch.equal(tiled, at_once)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (512, 512), (1024, 1024), (1024, 384), (520, 8)])
def test_tiles_are_smaller_than_any_picture_and_overlap_by_whole_latents(vae, width, height):
    """As they come, those of a VAE are as large as the pictures that it was trained on: no tiles at all."""
    longest = max(width, height) // 8
    set_tiles(vae, longest)
    assert vae.tile_latent_min_size < max(longest, 5)
    assert vae.tile_latent_min_size <= 64
    assert vae.tile_latent_min_size % 4 == 0
    assert vae.tile_sample_min_size == 8 * vae.tile_latent_min_size
