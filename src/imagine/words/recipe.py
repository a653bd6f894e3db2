"""What decides a picture's pixels, complete and resolved: the `meta` of every PNG and JSON.

A `GenerationParams` has no "not said": `asking.resolve` fills everything in. Two equal ones, on the same machine
and settings, make the same bytes.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from .preprocessors import Preprocess
from .samplers import SamplerOptions
from .watermark import WatermarkMethod

MAX_SEED = 2**64 - 1
REFERENCE_STRENGTH = 0.6
Resize = Literal["crop", "fit", "stretch"]
Fit = Literal["native", "scale"]
MaskFill = Literal["original", "fill", "noise", "nothing"]
"""What is under a mask at first: the picture, the colours around it, noise, or no latents."""
NoiseSource = Literal["own", "a1111-cpu"]
"""Whose way of drawing noise: ours, or AUTOMATIC1111's where its `randn_source` is the CPU."""
THEIR_NOISE: NoiseSource = "a1111-cpu"
ReferenceKind = Literal["style", "content", "subject", "face"]
BlockWeights = Literal["linear", "style", "composition"]
Combine = Literal["concat", "average"]
ReferenceCrop = Literal["pad", "square", "face", "box"]
Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in parts of a picture's width and height."""


class Extend(msgspec.Struct, frozen=True, omit_defaults=True):
    """Pixels to paint beyond each side of the input picture (outpainting)."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


class Hires(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A second pass at `scale` times the size, from the first pass's picture enlarged by `upscaler`."""

    scale: float
    strength: float = 0.55
    steps: int = 0
    """0: as many as the first pass."""
    upscaler: str = "lanczos"
    """Its name: of one that is always there (`words/upscalers.py`), or of a file. With a strength of 0 it is all that
    is done."""
    prompt: str | None = None
    """In the place of the first pass's; None: the same. So is what follows."""
    neg: str | None = None
    guidance: float | None = None
    sampler: str | None = None
    schedule: str | None = None


