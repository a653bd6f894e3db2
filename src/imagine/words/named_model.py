"""A model that is made of others by name: a base, what goes beside it, and how it is asked; as a file says it.

It holds no weights. The same can be said of a file of weights, by the sidecar beside it: then it has no base.
"""

from __future__ import annotations

from typing import Any

import msgspec

Parameter = bool | int | float | str


class NamedLora(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A LoRA that belongs to it."""

    name: str
    weight: float = 1.0
    clip_weight: float | None = None
    """Of what it adds to text encoders; None: as `weight`."""
    digest: str = ""
    """Of its content, as it was when the model was made."""


class NamedModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"base": "from"}):
    """What a name stands for; what isn't said is empty. Files are said by their names among the models."""

    base: str = ""
    digest: str = ""
    """Of the base's content, likewise."""
    loras: tuple[NamedLora, ...] = ()
    vae: str = ""
    text_encoders: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    """Those that its words say."""
    parameters: dict[str, Parameter] = {}
    """What a request that doesn't say it gets, by the fields' names."""
    negative: str = ""
    prompt_prefix: str = ""
    prompt_suffix: str = ""
    preset: str = ""
    sample: dict[str, Any] = {}
    """The recipe of a picture that shows what it is for."""
    license: str = ""
    description: str = ""

    def __bool__(self) -> bool:
        return self != NOTHING_MADE


NOTHING_MADE = NamedModel()
