"""What AUTOMATIC1111's `parameters` say of noise beyond the seed, and of edges and masks, both ways."""

from __future__ import annotations

import re
from typing import Any

_OPTIONS = {"Sigma churn": "s_churn", "Sigma tmin": "s_tmin", "Sigma tmax": "s_tmax", "Sigma noise": "s_noise"}
_ETAS = ("Eta", "Eta DDIM")
_FILLS = {"fill": "fill", "noise": "latent noise", "nothing": "latent nothing"}
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,20})?", re.ASCII)
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})", re.ASCII)
_RNG, _THERE = "RNG", "CPU"


def noise_written(meta: dict[str, Any]) -> dict[str, Any]:
    """Pairs of their text; None for what isn't there."""
    options: dict[str, Any] = meta.get("sampler_options") or {}
    eta = _ETAS[1] if meta.get("sampler") == "ddim" else _ETAS[0]
    sized = "seed_width" in meta and "seed_height" in meta
    return {
        eta: options.get("eta"),
        **{key: options.get(name) for key, name in _OPTIONS.items()},
        "Seed resize from": f"{meta['seed_width']}x{meta['seed_height']}" if sized else None,
        _RNG: _THERE if meta.get("noise") == "a1111-cpu" else None,
        "Tiling": "True" if meta.get("tiling") else None,
        "Masked content": _FILLS.get(meta.get("mask_fill", "")) if meta.get("mask") else None,
    }


def take_noise(pairs: dict[str, str], meta: dict[str, Any]) -> None:
    """Move what they say into `meta`; what can't be read stays among them."""
    names = {**dict.fromkeys(_ETAS, "eta"), **_OPTIONS}
    options = {name: float(pairs.pop(key)) for key, name in names.items() if _NUMBER.fullmatch(pairs.get(key, ""))}
    if options:
        meta["sampler_options"] = options
    if size := _SIZE.fullmatch(pairs.get("Seed resize from", "")):
        del pairs["Seed resize from"]
        meta |= {"seed_width": int(size[1]), "seed_height": int(size[2])}
    if pairs.get(_RNG) == _THERE:
        del pairs[_RNG]
        meta["noise"] = "a1111-cpu"
    if pairs.get("Tiling") in ("True", "False"):
        meta |= {"tiling": True} if pairs.pop("Tiling") == "True" else {}
    ours = {theirs: fill for fill, theirs in _FILLS.items()}
    if pairs.get("Masked content") in ours:
        meta["mask_fill"] = ours[pairs.pop("Masked content")]
