"""The configuration file: YAML of our settings, and of the shape that guides for such servers show.

That shape is `{model, api_key, host, port, api_endpoints, image_generation: {default_negative_prompt,
ref_image_max_size, cartoon_presets, use_ref_images}}`, and `cartoon_styles` at its top.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..asking.checking import shown
from ..asking.presets import CONTAINERS, SPELLINGS, named
from ..files.yaml_text import read_yaml
from ..messages import in_english
from ..words.errors import BadRequest, ImagineError

MAX_SIZE = 2**20
"""Bytes of a configuration file; real ones have a few thousand."""
_NO_EFFECT = {
    "api_endpoints": "its endpoints are fixed",
    "image_generation.use_ref_images": "a request that brings a picture means it to be used",
}


def read_config(text: str, known: Collection[str]) -> tuple[dict[str, Any], list[str]]:
    """What the file says, by the names of settings, unchecked; and sentences on what in it has no effect.

    Raises ImagineError for what is no configuration.
    """
    values: dict[str, Any] = {}
    warnings: list[str] = []
    foreign: dict[str, Any] = {}
    for key, value in _mapping(text).items():
        name = str(key).replace("-", "_")
        if name == "image_generation":
            foreign |= {f"image_generation.{part}": inner for part, inner in _parts(value).items()}
        elif name in CONTAINERS and name not in known:
            foreign[name] = value
        elif name not in known:
            warnings.append(_without_effect(name))
        elif value is not None and value != "":
            values[name] = value
    for name, value in foreign.items():
        if value is not None and not _take(name.rpartition(".")[2], value, values):
            warnings.append(_without_effect(name))
    return values, warnings


def _take(name: str, value: object, values: dict[str, Any]) -> bool:
    """Puts what another shape says under our name, where ours doesn't say it; False for what has no place."""
    if name == "default_negative_prompt":
        own = values.get("defaults", {})
        if isinstance(own, dict) and not any(SPELLINGS.get(part, part) == "neg" for part in own):
            values["defaults"] = own | {"neg": value}
        return True
    if name == "ref_image_max_size":
        values.setdefault(name, value)
        return True
    if name in CONTAINERS:
        try:
            values["presets"] = named(value) | named(values.get("presets", {}))
        except BadRequest as error:
            raise ImagineError(in_english(f"{name} in the configuration file: {error}", name)) from error
        return True
    return False


def _mapping(text: str) -> dict[Any, Any]:
    try:
        parsed = read_yaml(text)
    except ValueError as error:
        raise ImagineError(in_english(f"the configuration file is not YAML that can be used: {error}")) from error
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise ImagineError(in_english("the configuration file must be a mapping of settings"))
    return parsed


def _parts(value: object) -> dict[Any, Any]:
    if value is not None and not isinstance(value, dict):
        raise ImagineError(
            in_english(f"image_generation in the configuration file is {shown(value)}; it must be a mapping")
        )
    return value or {}


def _without_effect(name: str) -> str:
    why = _NO_EFFECT.get(name, "no setting has this name")
    return f"{shown(name)} in the configuration file has no effect: {why}"
