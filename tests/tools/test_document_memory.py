"""The numbers of the published networks, counted on diffusers' own, which hold no data."""

import pytest

from bench.activations import DENOISERS, empty_network
from tools import document_memory


@pytest.mark.slow  # half a minute to make fifteen networks of full size, if without their data
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("stable_diffusion", document_memory.SD1), ("sdxl", document_memory.SDXL), ("sd3", document_memory.SD3),
        ("sd3.5 medium", document_memory.MEDIUM), ("sd3.5 large", document_memory.LARGE),
        ("flux", document_memory.FLUX), ("chroma", document_memory.CHROMA), ("z-image", document_memory.Z_IMAGE),
        ("qwen-image", document_memory.QWEN_IMAGE), ("pixart", document_memory.PIXART),
        ("lumina2", document_memory.LUMINA2), ("sana", document_memory.SANA),
        ("auraflow", document_memory.AURAFLOW),
        ("flux2 klein-4b", document_memory.KLEIN_4B), ("flux2 klein-9b", document_memory.KLEIN_9B),
        ("flux2 dev", document_memory.FLUX2_DEV),
    ],
)  # fmt: skip
def test_a_denoiser_has_as_many_numbers_as_is_said(name, count):
    make, _ = DENOISERS[name]
    assert sum(tensor.numel() for tensor in empty_network(make).state_dict().values()) == count
