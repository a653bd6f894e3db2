"""Which files together make a model: what a denoiser lacks, found by kind among the others, or named by its sidecar.

A text encoder fits by its kind and by the width of what it makes. VAEs of Stable Diffusion 1, 2 and XL are one network,
which no header tells apart: of those, the ones whose file or folder has an `xl` in its name count as SDXL's. For what
can't be found, the file is named that people have for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from ..families.facts import Need, PublicFile
from ..families.published import SDXL_VAE
from ..families.table import facts_of, is_published_width
from ..messages import Message, message
from ..words.entry import Entry
from ..words.model import Role
from ..words.model_names import OWN, matching, without_suffix
from ..words.sizes import NO_SIZES, Sizes, Weight
from .identify import CHECKPOINT, MODEL_KINDS
from .names import normal
from .usable import UNDRAWN, UNOPENED

VAE: Role = "vae"
TEXT_ENCODER = "text-encoder"
TINY = "tiny"
"""The variant of a VAE that only decodes, and that well enough for a preview."""
_TRIED = 8
"""Files that are tried for each text encoder, where two have to fit together."""
_NAMED = 5


def field_of(role: str) -> str:
    """What of a request names a file for this role."""
    return "vae" if role == VAE else "text_encoders"


def own_roles(model: Entry) -> set[str]:
    """The components that the model's own file holds."""
    needs = facts_of(model.family).needed(model.variant)
    if model.format == "diffusers":
        return {need.role for need in needs}
    own = {need.role for need in needs if set(need.fits) & set(model.text_encoders)}
    return own | ({VAE} if model.has_vae else set())


def role_of(model: Entry, file: Entry) -> Role | None:
    """What a file can be to a model, None where it can be nothing."""
    needs = facts_of(model.family).needed(model.variant)
    return next((cast("Role", need.role) for need in needs if _fits(need, file, needs)), None)


def lacking(model: Entry, files: Sequence[Entry], given: Mapping[Role, Entry]) -> Message | None:
    """One clause on what the model lacks beside what it was `given`, and on the `files` that would fit."""
    needs = [need for need in _unfilled(model, given) if not need.optional]
    if not needs:
        return None
    what = _what(needs[0], model)
    for need in needs[1:]:
        what = message("need.and", one=what, other=_what(need, model))
    fit: dict[str, list[str]] = {}
    for need in needs:
        names = [file.name for file in files if _might_fit(model, need, file, files, given)]
        if names:
            fit.setdefault(field_of(need.role), []).extend(names)
    if not fit:
        return message("unfit.lacks", field_of(needs[0].role), what=what)
    (field, listed), *more = ((field, ", ".join(names[:_NAMED])) for field, names in fit.items())
    if more:
        return message("unfit.both", field, what=what, names=listed, other=more[0][0], others=more[0][1])
    return message("unfit.unnamed", field, what=what, names=listed)


def _unfilled(model: Entry, given: Collection[Role]) -> list[Need]:
    return [
        need for need in facts_of(model.family).needed(model.variant) if need.role not in own_roles(model) | set(given)
    ]


def _what(need: Need, model: Entry) -> Message:
    what = message("need.vae") if need.role == VAE else message("need.text", kind=need.fits[0])
    if not (files := published_for(need, model)):
        return what
    best = files[0]
    return message("need.public", what=what, name=best.name, size=_size(best.size))


def published_for(need: Need, model: Entry) -> tuple[PublicFile, ...]:
    """The files that people have for a need of this model; none for one narrower than what was published."""
    return need.public if is_published_width(model.family, model.context) else ()


def _size(count: int) -> Message:
    """So many bytes, in a clause."""
    if count < 10**9:
        return message("size.mb", count=round(count / 10**6))
    return message("size.gb", count=round(count / 10**9, 1))


