"""The arithmetic of memory: what a model takes in each way, and the verdicts on the files that people have."""

import doctest

import pytest

from imagine.families import memory
from imagine.families.memory import (
    WAYS,
    Bytes,
    StepBytes,
    Workload,
    bytes_of,
    denoising,
    peak,
    sides_of,
    verdict,
    way_for,
    working_memory,
)
from imagine.families.table import facts_of
from imagine.words.sizes import Sizes, Weight
from tools.document_memory import CARDS, HEADER, rows

TOLD = {
    "Stable Diffusion 1.5, 512²": "all all all all all",
    "Stable Diffusion 1.5, 512², a ControlNet": "all all all all all",
    "Stable Diffusion 1.5, 512², 1 reference": "all all all all all",
    "Stable Diffusion 1.5, 512², 3 references": "all all all all all",
    "Stable Diffusion 2.1, 768²": "all all all all all",
    "Stable Diffusion 2.1, 768², a ControlNet": "all all all all all",
    "Stable Diffusion 2.1, 768², 1 reference": "all all all all all",
    "Stable Diffusion 2.1, 768², 3 references": "all all all all all",
    "SDXL, 1024²": "stages encoders all all all",
    "SDXL, 1024², a ControlNet": "layers layers all all all",
    "SDXL, 1024², 1 reference": "layers stages all all all",
    "SDXL, 1024², 3 references": "layers stages all all all",
    "SD3 medium, T5 in fp8, 1024²": "layers stages all all all",
    "SD3 medium, T5 in fp8, 1024², a ControlNet": "layers stages encoders all all",
    "SD3.5 medium, T5 in fp8, 1024²": "layers stages encoders all all",
    "SD3.5 medium, T5 in fp8, 1024², a ControlNet": "— layers stages stages all",
    "SD3.5 large, T5 in fp8, 1024²": "layers layers layers layers all",
    "SD3.5 large, T5 in fp8, 1024², a ControlNet": "layers layers layers layers stages",
    "SD3.5 large, T5 in fp8, 1024², 1 reference": "layers layers layers layers stages",
    "SD3.5 large, T5 in fp8, 1024², 3 references": "layers layers layers layers stages",
    "SD3.5 large and T5 in fp8, 1024²": "layers layers stages all all",
    "SD3.5 large and T5 in fp8, 1024², a ControlNet": "— layers layers stages all",
    "SD3.5 large and T5 in fp8, 1024², 1 reference": "layers layers stages stages all",
    "SD3.5 large and T5 in fp8, 1024², 3 references": "layers layers stages stages all",
    "FLUX.1, 1024²": "layers layers layers layers stages",
    "FLUX.1, 1024², a ControlNet": "layers layers layers layers layers",
    "FLUX.1, 1024², 1 reference": "layers layers layers layers layers",
    "FLUX.1, 1024², 3 references": "layers layers layers layers layers",
    "FLUX.1 and T5 in fp8, 1024²": "layers layers layers stages all",
    "FLUX.1 and T5 in fp8, 1024², a ControlNet": "— layers layers layers all",
    "FLUX.1 and T5 in fp8, 1024², 1 reference": "layers layers layers stages all",
    "FLUX.1 and T5 in fp8, 1024², 3 references": "layers layers layers stages all",
    "FLUX.1 in Q4_K, T5 in fp8, 1024²": "layers layers encoders all all",
    "FLUX.1 in Q4_K, T5 in fp8, 1024², a ControlNet": "— layers layers encoders all",
    "FLUX.1 in Q4_K, T5 in fp8, 1024², 1 reference": "layers layers stages all all",
    "FLUX.1 in Q4_K, T5 in fp8, 1024², 3 references": "layers layers stages all all",
    "FLUX.1 Kontext and T5 in fp8, 1024²": "layers layers layers stages all",
    "FLUX.1 Kontext and T5 in fp8, 1024², a ControlNet": "— layers layers layers all",
    "FLUX.1 Kontext and T5 in fp8, 1024², 1 reference": "layers layers layers stages all",
    "FLUX.1 Kontext and T5 in fp8, 1024², 3 references": "layers layers layers stages all",
    "Lumina 2, 1024²": "layers stages all all all",
    "SANA, 1024²": "stages stages all all all",
    "AuraFlow, 1024²": "layers layers layers stages all",
    "PixArt-Sigma, 1024²": "layers layers all all all",
    "PixArt-Sigma, T5 in fp8, 1024²": "stages all all all all",
    "Z-Image, 1024²": "layers layers layers stages all",
    "Z-Image, 1024², a ControlNet": "— — layers layers stages",
    "Z-Image and Qwen3 in fp8, 1024²": "layers stages encoders all all",
    "Z-Image and Qwen3 in fp8, 1024², a ControlNet": "— — layers stages all",
    "Z-Image and Qwen3 in Q4_K, 1024²": "layers encoders all all all",
    "Z-Image and Qwen3 in Q4_K, 1024², a ControlNet": "— — layers all all",
    "Qwen-Image, 1328²": "layers layers layers layers layers",
    "Qwen-Image, 1328², a ControlNet": "— layers layers layers layers",
    "Qwen-Image and Qwen2.5-VL in fp8, 1328²": "layers layers layers layers stages",
    "Qwen-Image and Qwen2.5-VL in fp8, 1328², a ControlNet": "— layers layers layers layers",
    "Qwen-Image in Q4_K, Qwen2.5-VL in fp8, 1328²": "layers layers layers stages all",
    "Qwen-Image in Q4_K, Qwen2.5-VL in fp8, 1328², a ControlNet": "— layers layers layers all",
    "Qwen-Image-Edit in Q4_K, Qwen2.5-VL in fp8, 1024²": "layers layers layers stages all",
    "Qwen-Image-Edit in Q4_K, Qwen2.5-VL in fp8, 1024², a ControlNet": "— layers layers stages all",
    "Qwen-Image-Edit in Q4_K, Qwen2.5-VL in fp8, 1024², 1 reference": "layers layers layers stages all",
    "Qwen-Image-Edit in Q4_K, Qwen2.5-VL in fp8, 1024², 3 references": "layers layers layers stages all",
    "FLUX.2 klein 4B, 1024²": "layers layers stages encoders all",
    "FLUX.2 klein 4B, 1024², 1 reference": "layers layers stages encoders all",
    "FLUX.2 klein 4B, 1024², 3 references": "layers layers stages encoders all",
    "FLUX.2 klein 4B and Qwen3 in fp8, 1024²": "stages stages all all all",
    "FLUX.2 klein 4B and Qwen3 in fp8, 1024², 1 reference": "stages stages all all all",
    "FLUX.2 klein 4B and Qwen3 in fp8, 1024², 3 references": "layers stages all all all",
    "FLUX.2 klein 9B and Qwen3 in fp8, 1024²": "layers layers stages stages all",
    "FLUX.2 klein 9B and Qwen3 in fp8, 1024², 1 reference": "layers layers stages stages all",
    "FLUX.2 klein 9B and Qwen3 in fp8, 1024², 3 references": "layers layers layers stages all",
    "FLUX.2 klein 9B in Q4_K, Qwen3 in fp8, 1024²": "layers layers stages all all",
    "FLUX.2 klein 9B in Q4_K, Qwen3 in fp8, 1024², 1 reference": "layers layers stages all all",
    "FLUX.2 klein 9B in Q4_K, Qwen3 in fp8, 1024², 3 references": "layers layers stages encoders all",
    "FLUX.2 dev, 1024²": "layers layers layers layers layers",
    "FLUX.2 dev, 1024², 1 reference": "layers layers layers layers layers",
    "FLUX.2 dev, 1024², 3 references": "— layers layers layers layers",
    "FLUX.2 dev and Mistral in fp8, 1024²": "layers layers layers layers layers",
    "FLUX.2 dev and Mistral in fp8, 1024², 1 reference": "layers layers layers layers layers",
    "FLUX.2 dev and Mistral in fp8, 1024², 3 references": "— layers layers layers layers",
    "FLUX.2 dev in Q4_K, Mistral in fp8, 1024²": "layers layers layers layers stages",
    "FLUX.2 dev in Q4_K, Mistral in fp8, 1024², 1 reference": "layers layers layers layers stages",
    "FLUX.2 dev in Q4_K, Mistral in fp8, 1024², 3 references": "— layers layers layers stages",
    "Chroma, T5 in fp8, 1024²": "layers layers layers layers all",
}  # fmt: skip
"""On cards of 6, 8, 12, 16 and 24 GB."""
SDXL = Sizes(encoders=Weight(818), denoiser=Weight(2567), vae=Weight(84), layer=Weight(63))


