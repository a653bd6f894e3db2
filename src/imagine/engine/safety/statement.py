"""What shapes don't tell of a classifier: its labels, what they mean, and how it is shown a picture.

Our own files say it in their metadata, under `imagine.classifier`, as JSON with the fields of `Statement`. Of
transformers' and timm's a `config.json` beside them does, and transformers' `preprocessor_config.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from ...files.reading import read_file
from ...messages import message
from ...words.errors import ImagineError, UnusableModel
from ...words.safety import LEVELS, category_of

KEY = "imagine.classifier"
CONFIG, PREPROCESSOR = "config.json", "preprocessor_config.json"
_MOST_BYTES = 2**20

T = TypeVar("T")
Label = Annotated[str, Meta(min_length=1, max_length=60)]
Labels = Annotated[tuple[Label, ...], Meta(min_length=1, max_length=1024)]
_LookedAt = Annotated[int, Meta(ge=8, le=1024)]
Mean = Annotated[float, Meta(ge=0, le=1)]
Deviation = Annotated[float, Meta(gt=0, le=1)]
Colours = tuple[Mean, Mean, Mean]
Deviations = tuple[Deviation, Deviation, Deviation]
Resampling = Literal["bilinear", "bicubic"]
Stride = Annotated[int, Meta(ge=1, le=2)]
_HALF = (0.5, 0.5, 0.5)


class Statement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`categories` says of labels what our words don't. `side` is that of the square that is looked at, in pixels, 0
    where shapes tell it; pixels are of 0…1 before `mean` and `deviation`. `strides` are those of MobileNetV2's blocks,
    the first convolution's before them; `same`: it pads as TensorFlow does."""

    labels: Labels
    categories: Mapping[str, str] = {}
    side: _LookedAt | Literal[0] = 0
    mean: Colours = _HALF
    deviation: Deviations = _HALF
    resampling: Resampling = "bilinear"
    heads: Annotated[int, Meta(ge=1, le=256)] | None = None
    epsilon: Annotated[float, Meta(gt=0, le=0.1)] | None = None
    strides: Annotated[tuple[Stride, ...], Meta(max_length=256)] | None = None
    same: bool = False

    def category_of(self, label: str) -> str:
        """The category of one of the labels, "" for none."""
        return self.categories[label] if label in self.categories else category_of(label)


def stated(metadata: Mapping[str, str], path: Path) -> Statement:
    """What is said of the classifier in the file at `path`. Raises UnusableModel where nothing is, or nonsense."""
    if KEY in metadata:
        return _decoded(metadata[KEY].encode(), Statement, KEY)
    config = _beside(path, CONFIG, _Config)
    if not (labels := config.labels):
        raise UnusableModel(message("safety.no_labels", name=CONFIG, key=KEY))
    heads, epsilon = config.num_attention_heads, config.layer_norm_eps
    if (own := config.pretrained_cfg) is not None:
        mean, deviation, bicubic = own.mean, own.std, own.interpolation == "bicubic"
    else:
        shown = _beside(path, PREPROCESSOR, _Shown)
        mean, deviation, bicubic = shown.image_mean, shown.image_std, shown.resample == _BICUBIC
    resampling: Resampling = "bicubic" if bicubic else "bilinear"
    return Statement(
        labels=labels, categories=LEVELS if {*labels} == LEVELS.keys() else {}, mean=mean, deviation=deviation,
        resampling=resampling, heads=heads, epsilon=epsilon,
    )  # fmt: skip


_BICUBIC = 3
"""Pillow's number of it, which transformers writes."""


class _Shown(msgspec.Struct, frozen=True):
    image_mean: Colours = _HALF
    image_std: Deviations = _HALF
    resample: int | None = None


class _Timms(msgspec.Struct, frozen=True):
    mean: Colours = _HALF
    std: Deviations = _HALF
    interpolation: str = ""
    label_names: Labels | None = None


class _Config(msgspec.Struct, frozen=True):
    id2label: Mapping[int, Label] | None = None
    label_names: Labels | None = None
    pretrained_cfg: _Timms | None = None
    num_attention_heads: Annotated[int, Meta(ge=1, le=256)] | None = None
    layer_norm_eps: Annotated[float, Meta(gt=0, le=0.1)] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        named = self.label_names or (self.pretrained_cfg and self.pretrained_cfg.label_names)
        if named:
            return named
        numbered = self.id2label or {}
        return tuple(numbered[index] for index in sorted(numbered))


def _beside(path: Path, name: str, kind: type[T]) -> T:
    """What the file `name` in the folder of `path` says: nothing where there is none."""
    beside = path.with_name(name)
    try:
        said = read_file(beside, _MOST_BYTES) if beside.exists() else b"{}"
    except ImagineError as error:
        raise UnusableModel(message("safety.statement", where=name, why=error.note)) from error
    return _decoded(said, kind, name)


def _decoded(data: bytes, kind: type[T], where: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise UnusableModel(message("safety.statement", where=where, why=str(error))) from error
