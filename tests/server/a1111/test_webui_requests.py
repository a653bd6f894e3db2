"""What clients of AUTOMATIC1111 say, as a `GenerateRequest`: each field has its place, or is named in the warnings."""

import pytest

from imagine.asking.request import GenerateRequest, SamplerWish, SecondPass
from imagine.messages import field_of, sentences
from imagine.server.a1111.fields import NAMED, USUAL
from imagine.server.a1111.requests import WebUIUsual, webui_request_from
from imagine.server.a1111.samplers import SCHEDULES, chosen_sampler, listed_samplers
from imagine.server.http.security import Refused
from imagine.words.control_units import map_made, model_called
from imagine.words.errors import BadRequest
from imagine.words.samplers import SAMPLERS

A1111_USUAL = WebUIUsual(fills=USUAL)
SILLY_TAVERN = {
    "prompt": "a fox", "negative_prompt": "blur", "sampler_name": "Euler a", "scheduler": "Karras", "steps": 20,
    "cfg_scale": 7, "width": 512, "height": 768, "restore_faces": False, "enable_hr": False, "hr_upscaler": "Latent",
    "hr_scale": 1.5, "hr_additional_modules": [], "denoising_strength": 0.7, "hr_second_pass_steps": 0, "seed": -1,
    "override_settings": {"CLIP_stop_at_last_layers": 2, "sd_vae": "Automatic"}, "clip_skip": 2,
    "override_settings_restore_afterwards": True, "save_images": True, "send_images": True, "do_not_save_grid": False,
    "do_not_save_samples": False, "url": "http://127.0.0.1:7860", "auth": "",
}  # fmt: skip
"""As SillyTavern 1.19 sends it, source `auto`."""
OPEN_WEBUI = {"prompt": "a fox", "batch_size": 2, "width": 512, "height": 512, "steps": 20, "negative_prompt": "fog"}
"""As Open WebUI 0.12 sends it, engine `automatic1111`."""


def said(body, usual=WebUIUsual(), shown=False, **options):  # noqa: B008 - a value
    return webui_request_from({"prompt": "x"} | body, usual, options, shown=shown)


