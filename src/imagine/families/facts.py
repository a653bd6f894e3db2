"""What a family's row says, and in which words: the one place where anything that isn't computing is told of a family.

Sides, steps and guidance are those that the models' cards or diffusers' pipelines (0.42, Apache-2.0) name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from ..messages import Message
from ..words.sizes import Sizes

Tell = str | tuple[str, int] | tuple[str, int, int]
"""A tensor's name; `!name`, for one that must not be there; (name, dimension, size); or (name, how many dimensions)."""
Dtype = Literal["float16", "bfloat16", "float32"]
GuidanceKind = Literal["cfg", "embedded", "none"]
Makes = Literal["pictures", "videos", "sound"]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Signature(msgspec.Struct, frozen=True):
    """How a file is told that holds one `variant` of something: by tensors, where all of the `tells` hold."""

    variant: str
    tells: tuple[Tell, ...]


class LoraSignature(msgspec.Struct, frozen=True):
    """How a LoRA is told: a `pattern` in its layers' names, one a line, with underscores for dots; of `widths`, if any,
    the found layer takes one."""

    pattern: str
    widths: frozenset[int] = frozenset()


class PipelineClass(msgspec.Struct, frozen=True):
    """How a diffusers folder is told: the beginning of its pipeline's class, and what its denoiser's config says.

    `value` None is anything but nothing. Of the classes that fit, the one that is told most exactly is it.
    """

    beginning: str
    key: str = ""
    value: object = None
    variant: str = ""
    """Which of the family's it is, where this tells it."""

    def fits(self, pipeline: str, config: Mapping[str, Any]) -> bool:
        if not pipeline.startswith(self.beginning):
            return False
        configured = config.get(self.key)
        return not self.key or (bool(configured) if self.value is None else configured == self.value)

    @property
    def exactness(self) -> tuple[int, bool]:
        return len(self.beginning), bool(self.key)


class Predicts(msgspec.Struct, frozen=True):
    """What the denoiser predicts: epsilon, v_prediction, sample, flow or edm."""

    usual: str = "epsilon"
    """Where nothing says it."""
    also: tuple[str, ...] = ()
    """What of the rest can be drawn with, where a file says it."""
    always: bool = False
    """Nothing a file says changes it."""
    variants: Mapping[str, str] = NOTHING
    """Those of which the same is true, and what they predict."""
    architectures: Mapping[str, str] = NOTHING
    """By what a file's `modelspec.architecture` says."""
    spread: tuple[tuple[str, ...], float] | None = None
    """A bias, by the ends of the names that it goes by, that is spread wider than this, as a standard deviation, where
    it was tuned on v."""

    @property
    def drawn(self) -> tuple[str, ...]:
        """All that can be drawn with."""
        return (self.usual, *self.also)


class PublicFile(msgspec.Struct, frozen=True):
    """A file that people have for a component: what it is called where it is published, its size, and who does that."""

    name: str
    size: int
    """In bytes."""
    source: str
    """A repository of Hugging Face's Hub."""


class Need(msgspec.Struct, frozen=True):
    """A component that a picture takes beside the denoiser: its role, by diffusers' name, and what can fill it, as the
    registry calls the family of such a file. The first kind is the one that is looked for, others are used if named."""

    role: str
    fits: tuple[str, ...]
    public: tuple[PublicFile, ...] = ()
    """Files that would do, the best first."""
    optional: bool = False
    """It draws without, if worse."""


class Licence(msgspec.Struct, frozen=True):
    """What the published weights may be used under. Who tunes them may add to it, and says so in the file."""

    name: str
    url: str


