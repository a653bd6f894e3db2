"""What a job asks of a worker, as far as it matters where it goes: files, weights on the device, company."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple

from ..families.memory import bytes_of
from ..words.frames import Submit
from ..words.model import Component, Model
from ..words.recipe import GenerationParams
from ..words.sizes import NO_SIZES

_BATCH = 16
"""Pictures of one kind that are stepped together at most, where nobody says less."""


class ModelWeights(NamedTuple):
    """A model as what lies on a device."""

    identity: str
    parts: Mapping[str, int]
    """Bytes of each component, by what tells it from others; 0 where nobody knows them."""
    nbytes: int
    """Of all of it; 0 where nobody knows."""


class JobNeeds(NamedTuple):
    """What one job asks for; equal `key`s ask for the same files."""

    key: Hashable
    files: tuple[Component, ...]
    weights: tuple[ModelWeights, ...]
    """Of the models that it takes, its own first."""
    nbytes: int
    """Of those."""
    params: GenerationParams | None = None
    """None: nothing is drawn, a model is to be ready."""
    kin: Hashable = None
    """Equal for jobs that can be stepped together; None for one that never is."""
    most: int = _BATCH
    """So many of them at once."""
    stays: bool = False
    """Only a worker of this machine may make it."""
    replayed: Submit | None = None
    """What says on which devices it was made before, where it is to be made again."""


def wanted_from_submit(submit: Submit) -> JobNeeds:
    """What a picture asks for."""
    wanted = _wanted(submit.components, submit.models)
    kin, most = _kin(submit, wanted.weights[0].identity), submit.max_batch or _BATCH
    return wanted._replace(
        key=(wanted.key, submit.stays),
        stays=submit.stays,
        params=submit.params,
        kin=kin,
        most=most,
        replayed=submit if submit.environment else None,
    )


def wanted_from_model(model: Model) -> JobNeeds:
    """What having a model ready asks for."""
    return _wanted(model.components, [model])


def _wanted(files: Iterable[Component], models: Iterable[Model]) -> JobNeeds:
    files, weights = tuple(files), tuple(map(weights_from_model, models))
    return JobNeeds(
        frozenset((_told_by(file), bool(file.path)) for file in files),
        files,
        weights,
        sum(each.nbytes for each in weights),
    )


def weights_from_model(model: Model) -> ModelWeights:
    """The bytes of a model's components, each without what another is in its place."""
    parts = {_told_by(part): 0 for part in model.components}
    if (sizes := model.sizes) != NO_SIZES:
        beside = {_told_by(part): bytes_of(part.sizes).all for part in model.components[1:]}
        parts |= {_told_by(model.main): max(0, bytes_of(sizes).all - sum(beside.values()))} | beside
    return ModelWeights(model.identity, parts, sum(parts.values()))


def _told_by(part: Component) -> str:
    return part.digest or part.path


def _kin(submit: Submit, identity: str) -> Hashable:
    """As the engine's batch keys, as far as a gateway sees what those are made of."""
    params = submit.params
    alone = params.reproducible or params.buckets is not None or submit.enlargement or submit.mapping
    guided = params.guidance > 1 or params.true_cfg > 1
    return None if alone else (identity, params.width, params.height, guided, params.tiling)
