"""From what was asked to complete recipes: `GenerateRequest` → `GenerationParams`, one for each picture.

What a request doesn't say comes from the model's or the server's `Defaults`, else from the constants here. A style
preset is no part of this: it fills in what the request doesn't say, before (`preset` is then None). Nothing that was
said goes unheeded without a word: it is refused, or named in the warnings.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from ..families.defaults import defaults_of, distilling_defaults
from ..families.table import facts_of
from ..messages import Message, message
from ..pictures.foreign.infotext import sampler_from_name
from ..words.beside import SECOND_SEEDS
from ..words.conjuncts import conjuncts
from ..words.entry import Entry
from ..words.errors import BadRequest, Unsupported
from ..words.frames import PreviewSettings
from ..words.model_names import OWN
from ..words.recipe import MAX_SEED, Control, Extend, GenerationParams, Hires, Reference
from ..words.samplers import SAMPLERS, SCHEDULES, NoiseKind, find, plain_name
from ..words.upscalers import UPSCALER
from ..words.watermark import WATERMARK
from . import sizes
from .duration import seconds_from_duration
from .effort import unheeded, within_bounds
from .first_picture import enlarged_by
from .loras import LORA_NAMES, ChosenLora, LoraNames
from .names import ModelName
from .noise import with_noise
from .prompt_tags import without_tags
from .request import (
    MAX_ENCODERS,
    NAMES,
    GenerateRequest,
    Guidance,
    Margins,
    Name,
    PromptText,
    SecondPass,
    Side,
    Steps,
    digests_in,
)

T = TypeVar("T")

NUM_STEPS = 25
GUIDANCE = 7.0
SAMPLER = "dpm++ 2m"
SCHEDULE = "default"
STRENGTH = 0.8
SIDE = 512
"""Of a checkpoint that doesn't tell its own."""


