"""What clients of AUTOMATIC1111's `txt2img` and `img2img` can say, declared once: checks, schema, documentation follow.

Names and defaults: https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/api/models.py, which
takes them from `modules/processing.py`. What isn't declared here belongs to our own `GenerateRequest`, under the names
of `NAMES`, or is named in the warnings.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ...asking.names import MAX_NAME, ModelName
from ...asking.request import ALIASES, MAX_SIDE, MAX_STEPS, PromptText
from ...messages import message

MAX_BATCH = 16
MAX_STYLES = 16
MAX_INFOTEXT = 100_000
"""Characters: a prompt, what it is to keep from, and what stands beside them."""
STRENGTH = 0.75
"""How much of a picture is painted anew where a client doesn't say it."""
USUAL: Mapping[str, Any] = MappingProxyType({"num_steps": 50, "guidance": 7.0, "sampler": "euler"})
"""What that program takes for what isn't said, under our names: where neither a preset, nor the owner, nor the model's
own file says otherwise."""
NAMES = ALIASES | {"refiner_checkpoint": "refiner", "refiner_switch_at": "refiner_at"}
"""Its names of our fields that mean the same."""
SAMPLER_OPTIONS = ("eta", "s_churn", "s_tmin", "s_tmax", "s_noise")
"""What samplers are told beside, which is one field here."""
NAMED = {
    "img": "init_images", "num_steps": "steps", "guidance": "cfg_scale", "neg": "negative_prompt", "clip": "clip_skip",
    "sampler": "sampler_name", "schedule": "scheduler", "strength": "denoising_strength", "resize": "resize_mode",
    "refiner": "refiner_checkpoint", "refiner_at": "refiner_switch_at", "preset": "styles", "count": "batch_size",
    "model": "sd_model_checkpoint", "vae": "sd_vae", "control": "alwayson_scripts.controlnet.args",
    "hires.scale": "hr_scale", "hires.steps": "hr_second_pass_steps", "hires.upscaler": "hr_upscaler",
    "hires.strength": "denoising_strength", "hires.prompt": "hr_prompt", "hires.neg": "hr_negative_prompt",
    "hires.sampler": "hr_sampler_name", "hires.schedule": "hr_scheduler", "hires.guidance": "hr_cfg",
    "mask_padding": "inpaint_full_res_padding", "mask_fill": "inpainting_fill", "noise": "randn_source",
    "seed_width": "seed_resize_from_w", "seed_height": "seed_resize_from_h",
    **{f"sampler_options.{name}": name for name in SAMPLER_OPTIONS},
}  # fmt: skip
"""What our fields are called in this dialect."""

Times = Annotated[int, Meta(ge=1, le=MAX_BATCH)]
Blur = Annotated[float, Meta(ge=0, le=64)]
HiresSide = Annotated[int, Meta(ge=-MAX_SIDE, le=4 * MAX_SIDE)]
AnyObject = Annotated[dict[str, Any], Meta(extra={"allowed": message("value.object")})]
MAX_MODULES = 16
SettingText = Annotated[str, Meta(max_length=MAX_NAME)]
PictureText = Annotated[str, Meta(description="In base64 or as a data URL.")]


class WebUIFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Its own parameters, beside those that are ours under other names; None is not said."""

    sampler_name: Annotated[
        str | None, Meta(description='As /sdapi/v1/samplers lists them; "DPM++ 2M Karras" says its schedule too.')
    ] = None
    sampler_index: Annotated[str | None, Meta(description="The same, where sampler_name isn't said.")] = None
    scheduler: Annotated[
        str | None,
        Meta(description="As /sdapi/v1/schedulers lists them; Automatic: what goes with sampler and model."),
    ] = None
    batch_size: Annotated[Times | None, Meta(description="How many pictures, times n_iter.")] = None
    n_iter: Annotated[Times | None, Meta(description="How often.")] = None
    styles: Annotated[
        Annotated[tuple[str, ...], Meta(max_length=MAX_STYLES)] | None,
        Meta(description="Presets, one around the other; what they keep out counts beside negative_prompt."),
    ] = None
    override_settings: Annotated[
        AnyObject | None,
        Meta(description="sd_model_checkpoint, sd_vae, CLIP_stop_at_last_layers, samples_format, jpeg_quality, "
        "randn_source, forge_additional_modules."),
    ] = None  # fmt: skip
    override_settings_restore_afterwards: Annotated[
        bool | None, Meta(description="false: they hold for this client from now on.")
    ] = None
    send_images: Annotated[bool | None, Meta(description="false: the answer holds no pictures.")] = None
    alwayson_scripts: Annotated[
        AnyObject | None,
        Meta(description="controlnet, as its extension has it; others are named in the warnings."),
    ] = None
    script_name: Annotated[str | None, Meta(description="There is none: 422.")] = None
    force_task_id: Annotated[SettingText | None, Meta(description="What /internal/progress knows it by.")] = None
    infotext: Annotated[
        Annotated[str, Meta(max_length=MAX_INFOTEXT)] | None,
        Meta(description="A picture's parameters: they say what the request doesn't."),
    ] = None
    seed_resize_from_w: Annotated[
        int | None, Meta(description="With seed_resize_from_h: the size whose noise the seed makes; up to 0: none.")
    ] = None
    seed_resize_from_h: Annotated[int | None, Meta(description="Likewise.")] = None
    eta: Annotated[float | None, Meta(description="How much noise is drawn anew: ancestral samplers, 1; DDIM, 0.")] = (
        None
    )
    s_churn: Annotated[float | None, Meta(description="Noise before steps: Euler, Heun and DPM2; 0.")] = None
    s_tmin: Annotated[float | None, Meta(description="With it: from this noise level")] = None
    s_tmax: Annotated[float | None, Meta(description="to this one; 0: without an end.")] = None
    s_noise: Annotated[float | None, Meta(description="What noise on the way is multiplied by; 1.")] = None
    denoising_strength: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None, Meta(description="Of the second pass, or of the picture; 0.75.")
    ] = None
    enable_hr: Annotated[bool | None, Meta(description="A second pass, larger.")] = None
    hr_scale: Annotated[float | None, Meta(description="So many times as large; 2.")] = None
    hr_upscaler: Annotated[
        ModelName | None, Meta(description="As /sdapi/v1/upscalers and latent-upscale-modes list them; Latent.")
    ] = None
    hr_second_pass_steps: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_STEPS)] | None, Meta(description="0: as many as the first pass.")
    ] = None
    hr_prompt: Annotated[PromptText | None, Meta(description="What to paint in it; prompt where it is empty.")] = None
    hr_negative_prompt: Annotated[PromptText | None, Meta(description="Likewise, what not to paint.")] = None
    hr_sampler_name: Annotated[str | None, Meta(description="As sampler_name, which it is if not said.")] = None
    hr_scheduler: Annotated[str | None, Meta(description="As scheduler, likewise.")] = None
    hr_cfg: Annotated[float | None, Meta(description="Forge's: its CFG scale; 1 is that of the first pass.")] = None
    hr_checkpoint_name: Annotated[
        str | None, Meta(description="The model that is used anyway; another is refused: both passes are one model's.")
    ] = None
    hr_resize_x: Annotated[HiresSide | None, Meta(description="In place of hr_scale: the width that comes out.")] = None
    hr_resize_y: Annotated[HiresSide | None, Meta(description="Likewise, the height.")] = None
    init_images: Annotated[
        tuple[PictureText, ...] | None, Meta(description="img2img: the picture to start from, the first of them.")
    ] = None
    mask: Annotated[
        PictureText | None, Meta(description="img2img: white is painted; of a mask with transparency, what isn't.")
    ] = None
    resize_mode: Annotated[
        Annotated[int, Meta(ge=0, le=3)] | None,
        Meta(description="0 stretches, 1 crops, 2 fills, 3 (latents resized) is as 0."),
    ] = None
    mask_blur: Annotated[Blur | None, Meta(description="Pixels by which the mask's edge is soft; 4.")] = None
    mask_blur_x: Annotated[Blur | None, Meta(description="The same across alone.")] = None
    mask_blur_y: Annotated[Blur | None, Meta(description="The same down alone.")] = None
    inpainting_mask_invert: Annotated[bool | int | None, Meta(description="Paint where the mask doesn't.")] = None
    inpainting_fill: Annotated[
        Annotated[int, Meta(ge=0, le=3)] | None,
        Meta(
            description="What is under the mask at first: 0 the colours around, 1 the picture, 2 noise, 3 nothing; 0."
        ),
    ] = None
    inpaint_full_res: Annotated[
        bool | int | None, Meta(description="Paint only what is around the mask, at width and height; true.")
    ] = None
    inpaint_full_res_padding: Annotated[
        Annotated[int, Meta(ge=0, le=1024)] | None,
        Meta(description="With so many pixels of the picture at each side; 0."),
    ] = None
    include_init_images: Annotated[bool | None, Meta(description="Give them back among the parameters.")] = None


class WebUIOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Of that program's settings, those that a client may have of its own; None is not said."""

    sd_model_checkpoint: SettingText | None = None
    sd_vae: SettingText | None = None
    CLIP_stop_at_last_layers: int | None = None
    forge_additional_modules: Annotated[list[SettingText], Meta(max_length=MAX_MODULES)] | None = None
    samples_format: SettingText | None = None
    jpeg_quality: int | None = None
    randn_source: Literal["GPU", "CPU", "NV"] | None = None