def test_requests_as_programs_send_them():
    wish = said(SILLY_TAVERN, A1111_USUAL)
    assert wish.request == GenerateRequest(
        prompt="a fox", neg="blur", sampler="euler a", schedule="karras", num_steps=20, guidance=7.0, width=512,
        height=768, seed=-1, clip=2,
    )  # fmt: skip
    assert sentences(wish.warnings) == ["without effect here: save_images"]
    wish = said(OPEN_WEBUI, A1111_USUAL)
    assert wish.request == GenerateRequest(
        prompt="a fox", neg="fog", count=2, width=512, height=512, num_steps=20, guidance=7.0, sampler="euler",
    )  # fmt: skip
    assert (wish.warnings, wish.filled) == ([], ("guidance", "sampler"))


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"seed": 2**64 - 1}, "seed", 2**64 - 1),
        ({"seed": "4294967296"}, "seed", 2**32),
        ({"seed": None}, "seed", None),
        ({"subseed": 5, "subseed_strength": 0.2}, "subseed", 5),
        ({"subseed": 5, "subseed_strength": 0}, "subseed", None),
        ({"batch_size": 2, "n_iter": 3}, "count", 6),
        ({"n_iter": 1}, "count", None),
        ({"steps": "12"}, "num_steps", 12),
        ({"steps": 12.0}, "num_steps", 12),
        ({"clip_skip": 2}, "clip", 2),
        ({"distilled_cfg_scale": 3.5}, "distilled_cfg_scale", 3.5),
        ({"styles": ["soft"]}, "preset", "soft"),
        ({"styles": []}, "preset", None),
        ({"override_settings": {"sd_model_checkpoint": "fox.safetensors [0123456789]"}}, "model", "fox.safetensors"),
        ({"override_settings": {"sd_vae": "None"}}, "vae", "own"),
        ({"override_settings": {"sd_vae": "Automatic"}}, "vae", None),
        ({"override_settings": {"CLIP_stop_at_last_layers": 2}}, "clip", 2),
        ({"refiner_checkpoint": "owl", "refiner_switch_at": 0.7}, "refiner", "owl"),
        ({"refiner_checkpoint": ""}, "refiner", None),
        ({"refiner_checkpoint": "None", "refiner_switch_at": 0.7}, "refiner_at", None),
        ({"enable_hr": True}, "hires", SecondPass(scale=2.0, strength=0.75, steps=0, upscaler="latent")),
        (
            {
                "enable_hr": True,
                "hr_scale": 1.5,
                "denoising_strength": 0.3,
                "hr_upscaler": "4x-ink",
                "hr_second_pass_steps": 9,
            },
            "hires",
            SecondPass(scale=1.5, strength=0.3, steps=9, upscaler="4x-ink"),
        ),
        (
            {
                "enable_hr": True,
                "width": 512,
                "height": 512,
                "hr_resize_x": 768,
                "hr_resize_y": 768,
                "hr_upscaler": "None",
            },
            "hires",
            SecondPass(scale=1.5, strength=0.75, steps=0, upscaler="lanczos"),
        ),
        ({"denoising_strength": 0.3}, "strength", None),
        ({"tiling": True}, "tiling", True),
        ({"tiling": None}, "tiling", None),
        ({"seed_resize_from_w": 768, "seed_resize_from_h": 512}, "seed_width", 768),
        ({"seed_resize_from_w": -1, "seed_resize_from_h": -1}, "seed_width", None),
        ({"seed_resize_from_w": 0, "seed_resize_from_h": 512}, "seed_height", None),
        ({"sampler_name": "Euler a", "eta": 0.5}, "sampler_options", SamplerWish(eta=0.5)),
        ({"sampler_name": "Euler", "eta": 1.0, "s_tmin": 0.0, "s_tmax": 0.0, "s_noise": 1.0}, "sampler_options", None),
        (
            {"sampler_name": "Heun", "s_churn": 4, "s_tmin": 0.5, "s_tmax": 0, "s_noise": 1.01},
            "sampler_options",
            SamplerWish(s_churn=4, s_tmin=0.5, s_noise=1.01),
        ),
        ({"override_settings": {"randn_source": "CPU"}}, "noise", "a1111-cpu"),
        (
            {
                "enable_hr": True,
                "hr_prompt": "an owl",
                "hr_negative_prompt": "fog",
                "hr_sampler_name": "DPM++ 2M",
                "hr_cfg": 4,
                "hr_checkpoint_name": "Use same checkpoint",
            },
            "hires",
            SecondPass(
                scale=2.0,
                strength=0.75,
                steps=0,
                upscaler="latent",
                prompt="an owl",
                neg="fog",
                guidance=4.0,
                sampler="dpm++ 2m",
                schedule="karras",
            ),
        ),
        (
            {
                "enable_hr": True,
                "sampler_name": "Euler",
                "hr_scheduler": "Exponential",
                "hr_prompt": "",
                "hr_sampler_name": "Use same sampler",
                "hr_cfg": 1,
            },
            "hires",
            SecondPass(scale=2.0, strength=0.75, steps=0, upscaler="latent", sampler="euler", schedule="exponential"),
        ),
        ({"preset": "soft"}, "preset", "soft"),
        ({"infotext": "an owl\nSteps: 9, Sampler: Euler, CFG scale: 3, Seed: 5, Size: 64x96"}, "num_steps", 9),
        ({"infotext": "an owl\nSteps: 9, Sampler: Euler, CFG scale: 3, Seed: 5", "steps": 4}, "num_steps", 4),
        ({"infotext": "an owl\nSteps: 9, Sampler: Heun, CFG scale: 3, Seed: 5"}, "sampler", "heun"),
    ],
)
def test_each_field_has_its_place(body, field, value):
    wish = said(body)
    assert getattr(wish.request, field) == value
    assert wish.warnings == []


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({}, "strength", 0.75),
        ({"denoising_strength": 0.4}, "strength", 0.4),
        ({}, "resize", "stretch"),
        ({"resize_mode": 1}, "resize", None),
        ({"resize_mode": 2}, "resize", "fit"),
        ({"mask": "BBBB"}, "mask", "BBBB"),
        ({"mask": ""}, "mask", None),
        ({"mask": "BBBB"}, "mask_padding", 0),
        ({"mask": "BBBB", "tiling": True}, "mask_padding", None),
        ({"mask": "BBBB"}, "mask_fill", "fill"),
        ({"mask": "BBBB", "inpainting_fill": 1}, "mask_fill", "original"),
        ({"mask": "BBBB", "inpainting_fill": 2}, "mask_fill", "noise"),
        ({"mask": "BBBB", "inpainting_fill": 3}, "mask_fill", "nothing"),
        ({"inpainting_fill": 2}, "mask_fill", None),
        ({"mask": "BBBB", "inpaint_full_res_padding": 32}, "mask_padding", 32),
        ({"mask": "BBBB", "inpaint_full_res": 0, "inpaint_full_res_padding": 32}, "mask_padding", None),
    ],
)
def test_a_picture_to_start_from(body, field, value):
    wish = said({"init_images": ["AAAA"]} | body, shown=True)
    assert (wish.request.img, getattr(wish.request, field)) == ("AAAA", value)
    assert wish.warnings == []