def test_what_fits_on_which_card():
    assert {row[0]: " ".join(row[3:]) for row in rows()} == TOLD
    assert len(HEADER) == 3 + len(CARDS)


def test_the_examples_hold():
    assert doctest.testmod(memory).failed == 0


@pytest.mark.parametrize("steps", [StepBytes(), StepBytes(5, 3), StepBytes(3, 50)])
def test_each_way_takes_no_more_than_the_one_before_it(steps):
    taken = [peak(Bytes(10, 24, 1, 2, layer=2, beside=3), way, steps) for way in WAYS]
    assert taken == sorted(taken, reverse=True)


def test_a_way_is_the_first_that_there_is_room_for():
    weights = Bytes(10, 24, 1, layer=2)
    steps = StepBytes(5, 3)
    for way in WAYS:
        enough = peak(weights, way, steps)
        assert peak(weights, way_for(weights, enough, steps), steps) == enough
    assert way_for(weights, 34, stages=False) == "layers", "main memory has none beside it"


def test_few_bits_are_counted_as_they_are_stored_and_others_as_they_are_computed_with():
    sizes = Sizes(denoiser=Weight(floats=100, kept=50), vae=Weight(floats=10))
    assert (bytes_of(sizes).denoiser, bytes_of(sizes, 4).denoiser, bytes_of(sizes).vae) == (250, 450, 20)
    assert bytes_of(sizes).widened > bytes_of(SDXL).widened == 0


