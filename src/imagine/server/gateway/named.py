"""The file that a field of a request names: by its name, else by the digest that the request's recipe knows it by."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from ...messages import Message, Value, message
from ...registry.composition import kind_for_names
from ...words.entry import Entry
from ...words.errors import BadRequest, ImagineError, ModelChanged, ModelNotFound, PartNotFound, UnusableModel
from ...words.model_names import matching, similar

_LISTED = 10
PROMPTS = ("prompt", "neg")
"""Fields in whose text files are named."""


class FilesHere(NamedTuple):
    """What there is to be used beside a model."""

    listed: Callable[[], Sequence[Entry]]
    """All of it, as of now."""
    find: Callable[[str, str], Awaitable[Entry]]
    """One file by its name and kind, with its digest. Raises ModelNotFound, UnusableModel, ModelChanged."""


class NextTo(NamedTuple):
    """What a file has to go with."""

    family: str = ""
    goes: Callable[[Entry], bool] = lambda _: True


ANY = NextTo()


async def named(
    field: str, name: str, kind: str, digest: str | None, files: FilesHere, others: Sequence[str] = (),
    beside: NextTo = ANY,
) -> Entry:  # fmt: skip
    """The file of that name and kind, with its digest; where none has the name, or several could: that of the digest.

    Raises on the field PartNotFound, which names what may have been meant, `others` among it and of the files those
    that can go `beside` the model, and BadRequest for what can't be used; ModelChanged.
    """
    with refused_as(field, name):
        try:
            return await files.find(name, kind)
        except ModelNotFound as error:
            absent = error
    if digest and (file := await _of_digest(digest, kind, files)):
        return file
    raise _not_there(field, name, kind, files.listed(), others, beside) from absent


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
            why = named_for(model, field, name, error)
            raise BadRequest(message("model.lacks", field, name=model.name, why=why)) from error
        if isinstance(error, UnusableModel | BadRequest):
            raise BadRequest(message("part.unusable", field, value=name[:40], why=_reason(error))) from error
        raise BadRequest(message("part.missing", field, value=name[:40])) from error


def named_for(model: Entry, field: str, name: str, error: ImagineError | None = None) -> Message:
    """A clause on who names a file for a model, and why it can't be used: it isn't there, or is none that fits."""
    if isinstance(error, UnusableModel | BadRequest):
        why = message("part.unfit", why=_reason(error))
    else:
        why = message("part.absent")
    return message("part.named", field, by=_who(model, name), value=name[:80], why=why)


def twice_for(model: Entry, name: str, file: Entry, other: Entry) -> Message:
    """A clause on who names two text encoders for one place of a model, by `name` the second."""
    return message("part.named_twice", "text_encoders", by=_who(model, name), name=file.name, other=other.name)


def _who(model: Entry, name: str) -> Message:
    """Who says that a model goes with a file of that name."""
    return message("part.by_sidecar") if name in (model.vae, *model.encoders) else message("part.by_settings")


def _reason(error: ImagineError) -> Value:
    """Why a file can't be used, without its name, which is said already."""
    return error.note.values["why"] if error.note.code == "model.unreadable" else error.note


async def _of_digest(digest: str, kind: str, files: FilesHere) -> Entry | None:
    """The first file of this content, by name. Its header's digest would not do: other weights have the same header."""
    for file in (file for file in files.listed() if kind_for_names(file) == kind and not file.problem):
        with contextlib.suppress(UnusableModel, ModelNotFound):
            known = await files.find(file.name, kind)
            if any(each.startswith(digest) for each in (known.digest, known.file_digest, known.autov3)):
                return known
    return None


class _Sentences(NamedTuple):
    """What is said of a name that no file of the kind has."""

    other: str = "part.other_file"
    near: str = "part.missing_near"
    none: str = "part.missing_kind"
    unfit: str = "part.missing_unfit"
    among: str = "part.missing_among"
    many: str = "part.missing_many"


_PLAIN = _Sentences()
_IN_PROMPT = _Sentences(
    "part.other_file_in", "part.missing_near_in", "part.missing_in", "part.missing_unfit_in", "part.missing_among_in",
    "part.missing_many_in",
)  # fmt: skip
"""Of a field that says much else, too, the kind has to be told."""


def _not_there(
    field: str, name: str, kind: str, files: Sequence[Entry], also: Sequence[str], beside: NextTo
) -> BadRequest:
    """That no file of the kind has the name, and what may have been meant, `also` what is no file."""
    value, of_kind = name[:40], [file for file in files if kind_for_names(file) == kind and not file.problem]
    names = [*also, *(file.name for file in of_kind if beside.goes(file))]
    others = {file.name: file for file in files if kind_for_names(file) != kind}
    say, what = (_IN_PROMPT, {"kind": kind}) if field in PROMPTS else (_PLAIN, {})
    if (other := matching(name, others)) is not None:
        return BadRequest(message(say.other, field, value=value, **(what | {"kind": others[other].kind})))
    if near := similar(name, names):
        return PartNotFound(message(say.near, field, value=value, names=", ".join(near), **what))
    if not names and of_kind:
        unfit = _listed([file.name for file in of_kind])
        return PartNotFound(message(say.unfit, field, value=value, names=unfit, family=beside.family, kind=kind))
    if not names:
        return PartNotFound(message(say.none, field, value=value, kind=kind))
    listed = ", ".join(names[:_LISTED])
    if len(names) > _LISTED:
        return PartNotFound(message(say.many, field, value=value, names=listed, more=len(names) - _LISTED, **what))
    return PartNotFound(message(say.among, field, value=value, names=listed, **what))


def _listed(names: Sequence[str]) -> Value:
    """The first of them, and how many more there are."""
    listed = ", ".join(names[:_LISTED])
    return message("names.more", names=listed, more=len(names) - _LISTED) if len(names) > _LISTED else listed