def _might_fit(model: Entry, need: Need, file: Entry, files: Sequence[Entry], given: Mapping[Role, Entry]) -> bool:
    """Can the file fill the need, with others that are there where text encoders have to make a width together?"""
    needs = facts_of(model.family).needed(model.variant)
    if not _fits(need, file, needs):
        return False
    if need.role == VAE or not model.context or not file.context or not own_roles(model) <= {VAE}:
        return True
    made = {0}
    for other in needs:
        if other.role not in (VAE, need.role):
            there = [given[cast("Role", other.role)]] if other.role in given else files
            widths = {each.context for each in there if _fits(other, each, needs)}
            if not widths or not all(widths):
                return file.context <= model.context
            made = {total + width for total in made for width in widths}
    return any(total + file.context == model.context for total in made)


def composed(entries: Sequence[Entry]) -> list[Entry]:
    """The same entries, each denoiser with the names of its components, and those of families that can't be drawn from
    single files yet as well.

    Where one can't be found, the entry says what it `lacks`.
    """
    return [
        _composed(each, entries) if each.composes or _is_unopened(each) else _with_optional(each) for each in entries
    ]


def _is_unopened(entry: Entry) -> bool:
    return entry.problem is not None and entry.problem.code in (UNOPENED, UNDRAWN) and entry.kind in MODEL_KINDS


def _with_optional(model: Entry) -> Entry:
    """A checkpoint that is drawn with as it is, and what it would take besides if somebody named it."""
    if model.kind != CHECKPOINT:
        return model
    missing = tuple(need.role for need in _unfilled(model, ()) if need.optional)
    return msgspec.structs.replace(model, missing=missing) if missing else model


def _composed(model: Entry, entries: Sequence[Entry]) -> Entry:
    named = _by_name(model, entries)
    if isinstance(named, Message):
        return msgspec.structs.replace(model, lacks=named)
    chosen = named | _by_kind(model, entries, named)
    lacks_some = lacking(model, entries, chosen)
    missing = _unfilled(model, chosen)
    return msgspec.structs.replace(
        model, vae=chosen[VAE].name if VAE in chosen else "", lacks=lacks_some,
        needs=tuple(sorted({field_of(need.role) for need in missing if not need.optional})),
        encoders=tuple(file.name for role, file in sorted(chosen.items()) if role != VAE),
        missing=tuple(need.role for need in missing), companions=_companions(model, chosen, missing),
    )  # fmt: skip