class Lora(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A LoRA, or a relative of it, beside the model."""

    name: str
    weight: float
    """Of what it adds to the denoiser."""
    clip_weight: float | None = None
    """Of what it adds to text encoders; None: as `weight`."""
    digest: str = ""
    """Of its content."""
    autov3: str = ""
    """The beginning of the SHA-256 of its file behind the header, where that is known: what AUTOMATIC1111 and Civitai
    know it by."""

    @property
    def clip(self) -> float:
        """The weight of what it adds to text encoders."""
        return self.weight if self.clip_weight is None else self.clip_weight


class Control(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A network beside the denoiser that holds the picture to a map: edges, depths, poses."""

    model: str
    """The name of its file."""
    image: str
    """The SHA-256 of the picture that the map is made of, or that is one."""
    preprocess: Preprocess = "none"
    """What makes the map of it."""
    options: dict[str, float] = {}
    """What that is told, as far as it differs from what it is told otherwise."""
    strength: float = 1.0
    start: float = 0.0
    end: float = 1.0
    """From which part of the user's steps to which it runs, 0…1; outside it costs nothing."""
    resize: Resize = "crop"
    """How the map comes to the picture's shape."""
    type: str = ""
    """Which of a union's maps it is; "": what `preprocess` says."""
    digest: str = ""
    """Of its file's content."""
    preprocessor: str = ""
    """The digest of the file that makes the map, where one does."""


class Reference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture that an image adapter beside the denoiser attends to. One that none does stands in `img`."""

    img: str | None = None
    """The SHA-256 of the picture, before it is cropped or made smaller."""
    embedding: str | None = None
    """In its place or beside it: the SHA-256 of a face's embedding, its numbers as little-endian float32."""
    kind: ReferenceKind = "subject"
    strength: float = REFERENCE_STRENGTH
    start: float = 0.0
    end: float = 1.0
    """As of a control."""
    weights: BlockWeights = "linear"
    """Which blocks of the denoiser attend to it."""
    combine: Combine = "concat"
    """With others of the same adapter: their tokens side by side, or the mean of their embeddings."""
    crop: ReferenceCrop = "pad"
    """How it comes to the square that encoders see."""
    box: Box | None = None
    """With `crop` "box": what of it they see."""
    mask: str | None = None
    """The SHA-256 of a picture that is white where of the result it counts."""
    noise: float = 0.0
    """How much of seeded noise is mixed into its embedding, 0…1: its neighbours."""
    max_side: int = 0
    """It is made smaller first, so that no side is longer; 0: as it is."""
    adapter: str
    """The name of the image adapter's file; `own` where the model attends to pictures itself."""
    digest: str = ""
    """Of its content."""
    encoder: str = ""
    """The digest of the image encoder's file."""


class PlanSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an assistant made the prompt and the settings of: told, and without effect on the pixels."""

    wish: Annotated[str, Meta(max_length=32_000)]
    """What somebody asked for."""
    change: Annotated[str, Meta(max_length=40)] = "whole"
    """The kind of change."""
    keep: Annotated[tuple[Annotated[str, Meta(max_length=200)], ...], Meta(max_length=16)] = ()
    """What was to stay."""
    why: Annotated[str, Meta(max_length=1000)] = ""


class GenerationParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One picture's recipe. Sizes are in pixels; `img` and `mask` are SHA-256 digests of the pixels used."""

    model: str
    digest: str
    """Of the checkpoint's content, see `registry/content.py`. Older recipes hold the SHA-256 of its header."""
    prompt: str
    neg: str = ""
    template: str | None = None
    """The prompt that this one was chosen from by the seed, where it had wildcards."""
    neg_template: str | None = None
    embeddings: dict[str, str] = {}
    """Words of the prompts that stand for embeddings, with the digests of these."""
    assisted: PlanSummary | None = None
    """What it was planned from, where an assistant did."""
    width: int
    height: int
    num_steps: int
    guidance: float
    """How closely to follow the prompt: by what a model is told, or by a second, negative row."""
    true_cfg: float = 1.0
    """Of a model that is told its guidance, that of a second row beside it; up to 1: there is none."""
    sampler: str
    schedule: str = "default"
    sampler_options: SamplerOptions | None = None
    """What the sampler is told beside; None: nothing."""
    seed: int
    clip: int = 1
    """How many of the text encoder's last layers are left out, plus one."""
    img: str | None = None
    mask: str | None = None
    strength: float = 1.0
    """With `img`: the part of the noise schedule that is run, 0…1."""
    extend: Extend | None = None
    resize: Resize = "crop"
    mask_padding: int | None = None
    """With a mask: only what is around it, so many pixels of `img` more at each side, is painted, at `width` by
    `height`, and put back into `img`, which keeps its size. None: all of it."""
    mask_fill: MaskFill = "original"
    fit: Fit = "native"
    hires: Hires | None = None
    vae: str | None = None
    """The name of a VAE file to use in place of the checkpoint's own."""
    text_encoders: tuple[str, ...] = ()
    """The names of text encoder files to use in place of the checkpoint's own, or beside a denoiser that has none."""
    refiner: str | None = None
    """The name of a second checkpoint of the same latent space, which finishes what `model` began."""
    refiner_at: float = 0.8
    """With `refiner`: the part of the noise levels, 0…1 from the noisiest, that is left to `model`."""
    loras: tuple[Lora, ...] = ()
    """What goes beside `model`; a refiner has none of them."""
    control: tuple[Control, ...] = ()
    """What holds the picture to maps, in both passes."""
    references: tuple[Reference, ...] = ()
    """What the denoiser attends to beside the prompt."""
    subseed: int | None = None
    """The seed of other noise, towards which that of `seed` goes."""
    subseed_strength: float = 0.0
    """How far, 0…1, on the sphere that both lie on."""
    seed_width: int | None = None
    """With `seed_height`: the noise is a picture's of so many pixels, in the middle of the picture's own."""
    seed_height: int | None = None
    noise: NoiseSource = "own"
    tiling: bool = False
    """The picture's edges meet: copies of it can be laid beside each other."""
    watermark: WatermarkMethod | None = None
    """How the finished picture's pixels are marked; None: they aren't."""
    reproducible: bool = False
    """Denoise at batch bucket 1 throughout, so that the bytes never depend on who else was there."""
    buckets: str | None = None
    """Replay these batch buckets: `1x12,4/8x13` is 12 evaluations at bucket 1, then 13 at bucket 4, in shares of 8
    rows."""


_SAID_OF_HIRES: dict[str, Any] = {"strength": 0.55, "steps": 0, "upscaler": "lanczos"}
_SAID: dict[str, dict[str, Any]] = {
    "control": {"preprocess": "none"},
    "references": {"weights": "linear", "strength": REFERENCE_STRENGTH, "crop": "pad"},
}
"""What of them is said in any case: who doesn't say it means what follows from the rest."""


def meta_from_params(params: GenerationParams) -> dict[str, Any]:
    """The recipe as plain JSON values: what pictures and JSON files carry. Seeds are text: they can exceed 2⁵³."""
    defaults = {"neg": "", "schedule": "default", "clip": 1, "strength": 1.0}
    stated: dict[str, Any] = msgspec.to_builtins(params)
    seeds = {name: str(stated[name]) for name in ("seed", "subseed") if name in stated}
    said = {name: [default | each for each in stated[name]] for name, default in _SAID.items() if name in stated}
    if "hires" in stated:
        stated["hires"] = {"scale": stated["hires"]["scale"], **_SAID_OF_HIRES} | stated["hires"]
    return defaults | stated | said | seeds