class Shift(msgspec.Struct, frozen=True):
    """How far a flow's noise levels are moved towards noise: to s·level / (1 + (s - 1)·level), with `by` for s, or what
    follows from how many tokens of 16 × 16 pixels a picture has.

    As diffusers' `FlowMatchEulerDiscreteScheduler` and its pipelines' `calculate_shift`: the logarithm of s grows
    evenly from `least` at 256 tokens to `most` at so many `tokens`. Then all levels are stretched until the last is
    `terminal`, if there is one.
    """

    by: float = 1.0
    least: float = 0.0
    most: float = 0.0
    """0: every size has `by`."""
    tokens: int = 4096
    terminal: float = 0.0
    """0: the last level is what follows from the number of steps."""

    def at(self, width: int, height: int) -> float:
        """The s of a picture of so many pixels."""
        if not self.most:
            return self.by
        tokens = (width // 16) * (height // 16)
        return math.exp(self.least + (self.most - self.least) * (tokens - 256) / (self.tokens - 256))


class FamilyDefaults(msgspec.Struct, frozen=True):
    """What a model is asked for where nobody says otherwise; None: what any is."""

    num_steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    schedule: str | None = None


class Bounds(msgspec.Struct, frozen=True):
    """Between what the numbers lie that make sense to ask of a model; None: wherever."""

    num_steps: tuple[int, int] | None = None
    guidance: tuple[float, float] | None = None


class PromptHabit(msgspec.Struct, frozen=True):
    """How prompts for a family are written, as its captions were, and within what its numbers are where nothing was
    distilled: a plan that a language model makes is held to it."""

    form: Literal["tags", "prose"] = "prose"
    """Short phrases with commas between, or sentences."""
    tokens: int = 0
    """That its encoder reads at once; 0: as `lengths` say, or more than a prompt has."""
    num_steps: tuple[int, int] = (10, 60)
    guidance: tuple[float, float] = (1.5, 12.0)


TAGS = PromptHabit("tags", 75)
"""Of CLIP, whose windows are of 77 tokens, the two at its ends among them."""


class FamilyFacts(msgspec.Struct, frozen=True):
    """One family, by the name that the registry, recipes and the engine know it by."""

    name: str
    makes: Makes = "pictures"
    """What else than pictures is out of our scope, and refused while it is listed."""
    tells: tuple[Signature, ...] = ()
    """Its denoiser in a file: the more particular first."""
    named: tuple[tuple[str, str, str], ...] = ()
    """Variants that no tensor tells: what such a file is told as, a pattern for what it is called, in small letters,
    and what it is then."""
    undistilled: Mapping[str, str] = NOTHING
    """Variants that a folder's configuration tells, and what each is where its index doesn't say that it `is_distilled`
    (diffusers)."""
    loras: tuple[LoraSignature, ...] = ()
    shares_loras: tuple[str, ...] = ()
    """Families that some of its LoRAs are told as, since they change nothing by which the two differ."""
    shares_embeddings: tuple[str, ...] = ()
    """Families that embeddings for its text encoders are told as, where not as its own."""
    vaes: tuple[Signature, ...] = ()
    """Its VAE in a file of its own, where more than `latent_channels` tells it."""
    adapters: Mapping[str, tuple[Signature, ...]] = NOTHING
    """What is made to be added to it, by kind, and how it is told where it says its family. LoRAs stand apart."""
    pipelines: tuple[PipelineClass, ...] = ()
    stepped: tuple[str, ...] = ()
    """Classes of diffusers' pipelines whose components our samplers step; others run whole."""
    stepped_where: Mapping[str, Any] = NOTHING
    """What the denoiser's configuration must say for that, where it may say otherwise."""
    shown: tuple[str, ...] = ()
    """Those of them whose denoiser is shown pictures, by the pipeline's own image encoder."""
    sees: Mapping[str, int] = NOTHING
    """Variants whose text encoder sees pictures, too, and how many at once at most."""
    packages: tuple[str, ...] = ()
    """What of Python's packages that don't come with us its pipelines take, by the names that they are imported by."""
    architectures: tuple[str, ...] = ()
    """Beginnings of what trainers write as `modelspec.architecture` or `ss_base_model_version`."""
    gguf: str = ""
    """The architecture that converters to GGUF write."""
    called: Mapping[str, tuple[str, ...]] = NOTHING
    """What other programs call a model of it, and the variants, or ways of having it take few steps, that it then is;
    none: whichever."""
    unet: bool = False
    """Its denoiser is a U-Net, which counts its sides in latents."""
    context: int = 0
    """The width of the text conditioning that a U-Net attends to, where it tells the family."""
    latent_channels: int = 0
    """Of its VAE, where the denoiser's shape doesn't tell them."""
    channels: tuple[int, ...] = ()
    """Of one latent, that its denoiser can be given; none: the VAE's, and for one that inpaints twice as many and one
    for the mask."""
    patch: int = 1
    """Latents along a side that are one token, where its configuration counts channels in tokens."""
    own_vae: bool = False
    """A plain VAE of so many channels is of this family."""
    vae_named: str = ""
    """Or, of those that have its shape, one whose file or folder is called so, in small letters."""

    native: int = 1024
    """The side, in pixels, of the square that it was trained on; 0 where it isn't known."""
    natives: Mapping[str, int] = NOTHING
    """The same, by what a checkpoint predicts, or by variant, where that tells two apart."""
    multiple: int = 8
    """Sides are multiples of so many pixels."""
    predicts: Predicts = Predicts()
    guidance: GuidanceKind = "cfg"
    """By a second, unconditional row; by a number that the network is told; or not at all."""
    guides: Mapping[str, GuidanceKind] = NOTHING
    """The same, of variants that do it otherwise."""
    shift: Mapping[str, Shift] = NOTHING
    """Of a flow, by how it was made to take few steps, or by variant; "" is any other."""
    defaults: FamilyDefaults = FamilyDefaults()
    variants: Mapping[str, FamilyDefaults] = NOTHING
    """The same, of variants that want something else."""
    distilled: Mapping[str, FamilyDefaults] = NOTHING
    """The same, of those that were made to take few steps, by how."""
    bounds: Mapping[str, Bounds] = NOTHING
    """By how it was made to take few steps, or by variant; "" is any other."""
    habit: PromptHabit = PromptHabit()
    lengths: Mapping[str, int] = NOTHING
    """How many tokens of a prompt its long text encoder is told, by variant; "" is any other."""
    asked: Mapping[str, int] = NOTHING
    """How many layers of its language model are read, by variant, where a folder's has more."""
    blocks: tuple[str, ...] = ()
    """The lists of like layers that its denoiser runs one after the other, in that order, by diffusers' names."""
    dtypes: tuple[Dtype, ...] = ("bfloat16", "float32")
    """What it may compute in: on an accelerator the first that the device has; on a CPU bfloat16, if it is among them
    and measured to be faster, else float32."""
    wide: tuple[str, ...] = ()
    """Roles of the components that overflow in float16, if their own configuration doesn't say otherwise."""
    needs: tuple[Need, ...] = ()
    variant_needs: Mapping[str, tuple[Need, ...]] = NOTHING
    """The same, of variants that need something else."""
    published: Mapping[str, PublicFile] = NOTHING
    """Its denoiser as people download it, by variant; in Stable Diffusion 3's file is a VAE too."""
    licence: Mapping[str, Licence] = NOTHING
    """By variant, or by how it was made to take few steps; "" is any other."""

    single_file: bool = False
    """A single file of it can be drawn with."""
    folder: str = ""
    """Where it is published as a diffusers folder, which runs whole, while a single file of it can't be drawn with: a
    repository of Hugging Face's Hub."""
    refused: Mapping[str, Message] = NOTHING
    """The variants that then can't, each with the clause that says why."""

    def takes(self, channels: int, latents: int) -> bool:
        """Can a denoiser be given so many channels of one latent, of a VAE of so many?"""
        return channels in (self.channels or (latents, 2 * latents + 1))

    def licence_of(self, *told: str) -> Licence | None:
        """What was published as the first of these that has one of its own; None where we don't know."""
        return next((self.licence[each] for each in (*told, "") if each in self.licence), None)

    def bounds_of(self, *told: str) -> Bounds:
        """What makes sense to ask of the first of these that has bounds of its own."""
        return next((self.bounds[each] for each in (*told, "") if each in self.bounds), Bounds())

    def length_of(self, variant: str) -> int:
        """How many tokens of a prompt that variant's long text encoder is told; 0 where it has none."""
        return self.lengths.get(variant, self.lengths.get("", 0))

    def needed(self, variant: str) -> tuple[Need, ...]:
        """What that variant takes beside its denoiser."""
        return self.variant_needs.get(variant, self.needs)

    def guided(self, variant: str) -> GuidanceKind:
        """How that variant follows its prompt."""
        return self.guides.get(variant, self.guidance)

    def takes_number(self, variant: str) -> bool:
        """Is guidance a number that the family's networks are told, or this variant's? A second row is `true_cfg`'s
        then."""
        return "embedded" in (self.guidance, self.guided(variant))

    def shift_of(self, *told: str) -> Shift | None:
        """How the first of these that has a way of its own moves its noise levels; None for what is no flow, or not
        known."""
        return next((self.shift[each] for each in (*told, "") if each in self.shift), None)

    def side(self, prediction: str = "", variant: str = "") -> int:
        """The side of the native square of a checkpoint that predicts this, and is such a variant."""
        return self.natives.get(variant, self.natives.get(prediction, self.native))

    def sizes_of(self, variant: str, sizes: Sizes) -> Sizes:
        """What is read of files that weigh so much, for that variant."""
        return sizes.seeing if variant in self.sees else sizes

    def is_called(self, variant: str) -> bool:
        """Is it a variant that no tensor tells?"""
        return any(variant == called for _, _, called in self.named)


FLOW = Predicts("flow", always=True)


def signatures(*table: tuple[Tell, ...]) -> tuple[Signature, ...]:
    """Several, each written as its variant and its tells."""
    return tuple(Signature(str(row[0]), row[1:]) for row in table)


def loras(*table: str | tuple[str, *tuple[int, ...]]) -> tuple[LoraSignature, ...]:
    """Several, each written as its pattern, or as that and its widths."""
    rows = ((row,) if isinstance(row, str) else row for row in table)
    return tuple(LoraSignature(str(row[0]), frozenset(map(int, row[1:]))) for row in rows)


def classes(*beginnings: str) -> tuple[PipelineClass, ...]:
    """Pipelines whose class alone tells the family."""
    return tuple(PipelineClass(beginning) for beginning in beginnings)
