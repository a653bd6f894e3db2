"""What a request says of noise beyond its seed: whose numbers, of which size, how much on the way; and its edges."""

from __future__ import annotations

import msgspec

from ..messages import Message, message
from ..words.beside import SECOND_SEEDS, TILES
from ..words.entry import Entry
from ..words.errors import Unsupported
from ..words.recipe import THEIR_NOISE, GenerationParams
from ..words.samplers import SAMPLERS, NoiseKind, SamplerOptions
from .request import GenerateRequest


def with_noise(
    recipe: GenerationParams, request: GenerateRequest, model: Entry, kind: NoiseKind
) -> tuple[GenerationParams, list[Message]]:
    """The recipe with all of it, and what of it has no effect. Raises Unsupported, naming the field."""
    options, warnings = _options(request, recipe.sampler, kind)
    if request.tiling and model.family not in TILES:
        raise Unsupported(message("tiling.family", "tiling", name=model.name))
    sized = request.seed_width is not None and request.seed_height is not None
    if sized and model.family not in SECOND_SEEDS:
        raise Unsupported(message("beside.not_yet", "seed_width"))
    if request.noise == THEIR_NOISE:
        _check_theirs(recipe, model, options)
    made = msgspec.structs.replace(
        recipe, sampler_options=options, tiling=bool(request.tiling), noise=request.noise or "own",
        seed_width=request.seed_width if sized else None, seed_height=request.seed_height if sized else None,
    )  # fmt: skip
    return made, warnings


def _options(request: GenerateRequest, sampler: str, kind: NoiseKind) -> tuple[SamplerOptions | None, list[Message]]:
    if request.sampler_options is None:
        return None, []
    said = {name: value for name, value in msgspec.structs.asdict(request.sampler_options).items() if value is not None}
    heeded, vain = SAMPLERS[sampler].told_by(SamplerOptions(**said), kind)
    return heeded, [message("no_effect.sampler", f"sampler_options.{name}", sampler_name=sampler) for name in vain]


def _check_theirs(recipe: GenerationParams, model: Entry, options: SamplerOptions | None) -> None:
    """Raises Unsupported where the noise wouldn't be that program's to the bit."""
    second = recipe.sampler if recipe.hires is None else recipe.hires.sampler or recipe.sampler
    if model.family not in SECOND_SEEDS:
        raise Unsupported(message("beside.not_yet", "noise"))
    others = [name for name in (recipe.sampler, second) if not _is_drawn_as_there(name)]
    if others or (options is not None and options.s_churn):
        value = others[0] if others else "s_churn"
        alike = ", ".join(name for name in SAMPLERS if _is_drawn_as_there(name))
        raise Unsupported(message("noise.sampler", "noise", value=value, able=alike))


def _is_drawn_as_there(sampler: str) -> bool:
    row = SAMPLERS[sampler]
    return not row.random or row.drawn_as_there
