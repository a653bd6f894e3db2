"""The numbers of the published networks, counted on diffusers' own, which hold no data."""

import pytest

from bench.activations import DENOISERS, empty_network
from imagine.families import published_sizes


@pytest.mark.slow  # half a minute to make fifteen networks of full size, if without their data
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("stable_diffusion", published_sizes.SD1), ("sdxl", published_sizes.SDXL), ("sd3", published_sizes.SD3),
        ("sd3.5 medium", published_sizes.MEDIUM), ("sd3.5 large", published_sizes.LARGE),
        ("flux", published_sizes.FLUX), ("chroma", published_sizes.CHROMA), ("z-image", published_sizes.Z_IMAGE),
        ("qwen-image", published_sizes.QWEN_IMAGE), ("pixart", published_sizes.PIXART),
        ("lumina2", published_sizes.LUMINA2), ("sana", published_sizes.SANA),
        ("auraflow", published_sizes.AURAFLOW),
        ("flux2 klein-4b", published_sizes.KLEIN_4B), ("flux2 klein-9b", published_sizes.KLEIN_9B),
        ("flux2 dev", published_sizes.FLUX2_DEV),
    ],
)  # fmt: skip
def test_a_denoiser_has_as_many_numbers_as_is_said(name, count):
    make, _ = DENOISERS[name]
    assert sum(tensor.numel() for tensor in empty_network(make).state_dict().values()) == count
