"""LoRAs as they are asked for: in one of three forms, or by tags in a prompt; and in the one form that recipes have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from ..families.table import lora_families
from ..messages import message
from ..words.entry import Entry
from ..words.errors import BadRequest, Unsupported
from ..words.recipe import Lora
from .names import Digest, ModelName

MAX_LORAS = 8
"""Of one picture, wherever they are said."""
MAX_LORA_WEIGHT = 4.0
AUTOV3 = 12
"""Digits of the digest by which other programs know a LoRA."""
_SHOWN = 40

LoraWeight = Annotated[float, Meta(ge=-MAX_LORA_WEIGHT, le=MAX_LORA_WEIGHT)]


class LoraWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A LoRA that is asked for."""

    name: Annotated[ModelName, Meta(description="As `others` of /models lists it.")]
    weight: Annotated[LoraWeight | None, Meta(description="How much of it; 1 if not said.")] = None
    clip_weight: Annotated[
        LoraWeight | None, Meta(description="How much of what it does to text encoders; as weight if not said.")
    ] = None
    digest: Annotated[
        Digest | None, Meta(description="From a picture's recipe: one that has another name by now is found by it.")
    ] = None
    autov3: Annotated[
        Digest | None, Meta(description="What AUTOMATIC1111 and Civitai know it by; it is found by this too.")
    ] = None


LoraNames = (
    Annotated[tuple[LoraWish | ModelName, ...], Meta(max_length=MAX_LORAS)]
    | Annotated[dict[ModelName, LoraWeight], Meta(max_length=MAX_LORAS)]
)
"""A list of names and of objects, or names with their weights."""
LORA_NAMES = {"allowed": message("allowed.loras", most=MAX_LORAS, weight=MAX_LORA_WEIGHT)}


def loras_from(asked: tuple[LoraWish | str, ...] | dict[str, float] | None) -> tuple[Lora, ...]:
    """The same in a recipe's form."""
    if asked is None:
        return ()
    if isinstance(asked, dict):
        return tuple(Lora(name=name, weight=float(weight)) for name, weight in asked.items())
    return tuple(_lora(each) for each in asked)


def asked_as(loras: Iterable[Lora]) -> tuple[LoraWish, ...]:
    """What asks for these."""
    return tuple(
        LoraWish(
            name=lora.name, weight=lora.weight, clip_weight=lora.clip_weight,
            digest=lora.digest or None, autov3=lora.autov3 or None,
        )
        for lora in loras
    )  # fmt: skip


class ChosenLora(NamedTuple):
    """One that is asked for, and the file that it is."""

    asked: Lora
    file: Entry

    @property
    def recorded(self) -> Lora:
        """As a recipe has it: the file's own name, and what it is known by."""
        digests = {"digest": self.file.digest, "autov3": self.file.autov3[:AUTOV3]}
        return msgspec.structs.replace(self.asked, name=self.file.name, **digests)


def check_family(model: Entry, lora: Entry, called: str) -> None:
    """Raises Unsupported for one that is known to be made for another family than the model's; `called` is what the
    request calls it."""
    fitting = lora_families(model.family)
    if lora.family and fitting and lora.family not in fitting:
        what = {"family": lora.family, "model": model.name, "model_family": model.family}
        raise Unsupported(message("loras.family", "loras", value=called[:_SHOWN], **what))


def beside(said: Iterable[Lora], more: Iterable[Lora]) -> tuple[Lora, ...]:
    """What is said, and of `more` those that it doesn't name."""
    first = tuple(said)
    names = {lora.name for lora in first}
    return (*first, *(lora for lora in more if lora.name not in names))


def check_count(loras: tuple[Lora, ...]) -> None:
    """Raises BadRequest for more than a picture can have."""
    if len(loras) > MAX_LORAS:
        raise BadRequest(message("loras.count", "loras", count=len(loras), most=MAX_LORAS))


def _lora(asked: LoraWish | str) -> Lora:
    if isinstance(asked, str):
        return Lora(name=asked, weight=1.0)
    weight = 1.0 if asked.weight is None else float(asked.weight)
    clip = None if asked.clip_weight is None or asked.clip_weight == weight else float(asked.clip_weight)
    return Lora(name=asked.name, weight=weight, clip_weight=clip, digest=asked.digest or "", autov3=asked.autov3 or "")
