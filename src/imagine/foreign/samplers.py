"""The names that k-diffusion's descendants and diffusers' front ends have for samplers and schedules.

ComfyUI (and SwarmUI, Fooocus, Forge with it) and stable-diffusion.cpp write `dpmpp_2m`, k-diffusion `k_euler_a`,
InvokeAI `dpmpp_2m_k`. Vocabularies read in their public sources: comfy/samplers.py, sd.cpp's `--sampling-method`,
InvokeAI's `SCHEDULER_NAME_VALUES`.
"""

from __future__ import annotations

_SAMPLERS = {
    "ddim": "ddim",
    "ddpm": "ddpm",
    "deis": "deis",
    "dpm_2": "dpm2",
    "dpm_2_a": "dpm2 a",
    "dpm_2_ancestral": "dpm2 a",
    "dpm2": "dpm2",
    "dpm2_a": "dpm2 a",
    "dpmpp_2m": "dpm++ 2m",
    "dpm++2m": "dpm++ 2m",
    "dpmpp_2m_sde": "dpm++ 2m sde",
    "dpmpp_2s": "dpm++ 2s",
    "dpmpp_3m_sde": "dpm++ 3m sde",
    "dpmpp_sde": "dpm++ sde",
    "euler": "euler",
    "euler_a": "euler a",
    "euler_ancestral": "euler a",
    "heun": "heun",
    "kdpm_2": "dpm2",
    "kdpm_2_a": "dpm2 a",
    "lcm": "lcm",
    "lms": "lms",
    "tcd": "tcd",
    "uni_pc": "unipc",
    "uni_pc_bh2": "unipc",
    "unipc": "unipc",
}
_SCHEDULES = {
    "beta": "beta",
    "default": "default",
    "discrete": "default",
    "exponential": "exponential",
    "karras": "karras",
    "normal": "default",
    "sgm_uniform": "sgm uniform",
    "simple": "simple",
}


def sampler_from_other(name: str) -> tuple[str | None, str | None]:
    """Our sampler for another program's name, and the schedule that the name holds; None for what isn't here."""
    base = name.strip().lower().replace(" ", "_").removeprefix("k_").removesuffix("_gpu")
    if base in _SAMPLERS:
        return _SAMPLERS[base], None
    for suffix, schedule in (("_karras", "karras"), ("_exponential", "exponential"), ("_k", "karras")):
        if base.endswith(suffix) and base.removesuffix(suffix) in _SAMPLERS:
            return _SAMPLERS[base.removesuffix(suffix)], schedule
    return None, None


def schedule_from_other(name: str) -> str | None:
    """Our schedule for another program's name; None for one that isn't here."""
    return _SCHEDULES.get(name.strip().lower().replace(" ", "_"))
