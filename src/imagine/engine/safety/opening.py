"""From a file of kind `safety` to what looks at pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Model
from ...words.safety import CONCEPTS, EVA, MOBILENET, VIT, category_of
from ..loading.assembly import build, fill
from ..loading.checkpoint_file import CheckpointFile
from ..loading.image_encoder import clip_vision_config
from ..loading.maps.sizes import size_of
from ..loading.part_file import refusing
from ..loading.weights import Tensors, read_all
from ..parts.clip_vision import CLIP
from . import concepts, eva, mobilenet, vit
from .checker import Checker
from .classifier import Classifier
from .showing import Showing
from .statement import Statement, stated

_WHAT = "classifier"
_AFFINE = ".affine"
"""Behind the name of a tensor of bytes: what a step of it is, and what 0 is."""
_ON_CPU = torch.device("cpu")
_CLIPS = "vision_model."


class _Classified(NamedTuple):
    constructor: Any
    tensors: Tensors
    showing: Showing
    categories: Sequence[str]


def open_checker(model: Model, device: torch.device = _ON_CPU) -> Checker:
    """The classifier in a model's file, by the family that the registry tells, in float32. Raises UnusableModel."""
    path = Path(model.main.path)
    try:
        with refusing():
            file = CheckpointFile(str(path))
            made = _network_of(model.family, _numbers(read_all(file)), file.metadata, path)
            network = fill(build(_WHAT, made.constructor, made.tensors), made.tensors, device, torch.float32)
    except UnusableModel as error:
        raise UnusableModel(message("safety.file", name=path.name, why=error.note)) from error
    return Classifier(network, made.showing, made.categories, name=model.name, digest=model.digest)


def _numbers(tensors: Tensors) -> Tensors:
    """The tensors as floats: those of bytes by their steps. Raises UnusableModel for what are no numbers."""
    made = {name: tensor for name, tensor in tensors.items() if not name.endswith(_AFFINE)}
    for name, tensor in made.items():
        if tensor.dtype == torch.uint8 and (name + _AFFINE) in tensors:
            step, least = tensors[name + _AFFINE].double().tolist()
            made[name] = (tensor.double() * step + least).float()
        elif not tensor.is_floating_point() and not name.endswith(("position_ids", "num_batches_tracked")):
            raise UnusableModel(message("weights.unexpected", part=_WHAT, names=name))
        if not torch.isfinite(made[name]).all():
            raise UnusableModel(message("safety.no_numbers", name=name))
    return made


def _network_of(family: str, tensors: Tensors, metadata: Mapping[str, str], path: Path) -> _Classified:
    if family == CONCEPTS:
        return _concepts(tensors, metadata)
    if (network := {MOBILENET: _mobilenet, VIT: _vit, EVA: _eva}.get(family)) is None:
        raise UnusableModel(message("safety.kind", family=family))
    statement = stated(metadata, path)
    categories = [statement.category_of(label) for label in statement.labels]
    made = network(tensors, statement)
    rows = len(made.tensors["classifier.1.bias" if family == MOBILENET else "head.bias"])
    if rows != len(categories):
        raise UnusableModel(message("safety.labels", labels=len(categories), count=rows))
    return made._replace(categories=categories)


def _mobilenet(tensors: Tensors, statement: Statement) -> _Classified:
    tensors = mobilenet.folded(tensors)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    shape = mobilenet.shape_of(shapes, statement.strides, same=statement.same)
    showing = _showing(statement, statement.side or mobilenet.SIDE)
    return _Classified(partial(mobilenet.MobileNetV2, shape), tensors, showing, ())


def _vit(tensors: Tensors, statement: Statement) -> _Classified:
    tensors = vit.in_their_places(tensors)
    config = vit.config_of({name: tuple(tensor.shape) for name, tensor in tensors.items()}, statement)
    return _Classified(partial(vit.VisionTransformer, config), tensors, _showing(statement, config.image_size), ())


def _eva(tensors: Tensors, statement: Statement) -> _Classified:
    tensors = eva.in_its_places(tensors)
    shape = eva.shape_of({name: tuple(tensor.shape) for name, tensor in tensors.items()}, statement)
    return _Classified(partial(eva.Eva, shape), tensors, _showing(statement, shape.side), ())


def _showing(statement: Statement, side: int) -> Showing:
    return Showing(side, statement.mean, statement.deviation, statement.resampling)


def _concepts(tensors: Tensors, metadata: Mapping[str, str]) -> _Classified:
    """Published files have a prefix twice that newer libraries write once."""
    twice = any(name.startswith(_CLIPS * 2) for name in tensors)
    named = {name.removeprefix(_CLIPS) if twice else name: each for name, each in tensors.items()}
    named = {name: each for name, each in named.items() if not name.endswith("position_ids")}
    shapes = {name: tuple(each.shape) for name, each in named.items()}
    config = clip_vision_config(shapes, metadata)
    counts = (size_of(shapes, name, 0) for name in ("concept_embeds", "special_care_embeds"))
    placed = {f"clip.{name}" if name.startswith("vis") else name: each for name, each in named.items()}
    showing = Showing(config.image_size, *CLIP, "bicubic", whole=False)
    return _Classified(
        partial(concepts.Concepts, config, *counts), placed, showing, list(map(category_of, concepts.LABELS))
    )
