"""What can be asked of `/generate`, declared once: validation, the JSON schema, help texts and the page come from here.

Every field but the prompt may be left out; None is "not said", and the server then decides. Bounds stand in the types,
what a field means in its `description`; `ALIASES` are other spellings of the same fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ..messages import NO_NAMES, Message, Names, message
from ..words.errors import BadRequest
from ..words.moderation import Policy
from ..words.recipe import MAX_SEED, Fit, MaskFill, NoiseSource, PlanSummary, Resize
from ..words.same_bits import MOST_MADE_ON, made_on
from ..words.samplers import SAMPLERS, SCHEDULES
from ..words.upscalers import UPSCALERS
from ..words.watermark import WatermarkMethod
from . import duration
from .checking import checked, refusal, shown, value_of
from .controls import CONTROL_ALIASES, MAX_CONTROLS, ControlWish, Fraction
from .loras import LORA_NAMES, LoraNames
from .names import MOST_EMBEDDINGS, Digest, ModelName
from .references import MAX_REFERENCES, REFERENCE_ALIASES, ReferenceWish, VariationsWish
from .units import as_asked_here

MIN_SIDE = 64
MAX_SIDE = 2048
MAX_STEPS = 150
MAX_PROMPT = 32_000
MAX_ENCODERS = 4
EVERY = 5
"""Steps from a preview to the next, where a request only says that it wants some."""

Steps = Annotated[int, Meta(ge=1, le=MAX_STEPS)]
Side = Annotated[int, Meta(ge=MIN_SIDE, le=MAX_SIDE)]
Guidance = Annotated[float, Meta(ge=0, le=30)]
Strength = Annotated[float, Meta(ge=0, le=1)]
Scale = Annotated[float, Meta(ge=1, le=4)]
Level = Annotated[float, Meta(ge=0, le=10_000)]
Margin = Annotated[int, Meta(ge=0, le=MAX_SIDE - MIN_SIDE)]
PromptText = Annotated[str, Meta(max_length=MAX_PROMPT)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
_SEED = {"allowed": message("allowed.seed", most=MAX_SEED)}
_EMBEDDINGS = {"allowed": message("allowed.embeddings")}
_KEEP_ALIVE = {"allowed": message("allowed.duration")}
_BUCKETS = {"allowed": message("allowed.buckets")}
_RUN = "[0-9]{1,2}(?:/[0-9]{1,2})?x[0-9]{1,4}"
_BUCKETS_PATTERN = rf"^{_RUN}(?:,{_RUN})*$(?!\n)"
NAMES = {"allowed": message("allowed.names", most=MAX_ENCODERS)}
_SEED_PATTERN = r"^(?:-1|[0-9]{1,20})$(?!\n)"
# Python's $ also matches before a last line's end, which the lookahead refuses; a schema's readers know no \Z.


KeepAlive = Annotated[
    Annotated[float, Meta(ge=-1e9, le=1e9)] | Annotated[str, Meta(max_length=40, pattern=duration.PATTERN)] | None,
    Meta(
        description="How long the model stays loaded: seconds or a duration. 0: not at all; negative: for ever.",
        examples=["5m", 300, -1],
        extra=_KEEP_ALIVE,
    ),
]


class Margins(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pixels to add at each side."""

    left: Margin = 0
    top: Margin = 0
    right: Margin = 0
    bottom: Margin = 0


