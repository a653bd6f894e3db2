"""Its second pass ("hires. fix") as ours."""

from __future__ import annotations

from typing import Any

from ...messages import Message, message
from ...words.control_units import model_called
from ...words.errors import Unsupported
from ...words.samplers import NoiseKind
from ...words.upscalers import OF_LATENTS, OF_PICTURES
from .fields import STRENGTH, WebUIFields
from .samplers import chosen_sampler

SCALE = 2.0
STEPS = 50
"""Where nobody says how many: for what goes with a sampler in so many."""
_SAME = (None, "", "Use same checkpoint", "Use same sampler", "Use same scheduler")
NONE = "None"
_LATENT = "Latent"
LATENT_MODES = (
    _LATENT, "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)", "Latent (nearest)",
    "Latent (nearest-exact)",
)  # fmt: skip
"""Its ways of enlarging latents, of which there is one here."""
PLAIN_UPSCALERS = (NONE, "Lanczos", "Bicubic")
"""Of its ways of enlarging pictures, those that need no file."""
_OURS = {NONE: OF_PICTURES[0], "Lanczos": "lanczos", "Bicubic": "bicubic", _LATENT: OF_LATENTS}
_INSTEAD = dict.fromkeys(LATENT_MODES[1:], OF_LATENTS) | {"Nearest": OF_PICTURES[0]}


def second_pass(fields: WebUIFields, width: object, height: object, warnings: list[Message]) -> dict[str, Any] | None:
    """What `hires` of a request is, of which warnings tell too; None without one."""
    if not fields.enable_hr:
        return None
    scale = SCALE if fields.hr_scale is None else fields.hr_scale
    scale = _scale_to((fields.hr_resize_x or 0, fields.hr_resize_y or 0), (width, height), warnings) or scale
    strength = STRENGTH if fields.denoising_strength is None else fields.denoising_strength
    upscaler = upscaler_meant(fields.hr_upscaler or _LATENT, "hires.upscaler", warnings)
    return {"scale": scale, "strength": strength, "upscaler": upscaler, "steps": fields.hr_second_pass_steps or 0}


def own_second_pass(fields: WebUIFields, model: str | None, sampler: str | None, kind: NoiseKind) -> dict[str, Any]:
    """What a second pass has that isn't the first one's. Raises Unsupported for a model of its own."""
    named = fields.hr_checkpoint_name
    if named and named not in _SAME and (model is None or model_called(named) != model_called(model)):
        raise Unsupported(message("webui.second_model", "hr_checkpoint_name", value=named[:40]))
    words = {"prompt": fields.hr_prompt, "neg": fields.hr_negative_prompt}
    own: dict[str, Any] = {name: text for name, text in words.items() if text}
    own |= {"guidance": fields.hr_cfg} if fields.hr_cfg not in (None, 1) else {}
    name, schedule = (None if each in _SAME else each for each in (fields.hr_sampler_name, fields.hr_scheduler))
    if name is None and schedule is None:
        return own
    chosen = chosen_sampler(name or sampler, schedule or fields.scheduler, kind, fields.hr_second_pass_steps or STEPS)
    return own | {"sampler": chosen.sampler or name, "schedule": chosen.schedule or "default"}


def upscaler_meant(name: str, field: str, warnings: list[Message]) -> str:
    """Our name of what enlarges; that of a file stays as it is."""
    if (instead := _INSTEAD.get(name)) is not None:
        warnings.append(message("webui.made_as", field, value=name, used=instead))
        return instead
    return _OURS.get(name, name)


def _scale_to(wanted: tuple[int, int], size: tuple[object, object], warnings: list[Message]) -> float | None:
    """So many times the picture's size is what is wanted; None where nothing is."""
    scales = [
        into / side for into, side in zip(wanted, size, strict=True) if into > 0 and isinstance(side, int) and side > 0
    ]
    if len(scales) > 1 and abs(scales[0] - scales[1]) > 0.02:
        warnings.append(message("webui.shape", "hires.scale", width=str(size[0]), height=str(size[1])))
    return max(scales, default=None)