OF_PICTURES = frozenset(
    ["init_images", "mask", "resize_mode", "mask_blur", "mask_blur_x", "mask_blur_y", "inpainting_mask_invert",
     "inpainting_fill", "inpaint_full_res", "inpaint_full_res_padding", "include_init_images"]
)  # fmt: skip
"""Of `WebUIFields`, what `img2img` alone takes."""
OF_SECOND_PASSES = frozenset(
    [
        "enable_hr",
        "hr_scale",
        "hr_upscaler",
        "hr_second_pass_steps",
        "hr_resize_x",
        "hr_resize_y",
        "hr_prompt",
        "hr_negative_prompt",
        "hr_sampler_name",
        "hr_scheduler",
        "hr_cfg",
        "hr_checkpoint_name",
    ]
)
"""What `txt2img` alone takes."""
UNHEEDED: Mapping[str, tuple[object, ...]] = MappingProxyType({
    "restore_faces": (False,), "s_min_uncond": (0, 0.0), "image_cfg_scale": (1.5,),
    "initial_noise_multiplier": (1, 1.0), "hr_additional_modules": ([], ["Use same choices"]),
    "firstphase_width": (0,), "firstphase_height": (0,), "save_images": (False,), "disable_extra_networks": (False,),
})  # fmt: skip
"""What has no effect here, and so is named in the warnings unless it says one of these."""
IGNORED = frozenset(
    ["do_not_save_samples", "do_not_save_grid", "script_args", "comments", "mask_round", "latent_mask", "url", "auth",
     "image_mask", "inpainting_color_sketch", "outpath_samples", "outpath_grids", "sampler_noise_scheduler_override"]
)  # fmt: skip
"""What says nothing about the picture here, whatever it says."""
EMPTY = ("", "None", "none", "Automatic")
"""What is said for nothing, where a name would stand: no set, which can't be asked for a list."""


def _defaults() -> dict[str, Any]:
    usual: dict[str, Any] = {
        "prompt": "", "negative_prompt": "", "styles": None, "seed": -1, "subseed": -1, "subseed_strength": 0,
        "seed_resize_from_h": -1, "seed_resize_from_w": -1, "sampler_name": None, "scheduler": None, "batch_size": 1,
        "n_iter": 1, "steps": 50, "cfg_scale": 7.0, "width": 512, "height": 512, "restore_faces": None, "tiling": None,
        "do_not_save_samples": False, "do_not_save_grid": False, "eta": None, "denoising_strength": None,
        "s_min_uncond": None, "s_churn": None, "s_tmax": None, "s_tmin": None, "s_noise": None,
        "override_settings": None, "override_settings_restore_afterwards": True, "refiner_checkpoint": None,
        "refiner_switch_at": None, "disable_extra_networks": False, "comments": None, "force_task_id": None,
        "sampler_index": "Euler", "script_name": None, "script_args": [], "send_images": True, "save_images": False,
        "alwayson_scripts": {}, "infotext": None,
    }  # fmt: skip
    return usual


DEFAULTS: Mapping[str, Any] = MappingProxyType(_defaults())
"""What that program gives back as `parameters` of a request that says nothing."""