class Defaults(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """What the server, or a model's part of its configuration, sets for what a request doesn't say."""

    num_steps: Annotated[Steps | None, Meta(description="Steps from noise to picture.")] = None
    guidance: Annotated[Guidance | None, Meta(description="How closely to follow the prompt.")] = None
    true_cfg: Annotated[
        Guidance | None, Meta(description="Beside the guidance that a model is told: keep from neg.")
    ] = None
    sampler: Annotated[Name | None, Meta(description="The algorithm that steps.")] = None
    schedule: Annotated[Name | None, Meta(description="The spacing of noise levels, for the default sampler.")] = None
    width: Annotated[Side | None, Meta(description="Pixels; otherwise the model's own.")] = None
    height: Annotated[Side | None, Meta(description="Pixels; otherwise the model's own.")] = None
    neg: Annotated[PromptText | None, Meta(description="What not to paint.")] = None
    vae: Annotated[ModelName | None, Meta(description="A VAE file in place of the model's own; of one model only.")] = (
        None
    )
    text_encoders: Annotated[
        ModelName | Annotated[tuple[ModelName, ...], Meta(min_length=1, max_length=MAX_ENCODERS)] | None,
        Meta(description="Text encoder files, likewise: a name, or a list of names.", extra=NAMES),
    ] = None
    loras: Annotated[
        LoraNames | None,
        Meta(description="LoRAs, where none are asked for; of one model only: as in a request.", extra=LORA_NAMES),
    ] = None

    def over(self, general: Defaults) -> Defaults:
        """These where they say something, `general` where they don't; a schedule stays with its sampler."""
        stated = {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}
        if "sampler" in stated:
            stated.setdefault("schedule", None)
        return msgspec.structs.replace(general, **stated)


NO_DEFAULTS = Defaults()
NO_PARTS: Mapping[str, Entry] = {}
_FIELDS = {"vae": "vae", "refiner": "refiner", UPSCALER: "hires.upscaler"}
"""What of a request names a file, by what that is to the model; all others are text encoders."""
_STATED = {"imagine.num_steps": "num_steps", "imagine.guidance": "guidance"}


def stated_by(model: Entry) -> Defaults:
    """What a model's file names as its own in its metadata, else what such a model wants: one made for few steps, few.

    A value that can't be asked for is as none.
    """
    defaults = Defaults(**defaults_of(model))
    for key, name in _STATED.items():
        with contextlib.suppress(msgspec.ValidationError):
            parsed = msgspec.convert({name: model.metadata.get(key)}, Defaults, strict=False)
            if math.isfinite(getattr(parsed, name) or 0):
                defaults = parsed.over(defaults)
    return defaults


def wanted_with(model: Entry, loras: Sequence[ChosenLora]) -> Defaults:
    """What the model wants with these beside it, where one of them has it take few steps."""
    wanted = distilling_defaults(model.family, [(file, lora.weight) for lora, file in loras])
    return NO_DEFAULTS if wanted is None else Defaults(**msgspec.structs.asdict(wanted))


class Picture(msgspec.Struct, frozen=True):
    """What a recipe must know of a picture that came with a request: its file's SHA-256, in hex, and its size when
    upright."""

    digest: str
    width: int
    height: int


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be made, and how it is to be told.

    `keep_alive` is in seconds, negative for ever, None where the request leaves it to the server.
    """

    params: list[GenerationParams]
    """One for each picture, of seeds that follow each other."""
    warnings: list[Message]
    preview: PreviewSettings = PreviewSettings()
    keep_alive: float | None = None


def resolve(
    request: GenerateRequest, *, model: Entry, random_seed: Callable[[], int], defaults: Defaults = NO_DEFAULTS,
    img: Picture | None = None, mask: Picture | None = None, parts: Mapping[str, Entry] = NO_PARTS,
    loras: Sequence[ChosenLora] = (), control: Sequence[Control] = (), references: Sequence[Reference] = (),
    varies: bool = False, styled: Collection[str] = (),
) -> Resolved:  # fmt: skip
    """The recipes of `request` on `model`. `img` and `mask` describe the pictures that the request carries.

    `defaults` are the model's own over the server's; `random_seed` draws 0…2^64 − 1 and is asked only where no seed
    was said; `parts` are the files used beside the model's own, a refiner too, by what they are to it, and `loras` what
    goes beside them: the recipe has their names as they are listed, however they were said. `control` and `references`
    are as a recipe has them; where the picture `varies` what `img` is, that is one of them and only tells the size.
    `styled` are the fields that a preset said, which make way where they don't fit the model.
    Raises BadRequest or Unsupported, naming the field.
    """
    assert (request.img is None) == (img is None), "img is described where there is one"
    assert (request.mask is None) == (mask is None), "mask is described where there is one"
    _check(request)
    conjuncts(request.prompt)
    warnings = [*_without_effect(request), *_of_another_model(request, model, parts), *_of_another_lora(loras)]
    request, notes = within_bounds(request, model, loras, styled)
    request, more = _with_sampler_that_runs(request, model, defaults, styled)
    warnings += [*notes, *more]
    size = _size(request, model, defaults, img, warnings)
    if request.neg is None and defaults.neg:
        plain = without_tags(defaults.neg, "neg")
        defaults = msgspec.structs.replace(defaults, neg=plain.text)
        warnings += plain.notes
    recipe = _recipe(request, model, defaults, size, parts, loras)
    recipe = msgspec.structs.replace(recipe, control=tuple(control), references=tuple(references))
    if img is not None and not varies:
        strength, resize = _first(request.strength, None, STRENGTH), request.resize or "crop"
        recipe = msgspec.structs.replace(recipe, img=img.digest, strength=strength, resize=resize)
    if mask is not None:
        fill = request.mask_fill or "original"
        recipe = msgspec.structs.replace(recipe, mask=mask.digest, mask_padding=request.mask_padding, mask_fill=fill)
    recipe = _with_own_second_pass(recipe, kind_of(model))
    recipe, notes = with_noise(recipe, request, model, kind_of(model))
    warnings += notes
    why = unheeded(recipe, model)
    if request.neg and why is not None and len(conjuncts(recipe.prompt)) == 1:
        warnings.append(why)
    return Resolved(
        params=_seeded(recipe, request, model, random_seed),
        warnings=warnings,
        preview=PreviewSettings(kind=request.preview or "linear", every=request.stream or 0),
        keep_alive=keep_alive_seconds(request.keep_alive),
    )


def _recipe(
    request: GenerateRequest,
    model: Entry,
    defaults: Defaults,
    size: sizes.Size,
    parts: Mapping[str, Entry],
    loras: Sequence[ChosenLora],
) -> GenerationParams:
    """The recipe but for its seed, and for the pictures it starts from."""
    extend, hires = _extend(request.extend), _hires(request.hires, size, parts.get(UPSCALER))
    sizes.check_result(size, extend, hires)
    num_steps = _first(request.num_steps, defaults.num_steps, NUM_STEPS)
    sampler, schedule = _sampler(request, defaults, kind_of(model), num_steps)
    recipe = GenerationParams(
        model=model.name, digest=model.digest, prompt=request.prompt, neg=_first(request.neg, defaults.neg, ""),
        width=size[0], height=size[1], num_steps=num_steps,
        guidance=_first(request.guidance, defaults.guidance, GUIDANCE),
        sampler=sampler, schedule=schedule, seed=0,
        assisted=request.assisted, template=request.template, neg_template=request.neg_template,
        clip=request.clip or 1, extend=extend, fit=request.fit or "native", hires=hires,
        vae=parts["vae"].name if "vae" in parts else None,
        text_encoders=tuple(part.name for role, part in parts.items() if _field_of(role) == "text_encoders"),
        refiner=parts["refiner"].name if "refiner" in parts else None,
        loras=tuple(chosen.recorded for chosen in loras),
        watermark=WATERMARK if request.watermark is True else request.watermark or None,
        reproducible=bool(request.reproducible), buckets=request.buckets,
    )  # fmt: skip
    if facts_of(model.family).takes_number(
        model.variant
    ):  # others aren't told one, and what isn't said here isn't recorded
        true_cfg = float(_first(request.true_cfg, defaults.true_cfg, 1.0))
        recipe = msgspec.structs.replace(recipe, true_cfg=true_cfg)
    if request.refiner is not None and request.refiner_at is not None:
        recipe = msgspec.structs.replace(recipe, refiner_at=float(request.refiner_at))
    return recipe


def _seeded(
    recipe: GenerationParams, request: GenerateRequest, model: Entry, random_seed: Callable[[], int]
) -> list[GenerationParams]:
    """The recipe with each picture's seed; where some of a second one is wanted, only that differs, as in
    AUTOMATIC1111."""
    seeds = seeds_of(request, random_seed)
    if not request.subseed_strength:
        return [msgspec.structs.replace(recipe, seed=seed) for seed in seeds]
    if model.family not in SECOND_SEEDS:
        raise Unsupported(message("beside.not_yet", "subseed_strength"))
    first = int(-1 if request.subseed is None else request.subseed)
    first = random_seed() if first < 0 else first
    recipe = msgspec.structs.replace(recipe, seed=seeds[0], subseed_strength=float(request.subseed_strength))
    return [msgspec.structs.replace(recipe, subseed=(first + i) & MAX_SEED) for i in range(len(seeds))]


def vae_of(request: GenerateRequest, defaults: Defaults) -> str | None:
    """The name of the VAE file to be used, None for the model's own."""
    name = request.vae or defaults.vae
    return None if name == OWN else name


def check_needs(model: Entry, request: GenerateRequest, *, shown: bool) -> None:
    """Raises BadRequest where the model draws from pictures only, and there is none; `shown`: it attends to one."""
    if "img" in model.needs and request.img is None and not shown:
        raise BadRequest(message("model.needs_img", "img", name=model.name))


def kind_of(model: Entry) -> NoiseKind:
    """What its training asks of a sampler."""
    if model.prediction == "flow":
        return "flow"
    return "zero_snr" if model.zero_snr else "ordinary"


def _first(requested: T | None, default: T | None, otherwise: T) -> T:
    return next(value for value in (requested, default, otherwise) if value is not None)


def _check(request: GenerateRequest) -> None:
    """Refuse what makes no sense together."""
    for name in ("mask", "extend"):
        if getattr(request, name) is not None and request.img is None:
            raise BadRequest(message("needs_img", name))
    if request.mask_padding is not None:
        _check_alone(request)
    if request.preset is not None:
        raise BadRequest(message("preset.missing", "preset", value=request.preset[:40]))
    buckets = request.buckets or ""
    if request.reproducible and buckets and not all(run.startswith(("1x", "1/")) for run in buckets.split(",")):
        raise BadRequest(message("buckets.reproducible", "buckets", value=buckets[:40]))


def _check_alone(request: GenerateRequest) -> None:
    """Refuse what is laid out for all of the picture where only a part of it is painted."""
    for name in ("extend", "control", "references", "variations"):
        if getattr(request, name):
            raise Unsupported(message("mask.part", "mask_padding", other=name))
    if request.hires is not None and request.hires != 1:
        raise Unsupported(message("mask.part", "mask_padding", other="hires"))
    if request.tiling:
        raise Unsupported(message("mask.part", "mask_padding", other="tiling"))


def _without_effect(request: GenerateRequest) -> list[Message]:
    """A warning for each thing that was said and decides nothing here."""
    needs_img = [name for name in ("strength", "resize") if getattr(request, name) is not None]
    if request.strength == 1:  # all is painted anew, as it is without a picture: recipes say so
        needs_img.remove("strength")
    pairs = [(name, "img") for name in needs_img if request.img is None]
    of_masks = [name for name in ("mask_padding", "mask_fill") if getattr(request, name) is not None]
    pairs += [(name, "mask") for name in of_masks if request.mask is None]
    sides = {"seed_width": request.seed_width, "seed_height": request.seed_height}
    if sum(side is None for side in sides.values()) == 1:
        said, other = sorted(sides, key=lambda name: sides[name] is None)
        pairs.append((said, other))
    if request.refiner_at is not None and request.refiner is None:
        pairs.append(("refiner_at", "refiner"))
    if request.subseed is not None and not request.subseed_strength:
        pairs.append(("subseed", "subseed_strength"))
    if request.preview is not None and not request.stream:
        pairs.append(("preview", "stream"))
    warnings: list[Message] = [message("no_effect.without", name, other=other) for name, other in pairs]
    return warnings


def _of_another_model(request: GenerateRequest, model: Entry, parts: Mapping[str, Entry]) -> list[Message]:
    """A warning for the model, and for each file beside it, that is another than the one of the recipe's digest."""
    warnings: list[Message] = []
    if request.digest is not None and is_another(model, request.digest):
        warnings.append(message("model.another", "model", name=model.name, digest=request.digest[:12]))
    for role, digest in digests_in(request).items():
        if role in parts and is_another(parts[role], digest):
            shown = {"name": parts[role].name, "digest": digest[:12]}
            warnings.append(message("part.another", _field_of(role), **shown))
    return warnings


def _of_another_lora(loras: Sequence[ChosenLora]) -> list[Message]:
    """The same for each LoRA."""
    another = [(file, digest) for lora, file in loras if (digest := lora.digest) and is_another(file, digest)]
    return [message("part.another", "loras", name=file.name, digest=digest[:12]) for file, digest in another]


def is_another(file: Entry, digest: str) -> bool:
    """Is the digest another file's? One of the whole file's, as other programs have it, may not be known here yet."""
    digests = [name for name in (file.digest, file.header_digest, file.file_digest, file.autov3) if name]
    untold = len(digest) < len(file.digest) and not file.file_digest
    return not untold and not any(name.startswith(digest) for name in digests)


def _field_of(role: str) -> str:
    """What of a request names a file for this role."""
    return _FIELDS.get(role, "text_encoders")


def _size(
    request: GenerateRequest, model: Entry, defaults: Defaults, img: Picture | None, warnings: list[Message]
) -> sizes.Size:
    if img is not None:
        source = (img.width, img.height)
        told = [] if request.mask_padding is not None else warnings  # its own size is what comes out then
        return sizes.size_from_source(request.width, request.height, source, request.resize or "crop", told)
    side = model.resolution or SIDE
    native = (defaults.width or side, defaults.height or side)
    # What is scaled comes out in any size; what is made directly, in the family's own multiples.
    multiple = 1 if request.fit == "scale" else facts_of(model.family).multiple
    return sizes.size_alone(request.width, request.height, native, multiple, warnings)


def _with_sampler_that_runs(
    request: GenerateRequest, model: Entry, defaults: Defaults, styled: Collection[str]
) -> tuple[GenerateRequest, list[Message]]:
    """Without a preset's sampler, where it doesn't run on the model, and then the model's own does."""
    if request.sampler is None or "sampler" not in styled:
        return request, []
    steps = _first(request.num_steps, defaults.num_steps, NUM_STEPS)
    try:
        _sampler(request, defaults, kind_of(model), steps)
    except (BadRequest, Unsupported):
        plain = msgspec.structs.replace(request, sampler=None, schedule=None)
        used = _sampler(plain, defaults, kind_of(model), steps)[0]
        return plain, [message("bounds.sampler", "sampler", value=request.sampler, name=model.name, used=used)]
    return request, []


def _sampler(request: GenerateRequest, defaults: Defaults, kind: NoiseKind, steps: int) -> tuple[str, str]:
    """The sampler and its schedule, once sure that they run so many steps on a model of that kind."""
    name, implied = sampler_named(_first(request.sampler, defaults.sampler, SAMPLER))
    named = None if request.schedule is None else _schedule_named(name, request.schedule)
    if request.sampler is not None and implied and named and implied != named:
        names = {"sampler_name": request.sampler[:40], "implied": implied, "value": named}
        raise BadRequest(message("schedule.implied", "schedule", **names))
    if named is None and implied is None and request.sampler is None and defaults.schedule is not None:
        implied = _schedule_named(name, defaults.schedule)
    schedule = named or implied or SCHEDULE
    find(name, schedule, steps, kind)
    return name, schedule


def sampler_named(name: str) -> tuple[str, str | None]:
    """Our name, and the schedule that other programs' names may hold; what isn't known stays as it is."""
    ours = plain_name(name)
    if ours in SAMPLERS:
        return ours, None
    sampler, schedule = sampler_from_name(ours)
    return (sampler, schedule) if sampler else (name[:40], None)


def _schedule_named(sampler: str, name: str) -> str:
    ours = plain_name(name)
    if ours in SCHEDULES:
        return ours
    return sampler_from_name(sampler, ours)[1] or name[:40]


def _extend(requested: int | Margins | None) -> Extend | None:
    if requested is None:
        return None
    if isinstance(requested, int):
        requested = Margins(left=requested, top=requested, right=requested, bottom=requested)
    extend = Extend(left=requested.left, top=requested.top, right=requested.right, bottom=requested.bottom)
    return None if extend == Extend() else extend


def _with_own_second_pass(recipe: GenerationParams, kind: NoiseKind) -> GenerationParams:
    """The recipe, once sure that the second pass can be told what it is. Raises BadRequest and Unsupported."""
    hires = recipe.hires
    if hires is None or (hires.sampler is None and hires.schedule is None and hires.guidance is None):
        return recipe
    if hires.guidance is not None and recipe.references:
        raise Unsupported(message("hires.beside", "hires.guidance", other="references"))
    if hires.sampler is None and hires.schedule is None:
        return recipe
    name, implied = sampler_named(hires.sampler or recipe.sampler)
    schedule = None if hires.schedule is None else _schedule_named(name, hires.schedule)
    schedule = schedule or implied or recipe.schedule
    if hires.strength:
        try:
            find(name, schedule, hires.steps or recipe.num_steps, kind)
        except BadRequest as error:
            field = {"num_steps": "steps"}.get(error.note.field or "", error.note.field)
            raise type(error)(error.note.about(f"hires.{field}")) from error
    return msgspec.structs.replace(recipe, hires=msgspec.structs.replace(hires, sampler=name, schedule=schedule))


def _hires(requested: float | SecondPass | None, size: sizes.Size, upscaler: Entry | None) -> Hires | None:
    """What is said; where nothing is, and there is an upscaler, the model's own way of enlarging."""
    if requested is None:
        return None if upscaler is None else enlarged_by(upscaler.name, size)
    if not isinstance(requested, SecondPass):
        requested = SecondPass(scale=requested)
    if requested.scale == 1:
        return None
    parts = {name: value for name, value in msgspec.structs.asdict(requested).items() if value is not None}
    return Hires(**(parts if upscaler is None else parts | {"upscaler": upscaler.name}))


def seeds_of(request: GenerateRequest, random_seed: Callable[[], int]) -> list[int]:
    """A seed for each picture; after the largest comes 0."""
    first = int(-1 if request.seed is None else request.seed)
    if first < 0:
        first = random_seed()
    return [(first + i) & MAX_SEED for i in range(request.count or 1)]


def keep_alive_seconds(requested: float | str | None) -> float | None:
    if requested is None:
        return None
    return max(-1.0, seconds_from_duration(requested) if isinstance(requested, str) else requested)
