"""Which file makes a map that needs one: the one that is named or that a recipe knows, else the first that can."""

from __future__ import annotations

from ...messages import Message, message
from ...words.entry import Entry
from ...words.errors import BadRequest, PartNotFound
from ...words.model import Model
from ...words.preprocessors import PREPROCESSOR, PREPROCESSORS
from ..gateway.gateway import Gateway, component_from

_PREPROCESSOR = "preprocessor"


async def chosen_preprocessor(
    gateway: Gateway, name: str, *, field: str, file: str | None = None, digest: str | None = None
) -> tuple[Model | None, list[Message]]:
    """What makes the maps of `name`, as a worker is told of it, and warnings; None where no file is needed.

    `file` is a name that the request says in its field `preprocessor`, `digest` what a recipe knows it by. Raises
    PartNotFound on `field` where no file here does it, which says one that would; BadRequest; ModelChanged.
    """
    row = PREPROCESSORS[name]
    if row.alone:
        return None, []
    if file is not None:
        entry = await gateway.named(_PREPROCESSOR, file, PREPROCESSOR, digest)
        if entry.family not in row.families:
            kinds = ", ".join(row.families) or message("part.no_kind")
            said = {"name": entry.name, "value": name, "kinds": kinds}
            raise BadRequest(message("preprocess.other_kind", _PREPROCESSOR, **said))
        return preprocessor_from(entry), []
    able = [each for each in await gateway.entries() if each.kind == PREPROCESSOR and each.family in row.families]
    able = sorted((each for each in able if not each.problem), key=lambda each: each.name)
    if not able:
        code = "preprocess.no_file" if row.file else "preprocess.no_way"
        raise PartNotFound(message(code, field, value=name, file=row.file))
    return await _by_digest(gateway, able, field, digest)


async def _by_digest(
    gateway: Gateway, able: list[Entry], field: str, digest: str | None
) -> tuple[Model, list[Message]]:
    """That of a digest; where none has it, or it isn't said, the first, and a warning that it is another."""
    for each in able if digest else ():
        known = await gateway.part(each.name, PREPROCESSOR)
        if known.digest == digest:
            return preprocessor_from(known), []
    first = await gateway.part(able[0].name, PREPROCESSOR)
    other = [message("preprocess.another", field, name=first.name, digest=digest)] if digest else []
    return preprocessor_from(first), other


def preprocessor_from(entry: Entry) -> Model:
    """What a worker must know of a preprocessor, which is a model by itself."""
    return Model(name=entry.name, family=entry.family, components=(component_from(PREPROCESSOR, entry),))
