"""What each of a model's components weighs, told by the headers of its files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..words.sizes import NO_SIZES, NO_WEIGHT, Sizes, Weight
from .components import VAE_PREFIXES
from .denoisers import EMA_PREFIX, find_denoiser
from .header import Header, TensorInfo
from .identify import MODEL_KINDS

_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_INTEGERS = frozenset({"BOOL", "I16", "U16", "I32", "U32", "I64", "U64"})
"""Places and counts, which are made anew: one of them would have a model taken for one of few bits."""
_DENOISERS = ("unet", "transformer", "prior", "decoder")
_SIGHT = "sight"
_PARTS: Mapping[str, str] = {"text-encoder": "encoders", "vae": "vae"}
"""What a file of such a kind is to the model that it is used with."""
_UNREAD = re.compile(r"(?:^|\.)(?:lm_head|time_conv)\.")
"""What no picture needs: of a text encoder what says the next word, and of a VAE what joins frames."""
_LAYER = re.compile(r"(?:^|(?:^|\.)model\.)(?:language_model\.)?layers\.(\d+)\.")
"""A language model's, not of what sees beside it."""
_SEES = re.compile(r"(?:^|\.)visual\.")
"""What of a text encoder sees pictures."""


def sizes_of(kind: str, tensors: Mapping[str, TensorInfo]) -> Sizes:
    """Of a single file of that kind, as the registry tells them; nothing for what goes beside a model."""
    if kind in _PARTS:
        own: dict[str, list[TensorInfo]] = {_PARTS[kind]: [], _SIGHT: []}
        for name, info in tensors.items():
            if not _UNREAD.search(name):
                own[_SIGHT if _SEES.search(name) else _PARTS[kind]].append(info)
        return _sizes(own)
    denoiser = find_denoiser(tensors) if kind in MODEL_KINDS else None
    if denoiser is None:
        return NO_SIZES
    by_role: dict[str, list[TensorInfo]] = {}
    averaged = denoiser.prefix.startswith(EMA_PREFIX)
    for name, info in tensors.items():
        # In a checkpoint a name without a dot is a schedule's buffer or a mark; of a denoiser alone, as Stable
        # Diffusion 3's table of places, its own. A second, averaged denoiser isn't read.
        told = ("." in name or not denoiser.prefix) and not _UNREAD.search(name)
        if told and (averaged or not name.startswith(EMA_PREFIX)):
            by_role.setdefault(_role(name, denoiser.prefix), []).append(info)
    return _sizes(by_role)


def sizes_of_folder(headers: Mapping[str, Iterable[Header]], asked: int = 0) -> Sizes:
    """Of a diffusers folder, by its components; of its language model so many layers are `asked`, 0 for all that is in
    its files."""
    by_role: dict[str, list[TensorInfo]] = {}
    for part, files in headers.items():
        role = "encoders" if part.startswith("text_encoder") else part if part == "vae" else "others"
        role = "denoiser" if part in _DENOISERS else "vae" if part == "vqvae" else role
        named = (each for header in files for each in header.tensors.items())
        told = (info for name, info in named if role != "encoders" or not asked or _is_asked(name, asked))
        by_role.setdefault(role, []).extend(told)
    return _sizes(by_role)


def _is_asked(name: str, layers: int) -> bool:
    """Is a tensor of a language model's table of tokens, or of one of its first layers?"""
    layer = _LAYER.search(name)
    return int(layer[1]) < layers if layer else "embed_tokens." in name


def _role(name: str, prefix: str) -> str:
    if name.startswith(VAE_PREFIXES):
        return "vae"
    if name.startswith(prefix):
        return "denoiser"
    return _SIGHT if _SEES.search(name) else "encoders"


def _sizes(by_role: Mapping[str, list[TensorInfo]]) -> Sizes:
    weights = {role: sum(map(_weight, infos), NO_WEIGHT) for role, infos in by_role.items()}
    streamed = [info for role, infos in by_role.items() if role not in ("vae", _SIGHT) for info in infos]
    largest = max(map(_weight, streamed), key=lambda weight: weight.nbytes(2), default=NO_WEIGHT)
    return Sizes(layer=largest, **weights)


def _weight(info: TensorInfo) -> Weight:
    if info.dtype in _INTEGERS:
        return NO_WEIGHT
    return Weight(floats=info.elements) if info.dtype in _FLOATS else Weight(kept=info.end - info.start)