def test_how_a_mask_is_to_be_read():
    masked = {"init_images": ["AAAA"], "mask": "BBBB"}
    assert said(masked, shown=True).mask == (False, (4.0, 4.0))
    assert said(masked | {"mask_blur": 0, "mask_blur_y": 2, "inpainting_mask_invert": 1}, shown=True).mask == (
        True,
        (0, 2),
    )
    assert said({"init_images": ["AAAA"]}, shown=True).mask is None


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ({"restore_faces": True, "s_min_uncond": 0.5}, "without effect here: restore_faces, s_min_uncond"),
        ({"override_settings": {"randn_source": "NV"}}, "without effect here: override_settings.randn_source"),
        (
            {"override_settings": {"eta_noise_seed_delta": 31337}},
            "without effect here: override_settings.eta_noise_seed_delta",
        ),
        (
            {"alwayson_scripts": {"ADetailer": {"args": [{}]}, "Never": {"args": []}}},
            "without effect here: alwayson_scripts.ADetailer",
        ),
        (
            {"alwayson_scripts": {"controlnet": {"args": [{"module": "reference_only", "model": "None"}]}}},
            "control names no model of a ControlNet and was left out",
        ),
        (
            {"sampler_name": "DPM++ 2M Karras", "scheduler": "Exponential"},
            "schedule has no effect: the name of the sampler says its schedule",
        ),
        ({"enable_hr": True, "hr_upscaler": "Nearest"}, "hires.upscaler is 'Nearest'; lanczos is used in its place"),
        ({"nonsense": 1}, "unknown and left out: 'nonsense'"),
    ],
)
def test_what_is_not_honoured_is_named(body, warning):
    assert sentences(said(body).warnings) == [warning]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"steps": 0}, "steps"),
        ({"seed": 2**64}, "seed"),
        ({"alwayson_scripts": []}, "alwayson_scripts"),
        ({"alwayson_scripts": {"controlnet": {"args": ["canny"]}}}, "alwayson_scripts.controlnet.args"),
        ({"batch_size": 9, "n_iter": 9}, "n_iter"),
        ({"width": 1}, "width"),
        ({"cfg_scale": "much"}, "cfg_scale"),
        ({"enable_hr": True, "hr_scale": 9}, "hr_scale"),
        ({"denoising_strength": 2}, "denoising_strength"),
        ({"override_settings": {"sd_model_checkpoint": ["fox"]}}, "sd_model_checkpoint"),
        ({"override_settings": {"forge_additional_modules": [["ae"]]}}, "forge_additional_modules.0"),
        (
            {"alwayson_scripts": {"controlnet": {"args": [{"model": ["canny"]}]}}},
            "alwayson_scripts.controlnet.args.0.model",
        ),
        ({"styles": ["soft"] * 17}, "styles"),
        ({"infotext": "x" * 100_001}, "infotext"),
        ({"enable_hr": True, "hr_checkpoint_name": "owl"}, "hr_checkpoint_name"),
        ({"sampler_name": "DDIM", "eta": 2}, "eta"),
        ({"seed_resize_from_w": 5000, "seed_resize_from_h": 512}, "seed_resize_from_w"),
        ({"force_task_id": "x" * 1001}, "force_task_id"),
    ],
)
def test_what_is_wrong_is_refused_by_its_name(body, field):
    with pytest.raises(BadRequest) as refused:
        said(body)
    assert field_of(refused.value.note, NAMED) == field


