"""The files that go with a model: those that a request names, then those that its settings, its sidecar or their kind
say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...asking.loras import loras_from
from ...asking.request import GenerateRequest, digests_in, names_in
from ...asking.resolve import Defaults, vae_of
from ...families.table import facts_of
from ...messages import Message, message
from ...registry.composition import TEXT_ENCODER, TINY, VAE, lacking, own_roles, role_of
from ...registry.identify import CHECKPOINT, LORA
from ...words.entry import Entry
from ...words.errors import BadRequest, ImagineError
from ...words.model import Role
from ...words.model_names import OWN
from .named import FilesHere, named, named_for, refused_as, twice_for


async def parts_of(model: Entry, request: GenerateRequest, defaults: Defaults, files: FilesHere) -> dict[Role, Entry]:
    """The files to be used beside the model's own, by their roles.

    Raises BadRequest on the field that names what can't be used, or that would have to name what is missing.
    """
    vae, parts = vae_of(request, defaults), dict[Role, Entry]()
    if vae is None and not model.has_vae and model.kind == CHECKPOINT and model.format != "diffusers":
        raise BadRequest(message("model.needs_vae", VAE, name=model.name))
    if vae is not None:
        parts[VAE] = await _vae(vae, model, request, files)
    parts |= await _text_encoders(model, request, defaults, files)
    if (lacks := lacking(model, files.listed(), parts)) is not None:
        raise BadRequest(message("model.lacks", lacks.field, name=model.name, why=lacks))
    _check_width(model, parts)
    return parts


async def _vae(name: str, model: Entry, request: GenerateRequest, files: FilesHere) -> Entry:
    if request.vae:
        file = await named(VAE, name, VAE, digests_in(request).get(VAE), files)
    else:
        with refused_as(VAE, name, model):
            file = await files.find(name, VAE)
    if file.variant == TINY:
        raise BadRequest(message("part.tiny", VAE, value=name[:40]))
    return file


async def _text_encoders(
    model: Entry, request: GenerateRequest, defaults: Defaults, files: FilesHere
) -> dict[Role, Entry]:
    """The request's own, each for what it can be; for what is left, the model's usual ones, unless it wants its own."""
    requested, encoders = names_in(request.text_encoders), dict[Role, Entry]()
    digests = _digests_of(requested, request)
    for name in (name for name in requested if name != OWN):
        file = await named("text_encoders", name, TEXT_ENCODER, digests.get(name), files)
        role = role_of(model, file)
        if role is None:
            fit = ", ".join(_kinds(model)) or message("part.no_kind")
            names = {"name": file.name, "kind": file.family, "model": model.name, "kinds": fit}
            raise BadRequest(message("part.other_kind", "text_encoders", **names))
        if role in encoders:
            raise BadRequest(message("part.twice", "text_encoders", name=file.name, other=encoders[role].name))
        encoders[role] = file
    left = {need.role for need in facts_of(model.family).needed(model.variant)} - encoders.keys() - {VAE}
    usual = await _usual(model, defaults, files) if left and OWN not in requested else {}
    return dict(sorted((usual | encoders).items()))


async def _usual(model: Entry, defaults: Defaults, files: FilesHere) -> dict[Role, Entry]:
    encoders = dict[Role, Entry]()
    for name in named_in(defaults.text_encoders):
        with refused_as("text_encoders", name, model):
            file = await files.find(name, TEXT_ENCODER)
        role = role_of(model, file)
        if role is None and name in model.encoders:
            why = named_for(model, "text_encoders", name)
            raise BadRequest(message("model.lacks", "text_encoders", name=model.name, why=why))
        if role in encoders:
            why = twice_for(model, name, file, encoders[role])
            raise BadRequest(message("model.lacks", "text_encoders", name=model.name, why=why))
        if role is not None:
            encoders[role] = file
    return encoders


def named_in(value: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """The names of files in such a field; its own are none."""
    return tuple(name for name in names_in(value) if name != OWN)


def absent(model: Entry, defaults: Defaults, find: Callable[[str, str], Entry]) -> Message | None:
    """A clause on the first file that these defaults name for a model and that can't be used; None where all can."""
    for field, kind, value in ((VAE, VAE, defaults.vae), ("text_encoders", TEXT_ENCODER, defaults.text_encoders)):
        places = dict[Role | None, Entry]()
        for name in named_in(value):
            try:
                file = find(name, kind)
            except ImagineError as error:
                return named_for(model, field, name, error)
            role = role_of(model, file)
            if role is not None and role in places:
                return twice_for(model, name, file, places[role])
            places[role] = file
    return None


def absent_lora(model: Entry, defaults: Defaults, find: Callable[[str, str], Entry]) -> Message | None:
    """The same of the LoRAs that these defaults name: only who wants none of them can draw without."""
    for lora in loras_from(defaults.loras):
        try:
            find(lora.name, LORA)
        except ImagineError as error:
            return named_for(model, "loras", lora.name, error)
    return None


def _digests_of(names: Sequence[str], request: GenerateRequest) -> dict[str, str]:
    """The digests of these text encoders, where they are the recipe's: it has both in the order of the roles."""
    digests = [digest for role, digest in sorted(digests_in(request).items()) if role.startswith("text_encoder")]
    return dict(zip(names, digests, strict=True)) if len(names) == len(digests) else {}


def _kinds(model: Entry) -> list[str]:
    needs = facts_of(model.family).needed(model.variant)
    return [kind for need in needs if need.role != VAE for kind in need.fits]


def _check_width(model: Entry, parts: dict[Role, Entry]) -> None:
    """Raises BadRequest where text encoders, all of them in files of their own, make another width than is taken."""
    made = [part.context for role, part in parts.items() if role != VAE]
    if made and all(made) and model.context and own_roles(model) <= {VAE} and sum(made) != model.context:
        note = message("part.width", "text_encoders", made=sum(made), name=model.name, taken=model.context)
        raise BadRequest(note)
