"""The files that go with a model: those that a request names, then those that its settings, its sidecar or their kind
say."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence

from ...asking.request import OWN, GenerateRequest, names_in
from ...asking.resolve import Defaults, vae_of
from ...families.table import facts_of
from ...messages import Message, Value, message
from ...registry.composition import TEXT_ENCODER, VAE, lacking, own_roles, role_of
from ...registry.identify import CHECKPOINT
from ...words.entry import Entry
from ...words.errors import BadRequest, ImagineError, ModelChanged, UnusableModel
from ...words.model import Role

Find = Callable[[str, str], Awaitable[Entry]]
"""The file of a name and a kind, with its digest. Raises ModelNotFound, UnusableModel, ModelChanged."""


async def parts_of(
    model: Entry, request: GenerateRequest, defaults: Defaults, files: Sequence[Entry], find: Find
) -> dict[Role, Entry]:
    """The files to be used beside the model's own, by their roles. `files` are all there are, for what to propose.

    Raises BadRequest on the field that names what can't be used, or that would have to name what is missing.
    """
    vae, parts = vae_of(request, defaults), dict[Role, Entry]()
    if vae is None and not model.has_vae and model.kind == CHECKPOINT and model.format == "safetensors":
        raise BadRequest(message("model.needs_vae", VAE, name=model.name))
    if vae is not None:
        with refused_as(VAE, vae, None if request.vae else model):
            parts[VAE] = await find(vae, VAE)
    parts |= await _text_encoders(model, request, defaults, find)
    if (lacks := lacking(model, files, parts)) is not None:
        raise BadRequest(message("model.lacks", lacks.field, name=model.name, why=lacks))
    _check_width(model, parts)
    return parts


async def _text_encoders(model: Entry, request: GenerateRequest, defaults: Defaults, find: Find) -> dict[Role, Entry]:
    """The request's own, each for what it can be; for what is left, the model's usual ones, unless it wants its own."""
    requested, encoders = names_in(request.text_encoders), dict[Role, Entry]()
    for name in (name for name in requested if name != OWN):
        with refused_as("text_encoders", name):
            file = await find(name, TEXT_ENCODER)
        role = role_of(model, file)
        if role is None:
            fit = ", ".join(_kinds(model)) or message("part.no_kind")
            names = {"name": file.name, "kind": file.family, "model": model.name, "kinds": fit}
            raise BadRequest(message("part.other_kind", "text_encoders", **names))
        if role in encoders:
            raise BadRequest(message("part.twice", "text_encoders", name=file.name, other=encoders[role].name))
        encoders[role] = file
    for name in () if OWN in requested else named_in(defaults.text_encoders):
        with refused_as("text_encoders", name, model):
            file = await find(name, TEXT_ENCODER)
        role = role_of(model, file)
        if role is not None:
            encoders.setdefault(role, file)
    return dict(sorted(encoders.items()))


def named_in(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The names of files in such a field; its own are none."""
    return tuple(name for name in names_in(value) if name != OWN)


def absent(model: Entry, defaults: Defaults, find: Callable[[str, str], Entry]) -> Message | None:
    """A clause on the first file that these defaults name for a model and that can't be used; None where all can."""
    for field, kind, value in ((VAE, VAE, defaults.vae), ("text_encoders", TEXT_ENCODER, defaults.text_encoders)):
        for name in named_in(value):
            try:
                find(name, kind)
            except ImagineError as error:
                return _named_for(model, field, name, error)
    return None


def _kinds(model: Entry) -> list[str]:
    needs = facts_of(model.family).needs
    return [kind for need in needs if need.role != VAE for kind in need.fits]


def _check_width(model: Entry, parts: dict[Role, Entry]) -> None:
    """Raises BadRequest where text encoders, all of them in files of their own, make another width than is taken."""
    made = [part.context for role, part in parts.items() if role != VAE]
    if made and all(made) and model.context and own_roles(model) <= {VAE} and sum(made) != model.context:
        note = message("part.width", "text_encoders", made=sum(made), name=model.name, taken=model.context)
        raise BadRequest(note)


@contextlib.contextmanager
def refused_as(field: str, name: str, model: Entry | None = None) -> Iterator[None]:
    """What can't be used of the file that a field names, laid to that field; of one that no request names, but what
    stands of its `model` somewhere, to whoever names it."""
    try:
        yield
    except ModelChanged:
        raise
    except ImagineError as error:
        if model is not None:
            why = _named_for(model, field, name, error)
            raise BadRequest(message("model.lacks", field, name=model.name, why=why)) from error
        if isinstance(error, UnusableModel | BadRequest):
            raise BadRequest(message("part.unusable", field, value=name[:40], why=_reason(error))) from error
        raise BadRequest(message("part.missing", field, value=name[:40])) from error


def _named_for(model: Entry, field: str, name: str, error: ImagineError) -> Message:
    """A clause on who names a file for a model, and why it can't be used."""
    beside = name in (model.vae, *model.encoders)
    if isinstance(error, UnusableModel | BadRequest):
        why = message("part.unfit", why=_reason(error))
    else:
        why = message("part.absent")
    by = message("part.by_sidecar") if beside else message("part.by_settings")
    return message("part.named", field, by=by, value=name[:80], why=why)


def _reason(error: ImagineError) -> Value:
    """Why a file can't be used, without its name, which is said already."""
    return error.note.values["why"] if error.note.code == "model.unreadable" else error.note
