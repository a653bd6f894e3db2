"""What the readers of other programs' recipes share: untrusted JSON, and values that are taken only where they fit.

A reader takes what it knows out of a copy of the program's values and into a `ForeignRecipe`; what is left over in the
end, and what could not be used, is named in the warnings. Numbers may be written as text, as several programs do.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec

from ...messages import Message, message
from ...words.recipe import MAX_SEED

_SHOWN = 40
_NAMED = 10


class ForeignRecipe(NamedTuple):
    """A recipe in the making: what it says under our names, and warnings."""

    meta: dict[str, Any]
    warnings: list[Message]

    def text(self, name: str, value: object) -> None:
        """Takes a text, where it is one and says something."""
        if isinstance(value, str) and value.strip():
            self.meta[name] = value
        elif value is not None and not isinstance(value, str):
            self.refuse(name, value)

    def whole(self, name: str, value: object, *, most: int = MAX_SEED) -> None:
        """Takes a whole number from 0 to `most`."""
        number = _number(value)
        if number is not None and number == int(number) and 0 <= number <= most:
            self.meta[name] = int(value) if isinstance(value, str) and value.isdecimal() else int(number)
        elif value not in (None, "", -1, "-1"):
            self.refuse(name, value)

    def real(self, name: str, value: object, *, most: float = 1e6) -> None:
        """Takes a number from 0 to `most`."""
        number = _number(value)
        if number is not None and 0 <= number <= most:
            self.meta[name] = float(number)
        elif value not in (None, ""):
            self.refuse(name, value)

    def guided(self, told: object, scale: object) -> None:
        """Takes the guidance that a model is told, and that of a second row, which is the guidance of a model that
        isn't told any. Which of both this model is, whoever draws with it knows."""
        both = told not in (None, "") and scale not in (None, "")
        self.real("guidance", scale if both or told in (None, "") else told)
        if both:
            self.real("distilled_cfg_scale", told)

    def lora(self, name: object, weight: object = 1.0, clip_weight: object = None) -> None:
        """Takes one LoRA more; `clip_weight` None is as `weight`."""
        weights = [_number(weight), _number(weight if clip_weight is None else clip_weight)]
        if not isinstance(name, str) or not name or None in weights:
            self.refuse("loras", name)
            return
        said = {"name": model_name(name), "weight": float(weights[0] or 0)}
        clip = {"clip_weight": float(weights[1] or 0)} if weights[0] != weights[1] else {}
        self.meta.setdefault("loras", []).append(said | clip)

    def refuse(self, name: str, value: object) -> None:
        """Names a value that can't be used."""
        self.warnings.append(message("foreign.value", name, value=str(value)[:_SHOWN]))

    def left_out(self, program: str, names: list[str]) -> None:
        """Names what the program says and we have no place for."""
        if names:
            more = " …" if len(names) > _NAMED else ""
            shown = ", ".join(name[:_SHOWN] for name in names[:_NAMED]) + more
            self.warnings.append(message("foreign.left_out", None, program=program, names=shown))


def draft() -> ForeignRecipe:
    """An empty recipe."""
    return ForeignRecipe({}, [])


def object_from(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is, or None."""
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any])
    except (ValueError, RecursionError):
        return None


def model_name(value: object) -> object:
    """A model's name without its folder's and its file's suffix, as ours are."""
    if not isinstance(value, str):
        return value
    name = value.replace("\\", "/").rsplit("/", 1)[-1]
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix.lower() in ("safetensors", "sft", "ckpt", "pt", "pth", "bin", "gguf") else name


def _number(value: object) -> float | int | None:
    """The finite number that is written, as one or as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        if len(value) > _SHOWN:
            return None
        try:
            value = int(value) if value.strip().isdecimal() else float(value.replace(",", "."))
        except ValueError:
            return None
    return value if isinstance(value, int | float) and math.isfinite(value) else None