def test_long_texts_take_no_more_than_a_look_at_each_character():
    """What takes a look for each pair of them would take hours here."""
    pairs = "a fox <lora:ink:1>\nSteps: 9, Sampler: Euler, CFG scale: 3, Seed: 5, Lora hashes: "
    (lora,) = said({"infotext": f'{pairs}"{"x" * 90_000}, ink: 0123456789ab"'}).request.loras
    assert (lora.name, lora.autov3) == ("ink", "0123456789ab")
    many = 2**20
    assert model_called("a" + " " * many + "b [0123456789]") == "a" + " " * many + "b"
    assert map_made("canny (" + "(" * many + ")").preprocess == "canny"
    assert map_made("(" * many) is None


def test_what_that_program_refuses_otherwise():
    for status, body, shown in ((422, {"script_name": "x/y/z plot"}, False), (404, {"init_images": []}, True)):
        with pytest.raises(Refused) as refused:
            said(body, shown=shown)
        assert refused.value.status == status


def test_a_client_has_options_of_its_own():
    assert said({}, sd_model_checkpoint="owl [0123456789]").request.model == "owl"
    other = {"override_settings": {"sd_model_checkpoint": "fox"}, "override_settings_restore_afterwards": False}
    wish = said(other, sd_model_checkpoint="owl", samples_format="jpg")
    assert (wish.request.model, wish.delivery.output.format) == ("fox", "jpeg")
    assert wish.delivery.kept == {"sd_model_checkpoint": "fox"}
    assert said(other | {"override_settings_restore_afterwards": True}).delivery.kept == {}


def test_modules_as_forge_names_them():
    modules = {"override_settings": {"forge_additional_modules": ["ae.safetensors", "clip_l.safetensors"]}}
    request = said(modules, WebUIUsual(vaes=["ae"])).request
    assert (request.vae, request.text_encoders) == ("ae", ("clip_l",))


def test_a_unit_follows_its_own_picture_or_the_one_to_start_from():
    unit = {"model": "canny [0123456789]", "module": "canny", "weight": 0.8, "processor_res": 512, "threshold_a": 50}
    units = {"alwayson_scripts": {"ControlNet": {"args": [unit | {"image": "CCCC"}, unit | {"enabled": False}]}}}
    (control,) = said(units).request.control
    assert (control.model, control.image, control.preprocess) == ("canny [0123456789]", "CCCC", "canny")
    assert (control.strength, control.options) == (0.8, {"low_threshold": 50})
    units = {"alwayson_scripts": {"controlnet": {"args": [unit | {"image": None}]}}, "init_images": ["AAAA"]}
    assert said(units, shown=True).request.control[0].image == "AAAA"


@pytest.mark.parametrize(
    ("name", "scheduler", "kind", "steps", "chosen"),
    [
        ("DPM++ 2M Karras", None, "ordinary", 20, ("dpm++ 2m", "karras")),
        ("DPM++ 2M", None, "ordinary", 20, ("dpm++ 2m", "karras")),
        ("DPM++ 2M", "Automatic", "ordinary", 4, ("dpm++ 2m", None)),
        ("DPM++ 2M", "", "flow", 20, ("dpm++ 2m", None)),
        ("DPM++ 2M", "Uniform", "ordinary", 20, ("dpm++ 2m", "default")),
        ("Euler SGM Uniform", None, "ordinary", 20, ("euler", "sgm uniform")),
        ("Euler a", "SGMUniform", "ordinary", 20, ("euler a", "sgm uniform")),
        ("k_dpmpp_2m", "exponential", "ordinary", 20, ("dpm++ 2m", "exponential")),
        ("DDIM", "kl_optimal", "ordinary", 20, ("ddim", "kl_optimal")),
        (None, "Beta", "ordinary", 20, (None, "beta")),
    ],
)
def test_samplers_by_their_names_there(name, scheduler, kind, steps, chosen):
    assert chosen_sampler(name, scheduler, kind, steps)[:2] == chosen


def test_every_sampler_and_schedule_that_is_listed_can_be_asked_for():
    for listed in listed_samplers():
        for name in (listed["name"], *listed["aliases"]):
            assert chosen_sampler(name, None, "ordinary", 20).sampler in SAMPLERS, name
    for listed in SCHEDULES[1:]:
        said = {chosen_sampler("Euler", name, "ordinary", 20).schedule for name in (listed.name, listed.label)}
        assert len(said) == 1