class SecondPass(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A second pass over the enlarged picture."""

    scale: Annotated[Scale, Meta(description="Times the size of the first pass; 1 is none.")]
    strength: Annotated[Strength | None, Meta(description="How much of it is made anew; 0.55 if not said.")] = None
    steps: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_STEPS)] | None, Meta(description="0, or not said: as many as the first pass.")
    ] = None
    upscaler: Annotated[
        ModelName | None,
        Meta(
            description="What enlarges: lanczos (if not said), bicubic, latent, or a file, by its name.",
            examples=list(UPSCALERS),
        ),
    ] = None
    prompt: Annotated[PromptText | None, Meta(description="What to paint in it; prompt if not said.")] = None
    neg: Annotated[PromptText | None, Meta(description="What not to paint in it; neg if not said.")] = None
    guidance: Annotated[Guidance | None, Meta(description="As guidance, which it is if not said.")] = None
    sampler: Annotated[Name | None, Meta(description="As sampler, which it is if not said.")] = None
    schedule: Annotated[Name | None, Meta(description="As schedule, which it is if not said.")] = None


class SamplerWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a sampler is told of the noise that it adds on its way, under k-diffusion's names."""

    eta: Annotated[
        Fraction | None,
        Meta(description="How much of a step's noise is drawn anew: euler a and dpm2 a, 1 if not said; ddim, 0."),
    ] = None
    s_churn: Annotated[
        Annotated[float, Meta(ge=0, le=100)] | None,
        Meta(description="Noise added before steps, over all of them: euler, heun and dpm2, 0 if not said."),
    ] = None
    s_tmin: Annotated[Level | None, Meta(description="With s_churn: only at noise levels from here")] = None
    s_tmax: Annotated[Level | None, Meta(description="to here; without an end if not said.")] = None
    s_noise: Annotated[
        Annotated[float, Meta(ge=0, le=2)] | None,
        Meta(description="What noise on the way is multiplied by, where there is any; 1 if not said."),
    ] = None


class PartDigests(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a recipe knows the files beside the model by."""

    vae: Digest | None = None
    text_encoder: Digest | None = None
    text_encoder_2: Digest | None = None
    text_encoder_3: Digest | None = None
    refiner: Digest | None = None
    upscaler: Digest | None = None


class GenerateRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked, as it was asked; None is not said."""

    prompt: Annotated[
        PromptText,
        Meta(
            description="What to paint. (word:1.3) weighs a word, [from:to:0.5] and [a|b] change it on the way, "
            "BREAK begins a new part.",
            examples=["a red fox in the snow"],
        ),
    ]
    model: Annotated[
        ModelName | None,
        Meta(description="A name from /models; otherwise the configured default, the only one, or the last used."),
    ] = None
    digest: Annotated[
        Digest | None,
        Meta(
            description="From a picture's recipe: the digest of the model that drew it, or its first 10 digits or "
            "more. Where the model of that name is another, a warning says so."
        ),
    ] = None
    parts: Annotated[
        PartDigests | None,
        Meta(
            description="From a picture's recipe: the digests of the files beside the model. One that has another name "
            "by now is found by it; where the file of that name is another, a warning says so."
        ),
    ] = None
    width: Annotated[
        Side | None,
        Meta(
            description="Pixels; the model's multiple where fit is native. Without a size: the model's own, or img's; "
            "a model that names an upscaler has its picture enlarged then, unless hires is said.",
            examples=[512],
        ),
    ] = None
    height: Annotated[Side | None, Meta(description="Pixels, as width.", examples=[512])] = None
    num_steps: Annotated[Steps | None, Meta(description="Steps from noise to picture; 25 if not said.")] = None
    guidance: Annotated[
        Guidance | None, Meta(description="How closely to follow the prompt; 7 if not said. Up to 1: neg has no say.")
    ] = None
    true_cfg: Annotated[
        Guidance | None,
        Meta(
            description="Of a model that is told its guidance (Flux): how far to keep from neg, at twice the time. Up "
            "to 1, as if not said: neg has no say."
        ),
    ] = None
    distilled_cfg_scale: Annotated[
        Guidance | None,
        Meta(
            description="As Forge has it: guidance of a model that is told it; what is said as guidance beside it "
            "(cfg_scale) is true_cfg then. Of no effect on others."
        ),
    ] = None
    sampler: Annotated[
        Name | None,
        Meta(description='The algorithm that steps; "dpm++ 2m" if not said.', examples=list(SAMPLERS)),
    ] = None
    schedule: Annotated[
        Name | None, Meta(description='The spacing of noise levels; "default" if not said.', examples=list(SCHEDULES))
    ] = None
    seed: Annotated[
        Annotated[int, Meta(ge=-1)] | Annotated[str, Meta(pattern=_SEED_PATTERN)] | None,
        Meta(
            description="The same seed makes the same picture: 0 to 2^64-1, as text beyond 2^53. -1 or none: random.",
            extra_json_schema={"maximum": MAX_SEED},
            examples=["591445185899376350"],
            extra=_SEED,
        ),
    ] = None
    neg: Annotated[
        PromptText | None, Meta(description="What not to paint. Empty text is none, whatever the server's default is.")
    ] = None
    clip: Annotated[
        Annotated[int, Meta(ge=1, le=12)] | None,
        Meta(description="Clip skip: the text encoder's layer to use, counted from the last, which is 1."),
    ] = None
    vae: Annotated[
        ModelName | None,
        Meta(description="A VAE file to use in place of the model's own, by its name; own: the model's, in any case."),
    ] = None
    text_encoders: Annotated[
        ModelName | Annotated[tuple[ModelName, ...], Meta(min_length=1, max_length=MAX_ENCODERS)] | None,
        Meta(
            description="Text encoder files to use, by their names: one, or several; each for what it can be. "
            "own: the model's, in any case.",
            extra=NAMES,
        ),
    ] = None
    loras: Annotated[
        LoraNames | None,
        Meta(
            description="LoRAs and their relatives, by their names: a list of names, or of objects with a weight from "
            "-4 to 4, or an object of names and weights. <lora:name:0.8> in the prompt asks for one too.",
            examples=[{"ink": 0.8}, [{"name": "ink", "weight": 0.8, "clip_weight": 0.6}]],
            extra=LORA_NAMES,
        ),
    ] = None
    refiner: Annotated[
        ModelName | None,
        Meta(description="A second model, of the same kind of latents, that finishes what model began."),
    ] = None
    refiner_at: Annotated[
        Strength | None,
        Meta(description="With refiner: the part of the noise, 0 to 1, that is left to model; 0.8 if not said."),
    ] = None
    img: Annotated[
        str | None,
        Meta(description="A picture to start from: PNG, JPEG or WebP in base64, or as a data URL."),
    ] = None
    strength: Annotated[
        Strength | None, Meta(description="How much of img is painted anew, 0 to 1; 0.8 if not said.")
    ] = None
    mask: Annotated[
        str | None, Meta(description="Where to paint in img: white or transparent; grey, so much. As img.")
    ] = None
    mask_padding: Annotated[
        Margin | None,
        Meta(
            description="With mask: paint only what is around it, with so many pixels of img at each side, at width "
            "and height, and put it back into img, which keeps its size. If not said: all of img."
        ),
    ] = None
    mask_fill: Annotated[
        MaskFill | None,
        Meta(
            description="What is under mask at first: the picture itself (original, if not said), the colours around "
            "(fill), noise, or nothing."
        ),
    ] = None
    extend: Annotated[
        Margin | Margins | None,
        Meta(description="Pixels to paint beyond img, at all sides or at each. width and height are then img's own."),
    ] = None
    resize: Annotated[
        Resize | None,
        Meta(description="How img comes to another shape: crop (if not said), fit (its edges go on) or stretch."),
    ] = None
    control: Annotated[
        Annotated[tuple[ControlWish, ...], Meta(max_length=MAX_CONTROLS)] | None,
        Meta(
            description="ControlNets and their relatives, each with the picture that it follows: up to four.",
            examples=[[{"model": "canny", "image": "…", "preprocess": "canny", "strength": 0.8}]],
            extra={"allowed": message("allowed.controls", most=MAX_CONTROLS)},
        ),
    ] = None
    references: Annotated[
        Annotated[tuple[ReferenceWish, ...], Meta(max_length=MAX_REFERENCES)] | None,
        Meta(
            description="Pictures for the result to be like, by an image adapter: up to eight.",
            examples=[[{"img": "…", "kind": "style", "strength": 0.6}]],
            extra={"allowed": message("allowed.references", most=MAX_REFERENCES)},
        ),
    ] = None
    variations: Annotated[
        Fraction | VariationsWish | None,
        Meta(description="Neighbours of img: how far from it, 0 to 1, as a number or an object.", examples=[0.3]),
    ] = None
    subseed: Annotated[
        Annotated[int, Meta(ge=-1)] | Annotated[str, Meta(pattern=_SEED_PATTERN)] | None,
        Meta(
            description="A second seed, whose noise is mixed into that of seed, as AUTOMATIC1111's. -1 or none: "
            "random.",
            extra_json_schema={"maximum": MAX_SEED},
            extra=_SEED,
        ),
    ] = None
    subseed_strength: Annotated[
        Fraction | None, Meta(description="How much of subseed's noise, 0 to 1; 0 if not said.")
    ] = None
    seed_width: Annotated[
        Side | None,
        Meta(
            description="With seed_height: seed makes the noise of a picture of this size, which lies in the middle of "
            "the picture's own: another shape, of much the same picture."
        ),
    ] = None
    seed_height: Annotated[Side | None, Meta(description="As seed_width.")] = None
    noise: Annotated[
        NoiseSource | None,
        Meta(
            description="How seeds make noise: own, if not said, or a1111-cpu: the very numbers of AUTOMATIC1111 where "
            "its randn_source is CPU, in both passes and at each step."
        ),
    ] = None
    sampler_options: Annotated[
        SamplerWish | None,
        Meta(description="What sampler is told beside, where it has it.", examples=[{"eta": 0.5}, {"s_churn": 10}]),
    ] = None
    tiling: Annotated[
        bool | None,
        Meta(
            description="Have the picture's edges meet, so that copies of it can be laid beside each other: Stable "
            "Diffusion 1, 2 and XL."
        ),
    ] = None
    hires: Annotated[
        Scale | SecondPass | None,
        Meta(description="A second pass at so many times the size: the result is larger. 1 is none.", examples=[1.5]),
    ] = None
    fit: Annotated[
        Fit | None,
        Meta(description="Sizes beyond the model's own: made directly (native, if not said) or enlarged (scale)."),
    ] = None
    assist: Annotated[
        bool | Literal["require"] | None,
        Meta(
            description="Take prompt for a wish in plain words, and have the server's assistant make a prompt and "
            "settings of it, after a look at img; what is said here stays. require: or refuse.",
            extra={"allowed": message("allowed.assist")},
        ),
    ] = None
    description: Annotated[
        Annotated[str, Meta(max_length=4000)] | None,
        Meta(description="With assist: what img shows, in your words; then nobody looks."),
    ] = None
    assisted: Annotated[
        PlanSummary | None,
        Meta(description="From a picture's recipe, or from /assist: what prompt was planned from. It isn't again."),
    ] = None
    wildcards: Annotated[
        bool | None,
        Meta(
            description="Have {a|b} and __list__ in prompt and neg become one of their words, by each picture's seed. "
            "If not said: where the server has a folder of lists."
        ),
    ] = None
    template: Annotated[
        PromptText | None,
        Meta(
            description="From a picture's recipe: its prompt before the wildcards in it became words. Prompts that "
            "come with one stay as they are."
        ),
    ] = None
    neg_template: Annotated[PromptText | None, Meta(description="As template, of neg.")] = None
    embeddings: Annotated[
        Annotated[dict[Name, Digest], Meta(max_length=MOST_EMBEDDINGS)] | None,
        Meta(
            description="From a picture's recipe: words of its prompts that stand for embeddings, and the digests of "
            "these; no other word does. Without it, they are found by name.",
            extra=_EMBEDDINGS,
        ),
    ] = None
    count: Annotated[
        Annotated[int, Meta(ge=1, le=16)] | None, Meta(description="How many pictures, of the seeds that follow.")
    ] = None
    preset: Annotated[Name | None, Meta(description="A style from /presets; what is said here wins over it.")] = None
    stream: Annotated[
        bool | Annotated[int, Meta(ge=0, le=1000)] | None,
        Meta(
            description=f"Send the picture as it is after every so many steps; true: {EVERY}. 0 or false: only when it "
            "is done."
        ),
    ] = None
    preview: Annotated[
        Literal["linear", "tiny", "vae", "latents"] | None,
        Meta(
            description="What stream sends: a quick picture (linear, if not said), one by a tiny VAE that is among the "
            "models (tiny), one by the model's own (vae), or the latents."
        ),
    ] = None
    progress: Annotated[
        bool | None, Meta(description="Send lines on queue position, loading and steps as well, without a picture.")
    ] = None
    keep_alive: KeepAlive = None
    moderation: Annotated[
        Policy | None,
        Meta(description="A stricter policy than what holds, of what isn't to be drawn; a laxer one has no effect."),
    ] = None
    watermark: Annotated[
        bool | WatermarkMethod | None,
        Meta(
            description="Mark the picture's pixels, invisibly: made by Imagine. tiles is how, as recipes have it. "
            "Where the server's owner has all pictures marked, false has no effect."
        ),
    ] = None
    reproducible: Annotated[
        bool | None, Meta(description="Make it alone, so that its bytes never depend on what else is being made.")
    ] = None
    buckets: Annotated[
        Annotated[str, Meta(max_length=10_000, pattern=_BUCKETS_PATTERN)] | None,
        Meta(
            description="From a picture's own recipe: the batch sizes its steps ran in, with the rows of a small "
            "network's shares, to make it again bit for bit.",
            examples=["1x12,4/8x13"],
            extra=_BUCKETS,
        ),
    ] = None
    environment: Annotated[
        Annotated[dict[str, str], Meta(max_length=MOST_MADE_ON)] | None,
        Meta(
            description="From a picture's own recipe: what it was made on. Of several devices it is made on one that "
            "makes the same bits, where there is one."
        ),
    ] = None


ALIASES = {
    "steps": "num_steps",
    "num_inference_steps": "num_steps",
    "guidance_scale": "guidance",
    "cfg_scale": "guidance",
    "cfg": "guidance",
    "true_cfg_scale": "true_cfg",
    "negative_prompt": "neg",
    "clip_skip": "clip",
    "sampler_name": "sampler",
    "scheduler": "schedule",
    "denoising_strength": "strength",
    "denoise": "strength",
    "text_encoder": "text_encoders",
    "lora": "loras",
    "controlnet": "control",
    "controls": "control",
    "padding_mask_crop": "mask_padding",
    "variation_seed": "subseed",
    "variation_strength": "subseed_strength",
}
"""Other programs' names of our fields."""

_INNER_ALIASES = {"control": CONTROL_ALIASES, "references": REFERENCE_ALIASES}
_NAMED = 16
_UPSCALED = "upscaled"
"""What a recipe says of what enlarged its picture afterwards."""


class Parsed(NamedTuple):
    """A request, what was said and had no effect, and the names that fields were said by where they aren't ours."""

    request: GenerateRequest
    warnings: list[Message]
    called: Names = NO_NAMES


def names_in(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The names of a field that holds one or several."""
    return () if value is None else (value,) if isinstance(value, str) else value


def digests_in(request: GenerateRequest) -> dict[str, str]:
    """What a recipe's files beside its model are known by, by what they are to it."""
    return {} if request.parts is None else {n: d for n, d in msgspec.structs.asdict(request.parts).items() if d}


def parse(body: Mapping[str, object], aliases: Mapping[str, str] = ALIASES, called: Names | None = None) -> Parsed:
    """The request that `body`, as read from JSON, makes. Its seed is a number, whichever way it was written.

    `aliases` are other names of its fields, `called` the names that a dialect said them by before.
    A recipe is a body too: the `sha256` of its model is a digest where it has no other. Unknown fields are named in the
    warnings. Raises BadRequest, under the
    name that was used, for a value that can't be used, and for a field said twice in two spellings that differ.
    """
    values, spelled = one_spelling(_asked(body), {**aliases, "sha256": "digest"})
    called = {**(called or {}), **{field: name for field, name in spelled.items() if field != name}}
    warnings = [message("upscaled.before", _UPSCALED)] if values.pop(_UPSCALED, None) else []
    for field, inner in _INNER_ALIASES.items():
        values[field], notes = _parts_spelled(values.get(field), field, inner)
        warnings += notes
    request, unknown = checked(values, GenerateRequest, spelled=called)
    seeds = {name: _seed(getattr(request, name), name) for name in ("seed", "subseed")}
    request = msgspec.structs.replace(request, **seeds)
    if isinstance(request.stream, bool):
        request = msgspec.structs.replace(request, stream=EVERY if request.stream else 0)
    return Parsed(request, warnings + ([unknown_fields(unknown)] if unknown else []), called)


def _asked(body: Mapping[str, object]) -> Mapping[str, object]:
    """What of a body, which may be a picture's recipe, is asked for: not what it tells of how it was made."""
    told = {"environment", "sha256"} if body.get("digest") else {"environment"}
    asked = {name: value for name, value in body.items() if name not in told}
    if isinstance(made := body.get("environment"), Mapping):
        asked["environment"] = made_on(made)
    if "environment" in body and body.get("digest"):  # a whole recipe: what it doesn't name it hasn't
        asked = {"loras": [], "embeddings": {}, "true_cfg": 1.0} | asked
    return asked


def one_spelling(
    body: Mapping[str, object], aliases: Mapping[str, str] = ALIASES
) -> tuple[dict[str, object], dict[str, str]]:
    """The body under our names, and the name that each field was said by. Raises BadRequest for one said twice."""
    fields: dict[str, object] = {}
    spelled: dict[str, str] = {}
    for name, value in body.items():
        field = aliases.get(name, name)
        if field not in spelled or fields[field] is None:
            fields[field], spelled[field] = value, name
            continue
        other = fields[field]
        if value is not None and (value != other or isinstance(value, bool) != isinstance(other, bool)):
            first = {"first": spelled[field], "first_value": value_of(other)}
            raise BadRequest(message("value.twice", field, second=name, value=value_of(value), **first).called(name))
    return fields, spelled


def _parts_spelled(value: object, field: str, aliases: Mapping[str, str]) -> tuple[object, list[Message]]:
    """A list of objects under our names, and warnings. Raises BadRequest for a part that is said twice."""
    if not isinstance(value, list | tuple):
        return value, []
    parts, warnings = list[object](), list[Message]()
    for place, each in enumerate(value):
        if not isinstance(each, Mapping):
            parts.append(each)
            continue
        path = f"{field}.{place}"
        try:
            part, spelled = one_spelling(each, aliases)
        except BadRequest as error:
            raise BadRequest(error.note.called(f"{path}.{error.note.spelled}")) from error
        asked, notes = as_asked_here(part, spelled, path) if aliases is CONTROL_ALIASES else (part, [])
        parts += [] if asked is None else [asked]
        warnings += notes
    return parts, warnings


def _seed(value: int | str | None, field: str) -> int | None:
    """The number; -1 stays, which is random even where a seed would be taken from elsewhere."""
    if value is None:
        return None
    if (seed := int(value)) > MAX_SEED:
        raise refusal(field, value, _SEED["allowed"])
    return seed


def unknown_fields(names: list[str]) -> Message:
    """A warning on fields that nothing here knows."""
    shortened = ", ".join(shown(name) for name in names[:_NAMED])
    if len(names) > _NAMED:
        return message("unknown.many", names=shortened, more=len(names) - _NAMED)
    return message("unknown", names=shortened)
