"""AUTOMATIC1111's text: exact where we write it, forgiving where we read it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.messages import sentences
from imagine.pictures.foreign.infotext import (
    SAMPLERS,
    SCHEDULES,
    infotext_from_meta,
    meta_from_infotext,
    sampler_from_name,
)
from imagine.words import samplers
from imagine.words.preprocessors import PREPROCESSORS, MapOption
from tests.growth import grows_with_length

META: dict[str, Any] = {
    "model": "dreamshaper_8", "prompt": "a red fox", "neg": "ugly", "width": 512, "height": 768, "num_steps": 25,
    "guidance": 7.0, "sampler": "dpm++ 2m", "schedule": "karras", "seed": 2**64 - 1,
}  # fmt: skip


def test_writes_the_known_format() -> None:
    assert infotext_from_meta(META) == (
        "a red fox\nNegative prompt: ugly\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, "
        "Seed: 18446744073709551615, Size: 512x768, Model: dreamshaper_8"
    )


def test_writes_what_else_there_is() -> None:
    hires = {"scale": 1.5, "strength": 0.55, "steps": 12, "upscaler": "latent"}
    meta = META | {"neg": "", "clip": 2, "hires": hires, "vae": "a, b", "schedule": "default"}
    assert infotext_from_meta(meta) == (
        "a red fox\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Uniform, CFG scale: 7, Seed: 18446744073709551615, "
        'Size: 512x768, VAE: "a, b", Model: dreamshaper_8, Denoising strength: 0.55, Clip skip: 2, Hires upscale: 1.5, '
        "Hires steps: 12, Hires upscaler: Latent"
    )
    assert "Denoising strength: 0.7" in infotext_from_meta(META | {"img": "ab", "strength": 0.7})
    assert "Denoising" not in infotext_from_meta(META | {"strength": 0.7})


def test_a_model_hash_is_the_beginning_of_the_whole_files_sha256_where_that_is_known() -> None:
    known = META | {"digest": "cd" * 32, "sha256": "0123456789ab" + "cd" * 26}
    written = infotext_from_meta(known)
    assert "Model hash: 0123456789, Model: dreamshaper_8" in written
    assert "hash" not in infotext_from_meta(META | {"digest": "cd" * 32})
    assert meta_from_infotext(written)[0]["sha256"] == "0123456789"
    for other in ("81761151", "x" * 10, ""):  # of before 2023, and nonsense
        assert "sha256" not in meta_from_infotext(written.replace("0123456789", other))[0]


@pytest.mark.parametrize(
    "more",
    [
        {}, {"clip": 2}, {"vae": 'kl "f8", anime: 2'}, {"prompt": "a: b, c: d, e: f\n\nsecond (x:1.2)"},
        {"guidance": 7.123456789},
        {"hires": {"scale": 2.0, "strength": 0.4, "steps": 3, "upscaler": "latent"}}, {"model": "name: with, signs"},
        {"tiling": True, "noise": "a1111-cpu", "seed_width": 512, "seed_height": 768},
        {"sampler": "euler a", "sampler_options": {"eta": 0.5, "s_noise": 1.1}},
        {"sampler": "ddim", "sampler_options": {"eta": 0.5}},
        {"sampler_options": {"s_churn": 4.0, "s_tmin": 0.5, "s_tmax": 9.0}},
        {
            "hires": {
                "scale": 2.0, "strength": 0.4, "steps": 3, "upscaler": "latent", "guidance": 3.5,
                "prompt": "an owl: a, b", "neg": "fog", "sampler": "euler a", "schedule": "karras",
            }
        },
        *[{"sampler": sampler} for sampler in SAMPLERS], *[{"schedule": schedule} for schedule in SCHEDULES],
    ],
)  # fmt: skip
def test_reads_what_it_writes(more: dict[str, Any]) -> None:
    assert meta_from_infotext(infotext_from_meta(META | more)) == (META | more, [])


def test_names_every_sampler_and_schedule_that_is_here() -> None:
    assert sorted(SAMPLERS) == sorted(samplers.SAMPLERS)
    assert sorted(SCHEDULES) == sorted(samplers.SCHEDULES)


@pytest.mark.parametrize(
    ("name", "schedule_type", "expected"),
    [
        ("DPM++ 2M Karras", None, ("dpm++ 2m", "karras")),
        ("DPM++ 2M", "Karras", ("dpm++ 2m", "karras")),
        ("DPM++ 2M", None, ("dpm++ 2m", "default")),
        ("DPM++ 2M", "Automatic", ("dpm++ 2m", "karras")),
        ("DPM++ 2M SDE Exponential", None, ("dpm++ 2m sde", "exponential")),
        ("DPM++ 2M SDE", "Automatic", ("dpm++ 2m sde", "exponential")),
        ("DPM++ 3M SDE Karras", None, ("dpm++ 3m sde", "karras")),
        ("DPM++ SDE Karras", None, ("dpm++ sde", "karras")),
        ("Euler a", "Automatic", ("euler a", "default")),
        ("euler A", "SGM Uniform", ("euler a", "sgm uniform")),
        ("Euler", "Beta", ("euler", "beta")),
        ("DPM2 a Karras", None, ("dpm2 a", "karras")),
        ("LMS Karras", None, ("lms", "karras")),
        ("Heun", "Uniform", ("heun", "default")),
        ("UniPC", None, ("unipc", "default")),
        ("DDIM", "Simple", ("ddim", "simple")),
        ("LCM", None, ("lcm", "default")),
        ("Euler", "Polyexponential", ("euler", None)),
        ("Restart", "Karras", (None, "karras")),
        ("DPM++ 2S a Karras", None, (None, None)),
        ("DPM++ 2M SDE Heun", None, (None, None)),
        ("DPM adaptive", None, (None, None)),
        ("PLMS", None, (None, None)),
        ("", None, (None, None)),
        ("euler_a", None, ("euler a", "default")),
        ("k_euler_ancestral", None, ("euler a", "default")),
        ("dpmpp_2m_sde_gpu", "karras", ("dpm++ 2m sde", "karras")),
        ("dpmpp_3m_sde_k", None, ("dpm++ 3m sde", "karras")),
        ("uni_pc_bh2", "normal", ("unipc", "default")),
    ],
)
def test_maps_the_web_uis_samplers(
    name: str, schedule_type: str | None, expected: tuple[str | None, str | None]
) -> None:
    assert sampler_from_name(name, schedule_type) == expected


SAID = {"prompt": "a", "num_steps": 1, "seed": 2}


@pytest.mark.parametrize(
    ("text", "expected", "warnings"),
    [
        ("only a prompt", {"prompt": "only a prompt"}, []),
        ("a\nNegative prompt: b", {"prompt": "a", "neg": "b"}, []),
        ("Negative prompt: b\nSteps: 1, Seed: 2, CFG scale: 3", SAID | {"prompt": "", "neg": "b", "guidance": 3.0}, []),
        ("Steps: 1, Seed: 2, CFG scale: 3.5", SAID | {"prompt": "", "guidance": 3.5}, []),
        ("style: oil, mood: sad, light: low", {"prompt": "style: oil, mood: sad, light: low"}, []),
        ("a\r\nSteps: 1, Seed: 2, Size: 8x16\r\n", SAID | {"width": 8, "height": 16}, []),
        ("a\nSteps: 1, Seed: 2, Size: 8x16\n\nTemplate: b", SAID | {"width": 8, "height": 16}, []),
        ("a\nSteps: 1, Seed: -1, Clip skip: two",
         {"prompt": "a", "num_steps": 1},
         ["Seed is '-1', which is not a number that can be used; it was left out",
          "Clip skip is 'two', which is not a number that can be used; it was left out"]),
        ('a\nSteps: 1, Seed: 2, Lora hashes: "x: 1, y: 2", Model: "q, \\"r\\"", Hashes: {"a": "1"}, Clip skip: 2',
         SAID | {"model": 'q, "r"', "clip": 2},
         ["not understood and left out: Lora hashes, Hashes"]),
        ("a\nSteps: 1, Seed: 2, Denoising strength: 0.4, Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+",
         SAID | {"hires": {"scale": 2.0, "strength": 0.4}},
         ["there is no upscaler 'R-ESRGAN 4x+' here; it was left out"]),
        ("a\nSteps: 1, Seed: 2, Size: big", SAID, ["not understood and left out: Size"]),
        ("a\nSteps: 1, Seed: 2, Sampler: Euler, Schedule type: Turbo",
         SAID | {"sampler": "euler"},
         ["there is no schedule 'Turbo' here; it was left out"]),
        # one odd value loses nothing that stands behind it
        ("a\nSteps: 1, Tiles: [1, 2, 3], CFG scale: 7, Seed: 2", SAID | {"guidance": 7.0},
         ["not understood and left out: Tiles"]),
        ("a\nSteps: 1, Note: one\ntwo, three, CFG scale: 7, Seed: 2", SAID | {"guidance": 7.0},
         ["not understood and left out: Note"]),
        ("a\nSteps: 1, Note: one\nSampler: Euler, CFG scale: 7, Seed: 2",
         SAID | {"guidance": 7.0, "sampler": "euler", "schedule": "default"}, ["not understood and left out: Note"]),
        ("a\nSteps: 1, CFG scale: 7,5, Seed: 2", SAID | {"guidance": 7.5}, []),
        ("a\nSteps: 1, CFG scale: high, low, Seed: 2", SAID,
         ["CFG scale is 'high, low', which is not a number that can be used; it was left out"]),
        ("a\nSteps: 1, Sampler: dpmpp_2m, Schedule type: sgm_uniform, Seed: 2",
         SAID | {"sampler": "dpm++ 2m", "schedule": "sgm uniform"}, []),
    ],
)  # fmt: skip
def test_reads_what_others_write(text: str, expected: dict[str, Any], warnings: list[str]) -> None:
    meta, told = meta_from_infotext(text)
    assert (meta, sentences(told)) == (expected, warnings)


@given(
    st.text()
    | st.text(st.sampled_from('abS:,"\\{}[]\n 1x.Steps'))
    | st.text().map("a\nSteps: 1, Seed: 2, Size: ".__add__)
)
def test_never_raises(text: str) -> None:
    meta, warnings = meta_from_infotext(text)
    assert isinstance(meta["prompt"], str)
    assert all(len(str(warning)) < 1000 for warning in warnings)


@pytest.mark.parametrize("part", ["k:{,", 'k:",', " ", "a:b,", "k: 1\n", "\n"])
@pytest.mark.parametrize("before", ["", "a", "Steps: 1, Seed: 2, Size: 8x8, "])
def test_hostile_texts_take_linear_time(before: str, part: str) -> None:
    grows_with_length(meta_from_infotext, lambda count: before + part * count, 2_000)


def test_controls_and_second_seeds_stand_as_its_extension_writes_them() -> None:
    control = {
        "model": "sd15_canny",
        "image": "0" * 64,
        "preprocess": "canny",
        "digest": "d14c016b" + "0" * 56,
    }
    meta = {"prompt": "a", "num_steps": 9, "seed": "5", "subseed": "7", "subseed_strength": 0.25, "control": [control]}
    text = infotext_from_meta(meta)
    assert "Variation seed: 7, Variation seed strength: 0.25" in text
    assert (
        'ControlNet 0: "Module: canny, Model: sd15_canny [d14c016b], Weight: 1, Resize Mode: Crop and Resize, '
        'Threshold A: 100, Threshold B: 200, Guidance Start: 0, Guidance End: 1"'
    ) in text
    read, warnings = meta_from_infotext(text)
    assert (read["subseed"], read["subseed_strength"], warnings) == (7, 0.25, [])
    control = {"model": "sd15_canny", "preprocess": "canny", "strength": 1.0, "start": 0.0, "end": 1.0}
    options = {"low_threshold": 100.0, "high_threshold": 200.0}
    assert read["control"] == [control | {"resize": "crop", "options": options}], "it holds no picture"


@pytest.mark.parametrize(("preprocess", "options"), [(name, row.options) for name, row in PREPROCESSORS.items()])
def test_every_map_of_a_control_comes_back(preprocess: str, options: dict[str, MapOption]) -> None:
    told = {} if preprocess in ("lineart", "normal") else {key: option.most for key, option in options.items()}
    control = {"model": "x", "image": "0" * 64, "preprocess": preprocess, "options": told, "resize": "fit", "end": 0.5}
    (read,) = meta_from_infotext(
        infotext_from_meta({"prompt": "a", "num_steps": 9, "seed": "5", "control": [control]})
    )[0]["control"]
    assert (read["preprocess"], read.get("options", {}), read["resize"]) == (preprocess, told, "fit")
    assert (read["strength"], read["start"], read["end"]) == (1.0, 0.0, 0.5)


@pytest.mark.parametrize(
    ("written", "control", "told"),
    [
        ('ControlNet 0: "Module: depth_midas, Model: control_v11f1p_sd15_depth [cfd03158], Weight: 0.75, Resize Mode: '
         'Just Resize, Low Vram: False, Guidance Start: 0, Guidance End: 0.7, Control Mode: Balanced"',
         {"model": "control_v11f1p_sd15_depth", "preprocess": "depth", "strength": 0.75, "start": 0.0, "end": 0.7,
          "resize": "stretch"},
         ["ControlNet 0 is 'depth_midas', which isn't here; depth makes the map in its place"]),
        ('ControlNet: "preprocessor: canny, model: control_v11p_sd15_canny, weight: 1.35-1.5, starting/ending: (0.05, '
         '1), resize mode: Resize and Fill, pixel perfect: False, control mode: Balanced, preprocessor params: (512, '
         '75, 90)"',
         {"model": "control_v11p_sd15_canny", "preprocess": "canny", "start": 0.05, "end": 1.0, "resize": "fit",
          "options": {"low_threshold": 75.0, "high_threshold": 90.0}},
         ["weight is '1.35-1.5', which is not a number that can be used; it was left out"]),
        ('ControlNet 1: "Module: ip-adapter_clip_sd15, Model: ip-adapter_sd15 [6a3f6166], Weight: 1"', None,
         ["not understood and left out: ControlNet 1"]),
        ('ControlNet 0: "Module: none, Model: None, Weight: 1"', None, ["not understood and left out: ControlNet 0"]),
    ],
)  # fmt: skip
def test_controls_of_others_are_read(written: str, control: dict[str, Any] | None, told: list[str]) -> None:
    meta, warnings = meta_from_infotext(f"a\nSteps: 1, Seed: 2, CFG scale: 7, {written}, Version: v1.9.3")
    assert (meta.get("control"), sentences(warnings)) == (control and [control], told)