def test_a_step_takes_more_of_larger_and_of_more_pictures_and_of_references_where_it_attends():
    flux, one = facts_of("flux"), Workload(1024, 1024)
    assert denoising(flux, one, sides=1) == pytest.approx(491e6, rel=0.02), "as counted"
    assert denoising(flux, one._replace(pictures=4), sides=1) == 4 * denoising(flux, one, sides=1)
    assert denoising(flux, one._replace(references=3), sides=1) / denoising(flux, one, sides=1) == pytest.approx(
        (4096 + 512 + 3 * 729) / (4096 + 512), rel=0.1
    ), "tokens of Redux' are as many as any"
    shown = denoising(flux, one._replace(references=3), variant="kontext", sides=1)
    assert shown == pytest.approx(denoising(flux, one, variant="kontext", sides=1) * 4, rel=0.1)
    alone, beside = (denoising(flux, Workload(512, 512, references=count), variant="kontext") for count in (0, 3))
    assert beside - alone == pytest.approx(2 * 3 * 491e6, rel=0.15), "references are seen at their own size"
    assert denoising(facts_of("sdxl"), one, sides=2) == pytest.approx(2 * 166e6, rel=0.02)


@pytest.mark.parametrize(
    ("family", "variant", "guidance", "true_cfg", "sides"),
    [
        ("flux", "dev", 3.5, 1.0, 1),
        ("flux", "dev", 3.5, 2.0, 2),
        ("flux", "schnell", 0.0, 2.0, 2),
        ("flux", "dev", None, None, 2),
        ("sd3.5", "large", 3.5, 1.0, 2),
        ("sd3.5", "large", 1.0, None, 1),
    ],
)
def test_a_second_text_is_a_second_row_whichever_number_says_it(family, variant, guidance, true_cfg, sides):
    assert sides_of(facts_of(family), variant, guidance, true_cfg) == sides


def test_what_is_comfortable_holds_everything_and_a_whole_picture():
    sdxl = facts_of("sdxl")
    alone, held = (verdict(sdxl, SDXL, Workload(1024, 1024, control=control), 0) for control in (False, True))
    assert alone.way is None, "there is no room at all"
    assert held.comfortable - alone.comfortable == memory.BESIDE["sdxl"].control
    assert alone.minimum < alone.comfortable < verdict(sdxl, SDXL, Workload(2048, 2048), 0).comfortable


def test_a_card_keeps_something_for_steps():
    assert [working_memory(total * 2**30) for total in (2, 8, 24)] == [2**29, 2**30, 3 * 2**30]
