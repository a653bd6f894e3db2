"""What a family's row says, and in which words: the one place where anything that isn't computing is told of a family.

Sides, steps and guidance are those that the models' cards or diffusers' pipelines (0.42, Apache-2.0) name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from ..messages import Message

Tell = str | tuple[str, int] | tuple[str, int, int]
"""A tensor's name; `!name`, for one that must not be there; (name, dimension, size); or (name, how many dimensions)."""
Dtype = Literal["float16", "bfloat16", "float32"]
GuidanceKind = Literal["cfg", "embedded", "none"]
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


class Need(msgspec.Struct, frozen=True):
    """A component that a picture takes beside the denoiser: its role, by diffusers' name, and what can fill it, as the
    registry calls the family of such a file."""

    role: str
    fits: tuple[str, ...]


class FamilyDefaults(msgspec.Struct, frozen=True):
    """What a model is asked for where nobody says otherwise; None: what any is."""

    num_steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    schedule: str | None = None


class FamilyFacts(msgspec.Struct, frozen=True):
    """One family, by the name that the registry, recipes and the engine know it by."""

    name: str
    tells: tuple[Signature, ...] = ()
    """Its denoiser in a file: the more particular first."""
    loras: tuple[LoraSignature, ...] = ()
    vaes: tuple[Signature, ...] = ()
    """Its VAE in a file of its own, where more than `latent_channels` tells it."""
    adapters: Mapping[str, tuple[Signature, ...]] = NOTHING
    """What is made to be added to it, by kind, and how it is told where it says its family. LoRAs stand apart."""
    pipelines: tuple[PipelineClass, ...] = ()
    stepped: tuple[str, ...] = ()
    """Classes of diffusers' pipelines whose components our samplers step; others run whole."""
    architectures: tuple[str, ...] = ()
    """Beginnings of what trainers write as `modelspec.architecture` or `ss_base_model_version`."""
    gguf: str = ""
    """The architecture that converters to GGUF write."""
    unet: bool = False
    """Its denoiser is a U-Net, which counts its sides in latents."""
    context: int = 0
    """The width of the text conditioning that a U-Net attends to, where it tells the family."""
    latent_channels: int = 0
    """Of its VAE, where the denoiser's shape doesn't tell them."""
    own_vae: bool = False
    """A plain VAE of so many channels is of this family."""

    native: int = 1024
    """The side, in pixels, of the square that it was trained on; 0 where it isn't known."""
    natives: Mapping[str, int] = NOTHING
    """The same, by what a checkpoint predicts, where that tells two apart."""
    multiple: int = 8
    """Sides are multiples of so many pixels."""
    predicts: Predicts = Predicts()
    guidance: GuidanceKind = "cfg"
    """By a second, unconditional row; by a number that the network is told; or not at all."""
    defaults: FamilyDefaults = FamilyDefaults()
    distilled: Mapping[str, FamilyDefaults] = NOTHING
    """The same, of those that were made to take few steps, by how."""
    dtypes: tuple[Dtype, ...] = ("bfloat16", "float32")
    """What it may compute in: on an accelerator the first that the device has; on a CPU bfloat16, if it is among them
    and measured to be faster, else float32."""
    wide: tuple[str, ...] = ()
    """Roles of the components that overflow in float16, if their own configuration doesn't say otherwise."""
    needs: tuple[Need, ...] = ()

    single_file: bool = False
    """A single file of it can be drawn with."""
    refused: Mapping[str, Message] = NOTHING
    """The variants that then can't, each with the clause that says why."""

    def side(self, prediction: str = "") -> int:
        """The side of the native square of a checkpoint that predicts this."""
        return self.natives.get(prediction, self.native)


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