def _companions(model: Entry, chosen: Mapping[Role, Entry], missing: Sequence[Need]) -> Sizes:
    """What the model's components weigh, and at most the files that people have for those that are missing."""
    sizes = NO_SIZES
    for file in chosen.values():
        sizes += file.sizes
    for need in missing:
        weight = Weight(floats=next((file.size // 2 for file in published_for(need, model)), 0))
        sizes += Sizes(vae=weight) if need.role == VAE else Sizes(encoders=weight)
    return sizes


def _by_name(model: Entry, entries: Sequence[Entry]) -> dict[Role, Entry] | Message:
    """What its sidecar names, or a clause on why that can't be."""
    named: dict[Role, Entry] = {}
    by = message("part.by_sidecar")
    for field, kind, names in ((VAE, VAE, (model.vae,)), ("text_encoders", TEXT_ENCODER, model.encoders)):
        for name in (name for name in names if name not in ("", OWN)):
            file = _named(model, name, kind, entries)
            role = None if file is None else role_of(model, file)
            if file is None or role is None:
                return message("part.named", field, by=by, value=name[:80], why=message("part.absent"))
            if role in named:
                return message("part.named_twice", field, by=by, name=file.name, other=named[role].name)
            named[role] = file
    return named


def _named(model: Entry, name: str, kind: str, entries: Sequence[Entry]) -> Entry | None:
    """The file of that name; of several whose own name it is, which are listed with their folders, the nearest."""
    usable = {entry.name: entry for entry in entries if entry.kind == kind and not entry.problem}
    match = matching(normal(name), usable)
    if match is not None:
        return usable[match]
    wanted = without_suffix(normal(name)).casefold()
    alike = [file for file in usable.values() if _own_name(file) == wanted]
    return min(alike, key=lambda file: _order(model, file), default=None)


def _by_kind(model: Entry, entries: Sequence[Entry], named: Mapping[Role, Entry]) -> dict[Role, Entry]:
    """What the model lacks beside what was named: of the files that fit the nearest one, and then the first by name."""
    needs, own = facts_of(model.family).needed(model.variant), own_roles(model)
    kept = {field for field, names in ((VAE, (model.vae,)), ("text_encoders", model.encoders)) if OWN in names}
    fit = {
        cast("Role", need.role): sorted(
            (e for e in entries if _fits(need, e, needs)), key=lambda entry: _order(model, entry)
        )
        for need in needs if need.role not in own | named.keys() and field_of(need.role) not in kept
    }  # fmt: skip
    vaes = [file for file in fit.pop(VAE, []) if _is_meant(model, file)]
    text = _together(model, fit, [file for role, file in named.items() if role != VAE], alone=not own & fit.keys())
    return text | ({VAE: vaes[0]} if vaes else {})


def _together(
    model: Entry, fit: Mapping[Role, Sequence[Entry]], named: Sequence[Entry], *, alone: bool
) -> dict[Role, Entry]:
    """A text encoder for each role, such that together they make as many numbers a token as the denoiser takes."""
    if not all(fit.values()):
        return {role: candidates[0] for role, candidates in fit.items() if candidates}
    for files in itertools.product(*(candidates[:_TRIED] for candidates in fit.values())):
        made = [file.context for file in (*files, *named)]
        if not alone or not model.context or not all(made) or sum(made) == model.context:
            return dict(zip(fit, files, strict=True))
    return {}


def _fits(need: Need, file: Entry, needs: Sequence[Need]) -> bool:
    """Can the file fill the need of one who has all these needs?"""
    if file.problem or file.format == "diffusers":
        return False
    if need.role == VAE:
        return file.kind == VAE and file.family in need.fits and not file.variant
    if file.kind != TEXT_ENCODER:
        return False
    if file.family != "clip":
        return file.family in need.fits
    # Of a width that none of the known ones has: the second is the one that projects.
    two = any(other.role == "text_encoder_2" for other in needs)
    return need.fits[0].startswith("clip") and (need.role == "text_encoder_2") == (two and file.variant == "projecting")


def _is_meant(model: Entry, vae: Entry) -> bool:
    """Of VAEs that fit, which are one network for several families, is it this model's?"""
    if not vae.family:
        return _is_xl(vae) == _takes_xl(model)
    return any(need.role == VAE and vae.family == need.fits[0] for need in facts_of(model.family).needed(model.variant))


def _takes_xl(model: Entry) -> bool:
    """Of plain VAEs of four channels, is it SDXL's that goes with it, as with PixArt-Sigma?"""
    return any(need.public == SDXL_VAE for need in facts_of(model.family).needed(model.variant))


def tiny_vae(model: Entry, files: Sequence[Entry]) -> Entry | None:
    """The VAE as small as TAESD that previews of the model can be made with, the nearest of several; None for none."""
    fits = {name for need in facts_of(model.family).needed(model.variant) if need.role == VAE for name in need.fits}
    xl = _takes_xl(model)
    tiny = [file for file in files if file.kind == VAE and file.variant == TINY and not file.problem]
    fitting = [file for file in tiny if file.family in fits and (file.format == "safetensors") and _is_xl(file) == xl]
    return min(fitting, key=lambda file: _order(model, file), default=None)


def _order(model: Entry, file: Entry) -> tuple[int, int, int, str, str]:
    """The nearest first: by folder, then the one that lies less deep, then called as it is for as long as can be.

    By the folders and the file's own name: what it is called among the models is another once a second has its stem.
    """
    near, folder = Path(model.path).parent.parts, Path(file.path).parent.parts
    name, other = _own_name(file), _own_name(model)
    return -_shared(near, folder), len(folder), -_shared(name, other), name, file.path


def _own_name(entry: Entry) -> str:
    return entry.name.rpartition("/")[2].casefold()


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How long both are the same from their beginning."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _is_xl(file: Entry) -> bool:
    architecture = file.metadata.get("modelspec.architecture", "")
    return any("xl" in text.lower() for text in (architecture, *Path(file.path).parts[-2:]))


def kind_for_names(entry: Entry) -> str:
    """What an entry's name must be the only one of: models are one kind, whichever files they are of."""
    return CHECKPOINT if entry.composes else entry.kind
